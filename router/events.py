"""The canonical stream vocabulary: an answer arriving piece by piece.

`Started`, then parts, then `Finished`; `UsageReported` anywhere, the last one counts. A part is `PartStarted`,
`PartDelta`*, `PartSigned`?, `PartEnded`. Tool calls may be open at the same time, their deltas interleaved (providers send
parallel calls that way); a format whose blocks may not overlap puts them in order when it renders.
"""

from __future__ import annotations

from dataclasses import dataclass

from router.types import Finish, Part, Usage


@dataclass(frozen=True, slots=True)
class Started:
    id: str
    model: str


@dataclass(frozen=True, slots=True)
class PartStarted:
    """`part` as first seen: empty text, a tool call without arguments, a whole redacted block."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More of the part: text, or a fragment of a tool call's arguments, never re-encoded."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class PartSigned:
    """The signature of a thinking part; see `Thinking`."""

    index: int
    signature: str
    origin: str


@dataclass(frozen=True, slots=True)
class PartEnded:
    index: int


@dataclass(frozen=True, slots=True)
class UsageReported:
    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    finish: Finish
    stop_sequence: str | None = None


StreamEvent = Started | PartStarted | PartDelta | PartSigned | PartEnded | UsageReported | Finished
