"""The record of one client request, from its first byte to its last. Every observer reads this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from router.errors import Source
from router.snapshot import ClientKey, Snapshot, TargetId
from router.types import Usage
from router.wire.base import WireFormat

Outcome = Literal[
    "ok",
    "client_error",
    "denied",
    "rate_limited",
    "budget_exceeded",
    "queue_timeout",
    "upstream_error",
    "timeout",
    "stream_error",
    "client_gone",
    "router_error",
]


class Attempt(NamedTuple):
    """One try at one target."""

    target: TargetId
    outcome: str
    """`ok`, or the class of the outcome table: `connect`, `timeout`, `server`, `rate`, …; `client_gone`."""
    status: int | None
    """The upstream's HTTP status, when one came."""
    seconds: float

    def __str__(self) -> str:
        said = self.status if self.outcome == "ok" or (self.status or 0) >= 400 else self.outcome
        return f"{self.target}:{said}"


@dataclass(slots=True, eq=False)
class Exchange:
    """Monotonic times are seconds of the engine's clock, `wall` seconds since 1970."""

    request_id: str
    snapshot: Snapshot
    client: WireFormat
    """The format the client speaks."""
    raw: bytes
    started: float
    wall: float
    key: ClientKey | None = None
    client_request_id: str | None = None
    passed: tuple[tuple[str, str], ...] = ()
    """Request headers of the allow-list that go on to a target of the same format."""
    deadline: float | None = None
    """Seconds the client gives the whole (`x-router-deadline`); it may only tighten the file's."""
    silence: float | None = None
    """Seconds of silence after which the client gives up (the SDKs' `x-stainless-read-timeout`)."""

    asked: str = ""
    """The model as the client wrote it."""
    model: str | None = None
    """Its name in the file: the label of logs and metrics. None while unknown."""
    stream: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    trying: TargetId | None = None
    """Who is being asked at this moment."""
    target: TargetId | None = None
    """Whose answer the client got."""
    reported_model: str = ""
    usage: Usage | None = None
    cost: int | None = None
    """Nano-dollars; None when the price or the usage is not known."""
    dropped: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    malformed: int = 0
    """Frames of the answer's stream that could not be read and were skipped."""

    outcome: Outcome = "ok"
    status: int = 200
    error_code: str | None = None
    error_source: Source | None = None
    partial: bool = False
    """The client got a part of an answer, and was told so."""
    first_token: float | None = None
    """Seconds from the start to the first meaningful event of the answer."""
    upstream_seconds: float = 0.0
    """Time spent waiting for upstreams; the rest of the duration is ours and the client's."""
    ended: float = 0.0

    @property
    def duration(self) -> float:
        return self.ended - self.started
