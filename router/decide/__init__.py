"""Which targets, in which order, and why: `decide(snapshot, ask, world)`. Pure."""

from __future__ import annotations

from router.decide.decide import Ask, Decision, Dropped, allowed_names, decide, find_model, unavailable
from router.decide.refusal import no_target

__all__ = ["Ask", "Decision", "Dropped", "allowed_names", "decide", "find_model", "no_target", "unavailable"]
