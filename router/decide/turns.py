"""Whose turn it is: between a decision and an attempt time passes, and what was learned meanwhile counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from router.decide.decide import Decision, Dropped
from router.errors import NoTarget
from router.snapshot import Target
from router.world import TRIAL, Unavailable, World

TRIAL_TAKES = 1.0
"""Seconds after which to ask again when all that can be said is that one request is finding out: about what an answer takes."""


def turn_of(untried: Sequence[Target], world: World) -> Target | None:
    """Who is asked next: the first that nothing speaks against; else the first that may be tried early, so that there is no
    outage by our own choice; else None, and nobody is asked. Whoever is asked must begin its attempt in the same turn of the
    loop: that is what lets only one request try a target early."""
    early: Target | None = None
    for target in untried:
        why = world.unavailable(target)
        if why is None:
            return target
        if early is None and why.early:
            early = target
    return early


def no_target(decision: Decision, world: World, now: float) -> NoTarget:
    """The error for a request that nobody may be asked for, with every reason and the soonest time at which that changes."""
    gone = list(decision.dropped)
    gone += [Dropped(target.id, why) for target in decision.targets if (why := world.unavailable(target)) is not None]
    reasons = "; ".join(_said(each, now) for each in gone) or "it has none"
    return NoTarget(f"no target of {decision.model.name!r} can be used: {reasons}", retry_after=_soonest(gone, now))


def _said(dropped: Dropped, now: float) -> str:
    if dropped.until is None:
        return f"{dropped.target}: {dropped.reason}"
    return f"{dropped.target}: {dropped.reason}, for {max(dropped.until - now, 0.0):.1f} s"


def _soonest(gone: Iterable[Dropped], now: float) -> float | None:
    waits = [wait for each in gone if (wait := _wait(each.why, now)) is not None]
    return min(waits, default=None)


def _wait(why: Unavailable, now: float) -> float | None:
    """Seconds until it makes sense to ask again; None when only another configuration would help."""
    if why.until is not None:
        return max(why.until - now, 0.0)
    return TRIAL_TAKES if why.reason == TRIAL else None
