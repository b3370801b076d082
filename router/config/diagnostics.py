"""One finding about a configuration file. Every renderer, level and endpoint speaks this type.

A Diagnostic without a range cannot be made: whoever reports must know where. Lines and columns count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """`end` is exclusive. Columns count characters, not bytes."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Place:
    """A range in a named file."""

    file: str
    range: Range


@dataclass(frozen=True, slots=True)
class Related:
    message: str
    place: Place


@dataclass(frozen=True, slots=True)
class Edit:
    range: Range
    text: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    title: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    code: str
    """`RC101`; stable, explained by `router explain RC101`."""
    severity: Severity
    message: str
    pointer: str
    """JSON pointer (RFC 6901) of the value it is about; '' is the whole file."""
    place: Place
    label: str = ""
    """What stands beside the caret."""
    related: tuple[Related, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    """`allowed here: …`"""


class ConfigError(Exception):
    """A configuration that cannot be used; carries every problem found, because people fix a file, not a line."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        errors = [d for d in diagnostics if d.severity == "error"]
        super().__init__("; ".join(f"{d.place.file}:{d.place.range.start.line}: {d.code} {d.message}" for d in errors))
        self.diagnostics = diagnostics
