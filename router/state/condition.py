"""What was learned of one upstream model under one key: a circuit breaker, and the times it asked us, or cost us, to stay away.

A state machine in which the time is an argument. It knows nothing of configurations, names or logs: `health` keeps many.

closed ── `failures` in `window` ──▶ open ── its time is over ──▶ (trial) ── success ──▶ closed
                                      ▲                               └───── failure ──▶ open, for twice as long
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple

from router.errors import Kind
from router.snapshot import BreakerSettings
from router.world import BREAKER_OPEN, PARKED, TRIAL, Unavailable

State = Literal["closed", "trial", "open", "parked"]
"""`trial`: its time out is over, and one request at a time finds out."""
Change = Literal["opened", "closed", "parked"]
"""What a person wants to know of."""

FAILURES: frozenset[Kind] = frozenset({"connect", "timeout", "server", "broken_stream", "empty"})
"""Faults of an upstream. What else fails says nothing about whether it works."""
MOST_BETWEEN = 10
"""A breaker opens only where at least one request in so many has failed, over as many failures as open it."""
MAX_PARK = 86_400.0
"""A day, the longest window of the vendors' quotas: a clock that is years off must not park a target for years."""


class Span(NamedTuple):
    """How long one stays away, when nobody says how long: the first time, and at most, doubling."""

    first: float
    longest: float


PARKS: Mapping[Kind, Span] = {
    "rate": Span(5.0, 60.0),
    "billing": Span(60.0, 600.0),  # Somebody must pay: minutes, and a look now and then.
    "auth": Span(60.0, 60.0),  # Somebody must mend the key: soon seen when they have.
}


class Mark:
    """One attempt, as the condition sees it. `Condition.begin` fills it in."""

    __slots__ = ("early", "epoch", "settings", "trial")

    def __init__(self, settings: BreakerSettings | None) -> None:
        self.settings = settings
        """None: nothing that comes of it counts for the breaker."""
        self.epoch: int | None = None
        """The change of state since which it runs; None: it began when it should not have, and proves nothing."""
        self.trial = False
        self.early = False
        """A trial that was let in before the breaker's time was over."""


class Condition:
    """`begin` marks an attempt; `succeed`, `fail` or `release` ends it."""

    __slots__ = (
        "_asked",
        "_epoch",
        "_failures",
        "_guess",
        "_numbers",
        "_open_for",
        "_open_until",
        "_parked",
        "_parked_by",
        "_requests",
        "_total",
        "_trial",
        "last_error",
        "last_error_at",
        "since",
        "troubled",
    )

    def __init__(self) -> None:
        self._epoch = 0
        """Counts changes of state. An attempt that began before one says nothing about what is now: fifty requests that hang
        when a breaker opens must not open it again when it has closed."""
        self._failures: deque[float] = deque(maxlen=2)
        self._requests: deque[float] = deque(maxlen=2)
        """When they ended, as many as the settings need to see: memory is bounded at any load."""
        self._numbers: deque[int] = deque(maxlen=2)
        """Of each failure, how many requests had ended before it."""
        self._total = 0
        self._open_for = 0.0
        """Seconds; 0 while closed."""
        self._open_until = 0.0
        self._trial: Mark | None = None
        self._guess: tuple[Kind, float] | None = None
        """Why it was parked last, without being told for how long, and for how long."""
        self._parked = 0.0
        """Until when, as we guess."""
        self._asked = 0.0
        """Until when, as the upstream said."""
        self._parked_by: Kind | None = None
        self.troubled = False
        """False: nothing speaks against it, whatever the time is."""
        self.since: float | None = None
        """The last change of state."""
        self.last_error: Kind | None = None
        self.last_error_at: float | None = None

    def unavailable(self, now: float, *, breaker: bool) -> Unavailable | None:
        """`breaker`: whether the one who asks has one; without, only parking counts."""
        if not self.troubled:
            return None
        if now < self._asked:
            return Unavailable(PARKED, max(self._asked, self._parked), self._parked_by)
        parked = now < self._parked
        if self._trial is not None and (parked or (breaker and self._open_for > 0)):
            return Unavailable(TRIAL, None, self.last_error)
        if parked:
            return Unavailable(PARKED, self._parked, self._parked_by, early=True)
        if breaker and now < self._open_until:
            return Unavailable(BREAKER_OPEN, self._open_until, self.last_error, early=True)
        return None

    def state(self, now: float, *, breaker: bool) -> tuple[State, float | None]:
        """The state, and until when it lasts at most, where that is known."""
        why = self.unavailable(now, breaker=breaker)
        if why is None:
            return ("trial" if breaker and self._open_for else "closed"), None
        if why.reason == TRIAL:
            return "trial", None
        return ("parked" if why.reason == PARKED else "open"), why.until

    def failures(self, now: float, window: float) -> int:
        """In the last `window` seconds."""
        return sum(now - at < window for at in self._failures)

    def begin(self, mark: Mark, now: float) -> None:
        """One attempt begins. It is the trial when the breaker is not closed, or while parked, unless there is one."""
        if self.troubled:
            parked = now < self._parked or now < self._asked
            if parked or (mark.settings is not None and self._open_for > 0):
                if self._trial is not None:
                    return
                self._trial = mark
                mark.trial, mark.early = True, now < self._open_until
        mark.epoch = self._epoch

    def release(self, mark: Mark) -> None:
        """It ended without a judgement: another may have the trial."""
        if self._trial is mark:
            self._trial = None

    def prove(self, mark: Mark, now: float) -> Change | None:
        """The answer to a trial has begun: that is what it was for. It goes on as an attempt like any other."""
        if self._trial is not mark:
            return None
        self.release(mark)
        mark.trial = False
        if mark.epoch != self._epoch:
            return None
        change = self._recover(mark, now)
        mark.epoch = self._epoch
        return change

    def succeed(self, mark: Mark, now: float) -> Change | None:
        self.release(mark)
        if mark.epoch != self._epoch:
            return None
        change: Change | None = None
        if mark.trial:
            change = self._recover(mark, now)
        elif self.troubled:
            self._unpark(now)
        if mark.settings is not None:
            self._fit(mark.settings)
            self._requests.append(now)
            self._total += 1
        return change

    def fail(self, mark: Mark, now: float, kind: Kind, told: float | None) -> Change | None:
        """`told`: the seconds the upstream asked us to stay away, where they are too many to wait for."""
        self.release(mark)
        if kind in FAILURES:
            self.last_error, self.last_error_at = kind, now
            return self._count(mark, now)
        if kind in PARKS:
            self.last_error, self.last_error_at = kind, now
            return self._park(now, kind, told)
        return None

    def probed(self, now: float, kind: Kind | None, settings: BreakerSettings) -> Change | None:
        """A look that cost nothing found it well (None), or failing: the former ends the time that the breaker is open, the
        latter counts as a failed request."""
        if kind is None:
            self._open_until = min(self._open_until, now)
            return None
        self.last_error, self.last_error_at = kind, now
        mark = Mark(settings)
        mark.epoch = self._epoch
        return self._count(mark, now) if self._open_for == 0 else None

    def reset(self, now: float) -> bool:
        """Forgets whatever speaks against it. Attempts under way prove nothing any more. True: there was something."""
        had = self.troubled or bool(self._failures)
        self._close()
        self._asked = self._parked = 0.0
        self._turn(now)
        self._unpark(now)
        return had

    def _recover(self, mark: Mark, now: float) -> Change | None:
        was_open = mark.settings is not None and self._open_for > 0
        if was_open:
            self._close()
            self._turn(now)
        self._parked = 0.0
        self._unpark(now)
        return "closed" if was_open else None

    def _count(self, mark: Mark, now: float) -> Change | None:
        settings = mark.settings
        if settings is None or mark.epoch != self._epoch:
            return None
        self._fit(settings)
        self._failures.append(now)
        self._requests.append(now)
        self._numbers.append(self._total)
        self._total += 1
        if self._open_for:
            # A trial that was let in before the time was over has shown nothing about how long is long enough.
            self._open(now, self._open_for if mark.early else 2 * self._open_for, settings)
        elif self._is_enough(now, settings):
            self._open(now, settings.open, settings)
            return "opened"
        return None

    def _is_enough(self, now: float, settings: BreakerSettings) -> bool:
        wanted = max(settings.failures, 2)  # One failure is an accident: never opened on the first.
        if not _within(self._failures, wanted, now, settings.window):
            return False
        if not _within(self._requests, settings.min_requests, now, settings.window):
            return False
        # A busy target has its five failures in thirty seconds at one in a thousand: that is no outage.
        return self._total - self._numbers[-wanted] <= wanted * MOST_BETWEEN

    def _fit(self, settings: BreakerSettings) -> None:
        """The memory, to the largest settings among those who share this condition."""
        size = max(settings.failures, settings.min_requests, 2)
        if size > (self._failures.maxlen or 0):
            self._failures = deque(self._failures, maxlen=size)
            self._numbers = deque(self._numbers, maxlen=size)
            self._requests = deque(self._requests, maxlen=size)

    def _open(self, now: float, seconds: float, settings: BreakerSettings) -> None:
        self._open_for = min(seconds, settings.max_open)
        self._open_until = now + self._open_for
        self.troubled = True
        self._turn(now)

    def _close(self) -> None:
        self._open_for = self._open_until = 0.0
        self._failures.clear()
        self._requests.clear()
        self._numbers.clear()

    def _park(self, now: float, kind: Kind, told: float | None) -> Change | None:
        before = max(self._parked, self._asked)
        if told is not None:
            self._asked = max(self._asked, now + min(told, MAX_PARK))
        elif now >= before:
            # While it is parked, late answers of the same trouble do not count twice.
            first, longest = PARKS[kind]
            seconds = min(2 * self._guess[1], longest) if self._guess is not None and self._guess[0] == kind else first
            self._guess = (kind, seconds)
            self._parked = now + seconds
        if max(self._parked, self._asked) <= before:
            return None
        self._parked_by = kind
        self.troubled = True
        if now < before:
            return None
        self._turn(now)
        return "parked"

    def _unpark(self, now: float) -> None:
        """It answers: what is over is forgotten, with the doubling."""
        if now >= self._parked:
            self._guess, self._parked = None, 0.0
        if now >= self._asked:
            self._asked = 0.0
        self.troubled = self._open_for > 0 or self._trial is not None or self._parked > 0 or self._asked > 0

    def _turn(self, now: float) -> None:
        """A change of state: what runs since before it, its trial included, proves nothing any more, and holds nobody up."""
        self._epoch += 1
        self._trial = None
        self.since = now


def _within(times: deque[float], wanted: int, now: float, window: float) -> bool:
    """Whether the last `wanted` all lie in the window."""
    return wanted <= 0 or (len(times) >= wanted and now - times[-wanted] < window)
