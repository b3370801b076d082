"""What came of the requests of a test, in few words: 15,000 exchanges are not kept."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from router.engine.exchange import Attempt, Exchange

NANO = 1_000_000_000

Value = str | int | tuple[str, ...] | None


class Tried(NamedTuple):
    """Attempts that went the same way."""

    target: str
    outcome: str
    """`ok`, or the class of the outcome table."""
    status: int | None
    """The upstream's HTTP status, when one came."""
    times: int

    def __str__(self) -> str:
        said = f"{self.target} {self.outcome}" + (f" {self.status}" if self.status is not None else "")
        return said if self.times == 1 else f"{said} ({self.times} times)"


@dataclass(slots=True)
class Seen:
    """Of the requests that are looked at: how often each value occurred."""

    target: Counter[Value] = field(default_factory=Counter)
    """Who answered; None where nobody did."""
    targets: Counter[Value] = field(default_factory=Counter)
    """Who was tried, in order; a retry is not another entry."""
    attempts: Counter[Value] = field(default_factory=Counter)
    status: Counter[Value] = field(default_factory=Counter)
    code: Counter[Value] = field(default_factory=Counter)
    """The router's own word for the error; None where there was none."""
    ways: Counter[tuple[str, str, int | None]] = field(default_factory=Counter)
    nano_usd: int = 0
    unpriced: str | None = None
    """A target that answered, and whose price is not known."""
    message: str | None = None
    """What the first client was told that got no answer."""


@dataclass(slots=True)
class Tally:
    """`last_only`: the last request is looked at, as with `repeat`; in a drill it is all of them."""

    last_only: bool
    seen: Seen = field(default_factory=Seen)
    requests: int = 0
    errors: int = 0
    attempts: int = 0
    added: array[float] = field(default_factory=lambda: array("d"))
    """Seconds that each request took longer than without any trouble."""

    def add(self, x: Exchange, calm: float, message: str | None) -> None:
        """`calm`: the seconds the same answer takes when nothing is the matter; `message`: what the client was told in vain."""
        fine = x.outcome == "ok"
        self.requests += 1
        self.errors += not fine
        self.attempts += len(x.attempts)
        self.added.append(max(0.0, x.duration - (calm if fine else 0.0)))
        if self.last_only:
            self.seen = Seen()
        seen = self.seen
        seen.target[x.target if fine else None] += 1
        seen.targets[_each_once(x.attempts)] += 1
        seen.attempts[len(x.attempts)] += 1
        seen.status[x.status] += 1
        seen.code[x.error_code] += 1
        seen.ways.update((each.target, each.outcome, each.status) for each in x.attempts)
        seen.nano_usd += x.cost or 0
        if fine and x.cost is None:
            seen.unpriced = x.target
        if not fine and seen.message is None:
            seen.message = message

    @property
    def cost_usd(self) -> float | None:
        """US dollars of the requests that are looked at; None when a price is not known."""
        return None if self.seen.unpriced is not None else self.seen.nano_usd / NANO

    def figures(self) -> Mapping[str, float | None]:
        """Over all requests."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "p99_added": round(percentile(self.added, 0.99), 6),
            "attempts_per_request": round(self.attempts / self.requests, 6),
            "cost_usd": self.cost_usd,
        }

    @property
    def ways(self) -> tuple[Tried, ...]:
        """The attempts, in the order in which each way was first seen."""
        return tuple(Tried(*way, times) for way, times in self.seen.ways.items())


def percentile(values: array[float], share: float) -> float:
    """By nearest rank: a value that did occur."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _each_once(attempts: list[Attempt]) -> tuple[str, ...]:
    return tuple(each.target for number, each in enumerate(attempts) if number == 0 or attempts[number - 1].target != each.target)
