"""What a request is told that nobody may be asked for: every reason, and when that changes."""

from __future__ import annotations

from collections.abc import Iterable

from router.decide.decide import Decision, Dropped
from router.errors import NoTarget
from router.world import TRIAL, Unavailable

TRIAL_TAKES = 1.0
"""Seconds after which to ask again when all that can be said is that one request is finding out: about what an answer takes."""


def no_target(decision: Decision, now: float) -> NoTarget:
    """The error for a decision without targets. `retry_after` is the true soonest recovery; None when only another
    configuration would help."""
    reasons = "; ".join(_said(each, now) for each in decision.dropped)
    return NoTarget(
        f"no target of {decision.model.name!r} can be asked now: {reasons}", retry_after=_soonest(decision.dropped, now)
    )


def _said(dropped: Dropped, now: float) -> str:
    if dropped.until is None:
        return f"{dropped.target}: {dropped.reason}"
    return f"{dropped.target}: {dropped.reason} for {max(dropped.until - now, 0.0):.1f} s"


def _soonest(gone: Iterable[Dropped], now: float) -> float | None:
    waits = [wait for each in gone if (wait := _wait(each.why, now)) is not None]
    return min(waits, default=None)


def _wait(why: Unavailable, now: float) -> float | None:
    if why.until is not None:
        return max(why.until - now, 0.0)
    return TRIAL_TAKES if why.reason == TRIAL else None
