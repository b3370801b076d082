"""`weight` belongs to `strategy: weighted`, and somebody has to get the traffic."""

from __future__ import annotations

from collections.abc import Iterator

from router.config.checks.base import Check, Part, TargetEntry, mapping, named, section, targets
from router.config.diagnostics import Diagnostic, Suggestion
from router.config.explanation import Code
from router.config.tree import Document, dotted, join

WITHOUT_WEIGHTED = Code(
    "RC208",
    "refs",
    "a weight that nothing reads",
    "`weight` says which part of the traffic a target gets under `strategy: weighted`. The strategy of this model is another one,"
    " so the traffic would not be split as the file suggests.",
    "Set `strategy: weighted` at the model (or at `defaults`), or remove the weights.",
    "models:\n  fast:\n    targets: [{target: openai/gpt-4o-mini, weight: 3}, {target: groq/llama-3.3-70b-versatile, weight: 1}]",
    "models:\n  fast:\n    strategy: weighted\n"
    "    targets: [{target: openai/gpt-4o-mini, weight: 3}, {target: groq/llama-3.3-70b-versatile, weight: 1}]",
)
ALL_ZERO = Code(
    "RC209",
    "refs",
    "weights that sum to 0",
    "Every target of a tier has the weight 0, which means `only when nothing else is left`. There is nothing else, so the weights"
    " say nothing about who is asked first.",
    "Give at least one target of the tier a weight above 0.",
    "models:\n  fast:\n    strategy: weighted\n"
    "    targets: [{target: openai/gpt-4o-mini, weight: 0}, {target: groq/llama-3.3-70b-versatile, weight: 0}]",
    "models:\n  fast:\n    strategy: weighted\n"
    "    targets: [{target: openai/gpt-4o-mini, weight: 1}, {target: groq/llama-3.3-70b-versatile, weight: 0}]",
)


def without_weighted(document: Document) -> Iterator[Diagnostic]:
    """RC208"""
    for model in named(document, "models"):
        strategy = _strategy(document, model)
        if strategy is None or strategy == "weighted":
            continue
        for target in targets(model):
            if "weight" in target.settings:
                pointer = join(target.settings_pointer, "weight")
                yield Diagnostic(
                    "RC208",
                    "error",
                    f"`{dotted(pointer)}` does nothing: the strategy of `{model.name}` is {strategy}",
                    pointer,
                    document.at_key(pointer),
                    label="read by `strategy: weighted` only",
                    suggestions=(Suggestion(f"write `strategy: weighted` at `models.{model.name}`, or remove the weight"),),
                )


def all_zero(document: Document) -> Iterator[Diagnostic]:
    """RC209"""
    for model in named(document, "models"):
        tiers: dict[object, list[TargetEntry]] = {}
        for target in targets(model):
            tier = target.settings.get("tier", 1)
            tiers.setdefault(tier if isinstance(tier, int | str) else None, []).append(target)
        for tier, entries in tiers.items():
            weights = [entry.settings.get("weight", 1) for entry in entries]
            if _strategy(document, model) != "weighted" or any(not _is_zero(weight) for weight in weights):
                continue
            pointer = join(entries[0].settings_pointer, "weight")
            message = f"the weights of tier {tier} of `models.{model.name}` sum to 0"
            yield Diagnostic("RC209", "error", message, pointer, document.at(pointer), label="at least one has to be above 0")


def _strategy(document: Document, model: Part) -> str | None:
    """The name of the strategy that holds for the model, or None when it cannot be told."""
    for settings in (model.value, section(document, "defaults")):
        if "strategy" in settings:
            written = settings["strategy"]
            name = mapping(settings, "strategy").get("type") if isinstance(written, dict) else written
            return name if isinstance(name, str) and "${" not in name else None
    return "ordered"


def _is_zero(weight: object) -> bool:
    return isinstance(weight, int | float) and not isinstance(weight, bool) and weight == 0


CHECKS = (
    Check("refs", without_weighted, (WITHOUT_WEIGHTED,)),
    Check("refs", all_zero, (ALL_ZERO,)),
)
