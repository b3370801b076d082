"""Targets made by hand, and a clock that stands still until it is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from router.outcomes import Backoff
from router.snapshot import BreakerSettings, HealthKey, RetryBudget, Target, TargetId, Timeouts, UpstreamModel
from router.state.health import HealthBook
from router.wire.base import Wanted


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


USUAL = BreakerSettings()
FIFTH = RetryBudget()


def target(
    name: str = "a/m",
    *,
    breaker: BreakerSettings | None = USUAL,
    budget: RetryBudget = FIFTH,
    model: str | None = None,
    credential: str = "k",
    label: str = "",
) -> Target:
    provider, _, asked = name.partition("/")
    upstream = UpstreamModel(model or asked)
    return Target(
        id=TargetId(name),
        provider=provider,
        model=upstream,
        endpoints={},
        tier=1,
        weight=1.0,
        off=None,
        price=None,
        timeouts=Timeouts(5, 10, 60, 30, 120, 600),
        retries=1,
        backoff=Backoff(0.25, 5),
        wanted=Wanted(model=upstream, params={}, max_tokens_field=None, stream_usage=True),
        pacing=None,
        health=HealthKey(provider, "http://a", credential, upstream),
        breaker=breaker,
        retry_budget=budget,
        label=label,
    )


def book() -> tuple[HealthBook, Clock]:
    clock = Clock()
    return HealthBook(clock), clock


def open_up(book: HealthBook, target: Target, failures: int = 5) -> None:
    """What opens it: requests that fail at once, together."""
    leases = [book.attempt(target) for _ in range(failures)]
    for lease in leases:
        lease.failed("server", None)
