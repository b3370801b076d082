"""Errors where an answer was expected: what is no choice at all, and choices that say their provider failed."""

from __future__ import annotations

from router.types import Json
from router.wire.base import Fault, StreamFault
from router.wire.fault import in_band


def is_error(answer: Json) -> bool:
    """`{"error": …}`, or vLLM's older `{"object": "error", "message": …}`."""
    return bool(answer.get("error")) or answer.get("object") == "error"


def refuse_broken(choice: Json) -> None:
    """Raises `StreamFault` for a choice of OpenRouter's that carries an error, or ends with one."""
    if choice.get("error"):
        raise in_band({"error": choice["error"]})
    if choice.get("finish_reason") == "error":
        raise StreamFault(Fault("the provider ended its answer with an error", None, None), 502)
