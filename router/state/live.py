"""The world as this process knows it. Outlives every snapshot; everything is keyed by names, never by position."""

from __future__ import annotations

import time
from collections.abc import Callable

from router.state.health import HealthBook


class Live:
    """Implements `router.world.World`. Synchronous: a decision and what it rests on are never separated by an await."""

    def __init__(self, random: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """`random` gives numbers in [0, 1), `clock` the engine's seconds."""
        self.random = random
        self.health = HealthBook(clock)
        self.unavailable = self.health.unavailable
        self._turns: dict[str, int] = {}

    def turn(self, name: str) -> int:
        turn = self._turns.get(name, 0)
        self._turns[name] = turn + 1
        return turn
