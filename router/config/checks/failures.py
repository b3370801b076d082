"""What is said about failures has to have an effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.config.checks.base import Check, mapping, named, section
from router.config.diagnostics import Diagnostic, Related
from router.config.explanation import Code
from router.config.model.settings import BUILT_IN
from router.config.tree import Document, join
from router.units import parse_duration

UNREAD_GUARD = Code(
    "RC411",
    "policy",
    "a guard that nothing reads",
    "`guard` says how far `midstream: guard` holds the output back. This model does something else with a stream that breaks, so"
    " its clients are not protected as the file suggests.",
    "Write `midstream: guard` at the model (or at `defaults`), or remove `guard`.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], guard: 2s}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini], midstream: guard, guard: 2s}",
    severity="warning",
    allowable=True,
)
HASTY_PROBE = Code(
    "RC412",
    "policy",
    "a probe more often than a breaker stays open",
    "`health.probe` is shorter than the breaker's `open`. A good probe ends the time a breaker stays open, and a failed one"
    " counts as a failure: so often, probes alone decide what requests should tell, and `open` says nothing.",
    "Probe less often than `open`; the default of 5s suits probes of 10s and more.",
    "providers:\n  local: {type: ollama, health: {probe: 1s}}",
    "providers:\n  local: {type: ollama, health: {probe: 30s}}",
    severity="warning",
    allowable=True,
)


def unread_guard(document: Document) -> Iterator[Diagnostic]:
    """RC411. A `guard` under `defaults` is for whatever model says `midstream: guard`, today or later."""
    above = section(document, "defaults").get("midstream", BUILT_IN.midstream)
    for model in named(document, "models"):
        midstream = model.value.get("midstream", above)
        if "guard" not in model.value or midstream == "guard" or not isinstance(midstream, str) or "${" in midstream:
            continue
        pointer = join(model.pointer, "guard")
        yield Diagnostic(
            "RC411",
            "warning",
            f"`models.{model.name}.guard` does nothing: its midstream is {midstream}",
            pointer,
            document.at_key(pointer),
            label="read by `midstream: guard` only",
        )


def hasty_probe(document: Document) -> Iterator[Diagnostic]:
    """RC412"""
    for provider in named(document, "providers"):
        probe = _seconds(mapping(provider.value, "health").get("probe"))
        opened = _open(document, provider.value)
        if probe is None or opened is None or probe >= opened[0]:
            continue
        pointer = join(join(provider.pointer, "health"), "probe")
        yield Diagnostic(
            "RC412",
            "warning",
            f"`{provider.name}` is probed more often than its breaker stays open",
            pointer,
            document.at(pointer),
            label=f"shorter than `open`, {opened[0]:g}s",
            related=(Related("`open` is set here", document.at(opened[1])),) if opened[1] else (),
        )


def _open(document: Document, provider: dict[str, Any]) -> tuple[float, str] | None:
    """How long a breaker of the provider stays open, and where the file says so; None when it has none, or it cannot be told."""
    for settings, pointer in ((provider, ""), (section(document, "defaults"), "/defaults/breaker/open")):
        breaker = settings.get("breaker", {})
        if not isinstance(breaker, dict):
            return None
        if "open" in breaker:
            seconds = _seconds(breaker["open"])
            return None if seconds is None else (seconds, pointer)
    assert BUILT_IN.breaker is not None
    assert BUILT_IN.breaker.open is not None
    return BUILT_IN.breaker.open, ""


def _seconds(written: Any) -> float | None:
    """Of a duration; None for what is none, or a reference."""
    try:
        return parse_duration(written) if isinstance(written, str) else None
    except ValueError:
        return None


CHECKS = (
    Check("policy", unread_guard, (UNREAD_GUARD,)),
    Check("policy", hasty_probe, (HASTY_PROBE,)),
)
