"""What came of the requests of a test, in few words: 15,000 exchanges are not kept."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

from router.engine.exchange import Attempt, Exchange

NANO = 1_000_000_000


class Way(NamedTuple):
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
class Tally:
    """Of a drill: figures over all requests. Of any other test: what came of the last one."""

    drill: bool
    requests: int = 0
    errors: int = 0
    attempts: int = 0
    nano_usd: int = 0
    unpriced: str | None = None
    """A target that answered, and whose price is not known."""
    added: array[float] = field(default_factory=lambda: array("d"))
    """Seconds that each request took longer than without any trouble."""
    message: str | None = None
    """What a client was told that got no answer: the first of a drill."""
    _last: Exchange | None = None
    _ways: Counter[tuple[str, str, int | None]] = field(default_factory=Counter)

    def add(self, x: Exchange, calm: float, message: str | None) -> None:
        """`calm`: the seconds the same answer takes when nothing is the matter; `message`: what the client was told in vain."""
        if not self.drill:
            self._begin_anew()
        fine = x.outcome == "ok"
        self.requests += 1
        self.errors += not fine
        self.attempts += len(x.attempts)
        self.nano_usd += x.cost or 0
        if fine and x.cost is None:
            self.unpriced = x.target
        self.added.append(max(0.0, x.duration - (calm if fine else 0.0)))
        if self.message is None:
            self.message = message
        self._last = x
        self._ways.update((each.target, each.outcome, each.status) for each in x.attempts)

    def got(self) -> Mapping[str, Any]:
        """Everything such a test can expect something of, by the words of the file."""
        return self._figures() if self.drill else self._single()

    @property
    def ways(self) -> tuple[Way, ...]:
        """The attempts, in the order in which each way was first seen."""
        return tuple(Way(*way, times) for way, times in self._ways.items())

    def _figures(self) -> Mapping[str, Any]:
        return {
            "requests": self.requests,
            "errors": self.errors,
            "p99_added": round(percentile(self.added, 0.99), 6),
            "attempts_per_request": round(self.attempts / self.requests, 6),
            "cost_usd": self._cost_usd,
        }

    def _single(self) -> Mapping[str, Any]:
        x = self._last
        assert x is not None, "every test has a request, and every request is settled"
        return {
            "target": x.target if x.outcome == "ok" else None,
            "targets": _each_once(x.attempts),
            "attempts": len(x.attempts),
            "status": x.status,
            "code": x.error_code,
            "cost_usd": self._cost_usd,
        }

    @property
    def _cost_usd(self) -> float | None:
        """None when a price is not known."""
        return None if self.unpriced is not None else self.nano_usd / NANO

    def _begin_anew(self) -> None:
        self.requests = self.errors = self.attempts = self.nano_usd = 0
        self.unpriced = self.message = None
        self.added = array("d")
        self._ways.clear()


def percentile(values: array[float], share: float) -> float:
    """By nearest rank: a value that did occur."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _each_once(attempts: list[Attempt]) -> list[str]:
    """A retry is not another entry."""
    return [each.target for number, each in enumerate(attempts) if number == 0 or attempts[number - 1].target != each.target]
