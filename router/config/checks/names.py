"""The names of models: each is given once, and a `*` has something to stand for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from router.config.checks.base import Check, Text, leads, named, patterns, place_of, section, targets, texts
from router.config.diagnostics import Diagnostic, Related, Suggestion
from router.config.explanation import Code
from router.config.tree import Document, join

STAR_OF_NOTHING = Code(
    "RC203",
    "refs",
    "a `*` that stands for nothing",
    "In a model whose name is a pattern, `*` in a target is replaced by what the pattern's `*` matched. The name of this model"
    " has no `*`, so nothing can be put there, and the provider would be asked for a model that is called `*`.",
    "Write the upstream model in full, or make the model's name a pattern.",
    'models:\n  gpt: {targets: ["openai/gpt-*"]}',
    'models:\n  "gpt-*": {targets: ["openai/gpt-*"]}',
)
NAMED_TWICE = Code(
    "RC204",
    "refs",
    "a name given twice",
    "A further name (`also`) is the name of another model, or a further name of one. Which of the two serves a request would"
    " depend on the order of the file.",
    "Give each name to one model.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], also: [chat]}\n  chat: {targets: [openai/gpt-4o]}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], also: [quick]}\n  chat: {targets: [openai/gpt-4o]}",
)
ALSO_OF_PATTERN = Code(
    "RC205",
    "refs",
    "further names of a pattern",
    "A pattern's targets are made from what its `*` matched. A further name has no such part, so there would be nothing to make"
    " them from.",
    "Write the further name as a model of its own.",
    'models:\n  "gpt-*": {targets: ["openai/gpt-*"], also: [chat]}',
    'models:\n  "gpt-*": {targets: ["openai/gpt-*"]}\n  chat: {targets: [openai/gpt-4o]}',
)
OVERLAP = Code(
    "RC211",
    "refs",
    "patterns that overlap",
    "Two patterns fit the same names, and neither is a special case of the other. The longer literal prefix wins, then the longer"
    " suffix: a rule that a reader of the file may not have in mind.",
    "Make one of them more precise, or allow the finding when the order is what you mean.",
    'models:\n  "gpt-*": {targets: ["openai/gpt-*"]}\n  "*-mini": {targets: ["groq/*-mini"]}',
    'models:\n  "gpt-*": {targets: ["openai/gpt-*"]}\n  "llama-*": {targets: ["groq/llama-*"]}',
    severity="warning",
    allowable=True,
)
TARGET_TWICE = Code(
    "RC212",
    "refs",
    "a target listed twice",
    "The same target stands twice in one model. A request tries each target once, so that the second entry does nothing but"
    " confuse: for more tries use `retries`, for a greater part of the traffic `weight`.",
    "Remove one of them.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini, openai/gpt-4o-mini]}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], retries: 2}",
    severity="warning",
    allowable=True,
)


def star_of_nothing(document: Document) -> Iterator[Diagnostic]:
    """RC203"""
    names = section(document, "models")
    entries = [(model, Text(each.pointer, each.text)) for model in named(document, "models") for each in targets(model)]
    entries += [(each.model, each.entry) for each in leads(document) if "/" in each.entry.text and each.entry.text not in names]
    for model, entry in entries:
        if "*" not in entry.text or "*" in model.name:
            continue
        everywhere = model.pointer == "/defaults"
        yield Diagnostic(
            "RC203",
            "error",
            f"`{entry.text}` has a `*`, and " + ("`defaults` has no name" if everywhere else f"the name `{model.name}` has none"),
            entry.pointer,
            place_of(document, document.at(entry.pointer), "*"),
            label="nothing to put here",
            related=() if everywhere else (Related("the name of the model", document.at_key(model.pointer)),),
        )


def named_twice(document: Document) -> Iterator[Diagnostic]:
    """RC204"""
    given = {name: join("/models", name) for name in section(document, "models")}
    for model in named(document, "models"):
        for other in texts(model, "also"):
            first = given.setdefault(other.text, other.pointer)
            if first != other.pointer:
                yield Diagnostic(
                    "RC204",
                    "error",
                    f"the name `{other.text}` is given twice",
                    other.pointer,
                    document.at(other.pointer),
                    label="given again",
                    related=(Related("given here", document.at_key(first)),),
                    suggestions=(Suggestion("leave it out: it is the model's name already"),) if other.text == model.name else (),
                )


def also_of_pattern(document: Document) -> Iterator[Diagnostic]:
    """RC205"""
    for model in named(document, "models"):
        if "*" in model.name and model.value.get("also"):
            pointer = join(model.pointer, "also")
            message = f"the pattern `{model.name}` has further names"
            yield Diagnostic("RC205", "error", message, pointer, document.at_key(pointer), label="a pattern has one name")


def overlapping_patterns(document: Document) -> Iterator[Diagnostic]:
    """RC211"""
    for winner, loser in combinations(patterns(document), 2):
        first, second = _cut(winner), _cut(loser)
        nested = _within(first, second) or _within(second, first)
        if nested or not _meet(first, second):
            continue
        example = _both(first, second)
        pointer = join("/models", loser)
        yield Diagnostic(
            "RC211",
            "warning",
            f"`{winner}` and `{loser}` both fit names such as `{example}`",
            pointer,
            document.at_key(pointer),
            label=f"`{winner}` wins there",
            related=(Related("the pattern that wins", document.at_key(join("/models", winner))),),
        )


def target_twice(document: Document) -> Iterator[Diagnostic]:
    """RC212"""
    for model in named(document, "models"):
        first: dict[str, str] = {}
        for target in targets(model):
            before = first.setdefault(target.text, target.pointer)
            if before != target.pointer:
                yield Diagnostic(
                    "RC212",
                    "warning",
                    f"`{target.text}` is listed twice in `models.{model.name}`",
                    target.pointer,
                    document.at(target.pointer),
                    label="tried once only",
                    related=(Related("listed first here", document.at(before)),),
                )


def _cut(pattern: str) -> tuple[str, str]:
    prefix, _, suffix = pattern.partition("*")
    return prefix, suffix


def _within(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    """Whether everything that `inner` fits, `outer` fits too."""
    return inner[0].startswith(outer[0]) and inner[1].endswith(outer[1])


def _meet(first: tuple[str, str], second: tuple[str, str]) -> bool:
    (a, x), (b, y) = first, second
    return (a.startswith(b) or b.startswith(a)) and (x.endswith(y) or y.endswith(x))


def _both(first: tuple[str, str], second: tuple[str, str]) -> str:
    """A name that both patterns fit."""
    return max(first[0], second[0], key=len) + "x" + max(first[1], second[1], key=len)


CHECKS = (
    Check("refs", star_of_nothing, (STAR_OF_NOTHING,)),
    Check("refs", named_twice, (NAMED_TWICE,)),
    Check("refs", also_of_pattern, (ALSO_OF_PATTERN,)),
    Check("refs", overlapping_patterns, (OVERLAP,)),
    Check("refs", target_twice, (TARGET_TWICE,)),
)
