"""How late the event loop runs: what blocks it shows here before it shows in latencies."""

from __future__ import annotations

import asyncio
from collections import deque

EVERY = 0.5  # Seconds between looks: two wake-ups a second are nothing, and a stall of a tenth of a second is seen.
KEPT = 30  # Looks remembered, 15 seconds: the usual scrape interval, so that no stall falls between two scrapes.


class LoopLag:
    """Asks the loop to call back and notes how much later than promised it did."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=KEPT)
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._look_at(loop, loop.time() + EVERY)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def seconds(self) -> float:
        """The worst of the last 15 seconds."""
        return max(self._late, default=0.0)

    def _look_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._timer = loop.call_at(when, self._look, loop, when)

    def _look(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        now = loop.time()
        self._late.append(max(now - when, 0.0))
        self._look_at(loop, now + EVERY)
