"""Many waits behind one timer of the loop.

Nearly every wait ends long before its time: arming and cancelling a timer of its own for each request costs the loop more than
the wait is worth (4 µs under uvloop). Here an alarm is an entry in a heap, and taking it back only marks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush

SLACK = 256
"""Entries taken back that may lie about, beside as many as are alive."""


class Alarm:
    """One wait. `ring` is called once, at `at`, unless it is taken back before."""

    __slots__ = ("at", "ring")

    def __init__(self, at: float, ring: Callable[[], None]) -> None:
        self.at = at
        self.ring: Callable[[], None] | None = ring
        """None: taken back, or over."""

    def __lt__(self, other: Alarm) -> bool:
        return self.at < other.at


class Alarms:
    """The alarms of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[Alarm] = []
        self._alive = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float, ring: Callable[[], None]) -> Alarm:
        """`at` in seconds of the loop's clock."""
        alarm = Alarm(at, ring)
        heappush(self._heap, alarm)
        self._alive += 1
        if self._heap[0] is alarm:
            self._arm()
        return alarm

    def take_back(self, alarm: Alarm) -> None:
        """Idempotent."""
        if alarm.ring is None:
            return
        alarm.ring = None
        self._alive -= 1
        if not self._alive:
            self._heap.clear()
            self._arm()
        elif len(self._heap) > 2 * self._alive + SLACK:
            self._heap = [each for each in self._heap if each.ring is not None]
            heapify(self._heap)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._heap[0].at, self._due) if self._heap else None

    def _due(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._heap and (self._heap[0].at <= now or self._heap[0].ring is None):
            alarm = heappop(self._heap)
            ring, alarm.ring = alarm.ring, None
            if ring is not None:
                self._alive -= 1
                ring()
        if self._timer is None:
            self._arm()
