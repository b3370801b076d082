"""What a decision may look at besides the snapshot and the request. Types only; `router.state.live` is the daemon's."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from router.errors import Kind
from router.snapshot import Target

BREAKER_OPEN: Final = "breaker open"
TRIAL: Final = "trial in flight"
PARKED: Final = "parked"


class Unavailable(NamedTuple):
    """Why a target is not to be asked now. The one list of reasons: decision, status, metrics, Retry-After."""

    reason: str
    """`breaker open`, `trial in flight`, `parked`; or, of the configuration, why it cannot be used at all."""
    until: float | None
    """When that ends, in seconds of the engine's clock; None: nobody knows."""
    because: Kind | None = None
    """The failure behind it."""
    early: bool = False
    """It is we who chose to leave it alone: when nothing else is left it may be tried before `until`, by one request at a
    time. False where the upstream itself has said when to come back, and where that one request is under way."""

    @property
    def text(self) -> str:
        return self.reason if self.because is None else f"{self.reason} ({self.because})"


class Learned(Protocol):
    """What experience says of targets."""

    def unavailable(self, target: Target) -> Unavailable | None:
        """What was learned of the target speaks against asking it now; None when nothing does."""
        ...


class World(Learned, Protocol):
    """Read synchronously, within one decision."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def turn(self, name: str) -> int:
        """How many decisions were made under `name` before this one."""
        ...
