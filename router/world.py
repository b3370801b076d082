"""What a decision may look at besides the snapshot and the request. Types only; `router.state.live` is the daemon's."""

from __future__ import annotations

from typing import Protocol


class World(Protocol):
    """Read synchronously, within one decision."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def turn(self, name: str) -> int:
        """How many decisions were made under `name` before this one."""
        ...
