"""What a decision may look at besides the snapshot and the request. Types only; `router.state.live` is the daemon's."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from router.snapshot import Target


class Unavailable(NamedTuple):
    """Why a target is not to be asked now. The one list of reasons: decision, status, metrics, Retry-After."""

    reason: str
    """`breaker open`, `trial in flight`, `parked`, …"""
    until: float | None
    """When that ends, in seconds of the engine's clock; None: nobody knows."""


class World(Protocol):
    """Read synchronously, within one decision."""

    def unavailable(self, target: Target) -> Unavailable | None:
        """What was learned of the target speaks against asking it now; None when nothing does."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def turn(self, name: str) -> int:
        """How many decisions were made under `name` before this one."""
        ...
