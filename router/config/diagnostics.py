"""One finding about a configuration file. Every renderer, level and endpoint speaks this type.

A Diagnostic without a range cannot be made: whoever reports must know where. Lines and columns count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


# Tuples, not dataclasses: a file of 12,000 lines has 100,000 of each, and a frozen dataclass costs five times as much to make.
class Position(NamedTuple):
    line: int
    column: int


class Range(NamedTuple):
    """`end` is exclusive. Columns count characters, not bytes."""

    start: Position
    end: Position


class Place(NamedTuple):
    """A range in a named file."""

    file: str
    range: Range


@dataclass(frozen=True, slots=True)
class Related:
    message: str
    place: Place


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace what stands in `range` of the diagnostic's own file by `text`."""

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

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [d for d in diagnostics if d.severity == "error"]
        super().__init__("; ".join(f"{d.place.file}:{d.place.range.start.line}: {d.code} {d.message}" for d in errors))
        self.diagnostics = list(diagnostics)


_BREAK = re.compile(r"\r\n|\r|\n")


def split_lines(text: str) -> list[str]:
    """Lines as positions count them: YAML's line breaks only (str.splitlines also cuts at form feeds and U+2028)."""
    return _BREAK.split(text)


def span(file: str, line: int, start: int, end: int) -> Place:
    """The place from column `start` to before column `end` of a line; all count from 1."""
    return Place(file, Range(Position(line, start), Position(line, max(start, end))))
