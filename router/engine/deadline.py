"""One timer for a whole exchange, whatever is being waited for.

`asyncio.timeout` would be armed and cancelled for every chunk; this one stays where it is and looks, when it goes off,
whether its time was moved. It ends a wait as asyncio.timeout does: by cancelling the task, and `expired` tells that
cancellation from a client that left.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from router.engine.alarms import Alarm, Alarms
from router.errors import Clock, UpstreamTimeout

NEVER = float("inf")


class Patience:
    """Use as a context manager around everything that may have to end in time, in the task that waits.

    `deadline` is seconds from now for the whole. `allow` sets how long the next thing may take, `touch` starts it anew.
    """

    __slots__ = ("_alarm", "_alarms", "_at", "_attempt_ends", "_clock", "_ends", "_loop", "_task", "_waiting", "expired")

    def __init__(self, deadline: float, alarms: Alarms) -> None:
        self._alarms = alarms
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._ends = self._loop.time() + deadline
        self._attempt_ends = self._ends
        self._at = self._ends
        self._clock: Clock = "deadline"
        self._waiting = 0.0
        self._alarm: Alarm | None = None
        self.expired: Clock | None = None
        """Which clock ran out; the cancellation that follows is ours."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if kind is asyncio.CancelledError and (timeout := self.timeout()) is not None:
            raise timeout from error

    def stop(self) -> None:
        if self._alarm is not None:
            self._alarms.take_back(self._alarm)
            self._alarm = None

    @property
    def left(self) -> float:
        """Seconds until the deadline of the whole."""
        return self._ends - self._loop.time()

    def attempt(self, total: float) -> None:
        """A new attempt begins, which may take `total` seconds."""
        self._attempt_ends = self._loop.time() + total

    def allow(self, seconds: float, clock: Clock) -> None:
        """The wait that begins now may take `seconds`; whichever of it, the attempt's total and the deadline is first."""
        self._waiting = seconds
        self._at, self._clock = self._loop.time() + seconds, clock
        if self._attempt_ends < self._at or self._ends < self._at:
            self._bound()
        if self._alarm is not None and self._alarm.at > self._at:
            self.stop()
        if self._alarm is None:
            self._alarm = self._alarms.set(self._at, self._look)

    def _bound(self) -> None:
        if self._attempt_ends < self._ends:
            self._at, self._clock = self._attempt_ends, "total"
        else:
            self._at, self._clock = self._ends, "deadline"

    def touch(self) -> None:
        """Something arrived: the same wait begins anew."""
        at = self._loop.time() + self._waiting
        if at < self._attempt_ends and at < self._ends:
            self._at = at
        else:
            self._bound()

    def _look(self) -> None:
        if self._loop.time() < self._at:
            self._alarm = self._alarms.set(self._at, self._look)
            return
        self._alarm = None
        self.expired = self._clock
        self._task.cancel()

    def timeout(self) -> UpstreamTimeout | None:
        """Called on CancelledError: the timeout it stands for, or None when the cancellation came from outside (also when
        both did: then the client has left, and that is what counts)."""
        if self.expired is None:
            return None
        clock, self.expired = self.expired, None
        if self._task.uncancel() > 0:
            return None
        return UpstreamTimeout(f"{_SAYING[clock]} in time", clock=clock)


_SAYING: dict[Clock, str] = {
    "connect": "no connection was made",
    "first_token": "the first token did not come",
    "idle": "the next part of the answer did not come",
    "answer": "the answer did not come",
    "total": "the answer did not end",
    "deadline": "no answer was found",
}
