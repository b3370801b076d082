"""The world as this process knows it. Outlives every snapshot; everything is keyed by names, never by position."""

from __future__ import annotations

from collections.abc import Callable

from router.snapshot import Target
from router.world import Unavailable


class Live:
    """Implements `router.world.World`. Synchronous: a decision and what it rests on are never separated by an await."""

    def __init__(self, random: Callable[[], float]) -> None:
        self.random = random
        self._turns: dict[str, int] = {}

    def unavailable(self, target: Target) -> Unavailable | None:
        return None

    def turn(self, name: str) -> int:
        turn = self._turns.get(name, 0)
        self._turns[name] = turn + 1
        return turn
