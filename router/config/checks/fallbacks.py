"""`fallback` and `outcomes` name other models. They have to lead somewhere, and somewhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from router.config.checks.base import (
    Check,
    Part,
    Text,
    at,
    fits,
    leads,
    model_names,
    named,
    own_names,
    patterns,
    section,
    targets,
    texts,
)
from router.config.diagnostics import Diagnostic, Edit, Related, Suggestion
from router.config.explanation import Code
from router.config.scalars import quote, read_plain
from router.config.similar import nearest
from router.config.tree import Document, parts

UNKNOWN_MODEL = Code(
    "RC202",
    "refs",
    "unknown model",
    "`fallback`, a `next` in `outcomes`, or a test names a model that is not there: neither under `models`, nor as a further name"
    " (`also`), nor as something a pattern takes. When a request is to go there, it would have nowhere to go, and nobody would"
    " know until then.",
    "Correct the name, add the model, or name a target directly: PROVIDER/MODEL.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [smrt]}\n  smart: {targets: [openai/gpt-4o]}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [smart]}",
)
SELF = Code(
    "RC210",
    "refs",
    "a model falls back to itself",
    "A model is listed in its own `fallback`, or in a `next` of its own `outcomes`, by its name or by one of its further names."
    " Its targets are what the failure left behind; they would not be tried again. Two models may name each other: the fallbacks"
    " of a fallback are not followed, so nothing can go round in circles. A `next` under `defaults` may name any model: for that"
    " model itself the table holds.",
    "Name another model, or leave the entry out.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [fast]}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [smart]}",
)
CAUGHT = Code(
    "RC213",
    "refs",
    "a fallback that only a pattern takes",
    "No model has exactly this name, so that a pattern takes it, and a model with nearly the same name exists. Most likely the"
    " name is misspelt: without the pattern it would have been an error.",
    "Correct the name. If the pattern is meant, allow the finding.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [smrt]}\n  smart: {targets: [openai/gpt-4o]}\n"
    '  "*": {targets: [local/llama3.2]}',
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [smart]}",
    severity="warning",
    allowable=True,
)
NOTHING_NEW = Code(
    "RC409",
    "policy",
    "a fallback that adds nothing",
    "Every target of the model behind `fallback` is a target of this model already. A request tries each target once, so the"
    " fallback never helps: when it is reached, nothing is left to try.",
    "Name a model with other targets, or leave the fallback out.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [cheap]}\n  cheap: {targets: [openai/gpt-4o-mini]}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], fallback: [cheap]}\n  cheap: {targets: [groq/llama-3.3-70b-versatile]}",
    severity="warning",
    allowable=True,
)


class _Names(NamedTuple):
    exact: dict[str, str]
    patterns: list[str]
    providers: dict[str, object]

    @classmethod
    def of(cls, document: Document) -> _Names:
        return cls(model_names(document), patterns(document), section(document, "providers"))

    def is_target(self, text: str) -> bool:
        return text not in self.exact and "/" in text


def unknown_model(document: Document) -> Iterator[Diagnostic]:
    """RC202, and RC213 where only a pattern hides it. A name with a slash and an unknown provider is RC201."""
    names = _Names.of(document)
    for lead in leads(document):
        entry, own = lead.entry, own_names(lead.model)
        if entry.text in names.exact or entry.text in own or names.is_target(entry.text):
            continue
        near = nearest(entry.text, (name for name in names.exact if name not in own))
        takes = next((pattern for pattern in names.patterns if fits(entry.text, pattern)), None)
        if "*" in entry.text or takes is None:
            yield no_such_model(document, entry, near)
        elif near is not None:
            yield _caught(document, entry, near, takes)


def no_such_model(document: Document, entry: Text, near: str | None) -> Diagnostic:
    """RC202"""
    known = ", ".join(section(document, "models"))
    return Diagnostic(
        "RC202",
        "error",
        f"no model is named `{entry.text}`",
        entry.pointer,
        document.at(entry.pointer),
        label="not a name under `models`",
        related=_declared(document, near),
        suggestions=_meant(document, entry, near),
        notes=(f"declared: {known}",) if near is None else (),
    )


def _caught(document: Document, entry: Text, near: str, pattern: str) -> Diagnostic:
    return Diagnostic(
        "RC213",
        "warning",
        f"no model is named `{entry.text}`; the pattern `{pattern}` takes it",
        entry.pointer,
        document.at(entry.pointer),
        label="a slip of the pen?",
        related=_declared(document, near),
        suggestions=_meant(document, entry, near),
    )


def _declared(document: Document, near: str | None) -> tuple[Related, ...]:
    return () if near is None else (Related(f"`{near}` is declared here", document.at_key(model_names(document)[near])),)


def _meant(document: Document, entry: Text, near: str | None) -> tuple[Suggestion, ...]:
    if near is None:
        return ()
    declared = document.at_key(model_names(document)[near])
    written = near if read_plain(near) == near else quote(near)
    edit = Edit(document.at(entry.pointer).range, written)
    return (Suggestion(f"did you mean `{near}`? declared at {at(declared)}", (edit,)),)


def self_fallback(document: Document) -> Iterator[Diagnostic]:
    """RC210"""
    for lead in leads(document):
        if lead.entry.text not in own_names(lead.model):
            continue
        path, name = lead.entry.pointer, lead.model.name
        falls = f"`models.{name}` falls back to itself"
        yield Diagnostic(
            "RC210",
            "error",
            falls if lead.key == "fallback" else f"`{lead.key}` of `models.{name}` names the model itself",
            path,
            document.at(path),
            label="its targets were all tried by then" if lead.key == "fallback" else "its own targets are what failed",
            related=(Related("the model", document.at_key(lead.model.pointer)),),
        )


def nothing_new(document: Document) -> Iterator[Diagnostic]:
    """RC409"""
    models = {model.name: model for model in named(document, "models")}
    exact = {name: list(parts(pointer))[1] for name, pointer in model_names(document).items()}
    for model in models.values():
        own = _targets_of(model)
        for entry in texts(model, "fallback"):
            other = models.get(exact.get(entry.text, ""))
            behind = {entry.text} if "/" in entry.text and other is None else _targets_of(other) if other else set()
            if other is not model and behind and behind <= own:
                yield Diagnostic(
                    "RC409",
                    "warning",
                    f"the fallback `{entry.text}` has no target that `{model.name}` does not have",
                    entry.pointer,
                    document.at(entry.pointer),
                    label="nothing is left to try when it is reached",
                )


def _targets_of(model: Part) -> set[str]:
    return {target.text for target in targets(model)}


CHECKS = (
    Check("refs", unknown_model, (UNKNOWN_MODEL, CAUGHT)),
    Check("refs", self_fallback, (SELF,)),
    Check("policy", nothing_new, (NOTHING_NEW,)),
)
