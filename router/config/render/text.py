"""Findings as people read them in a terminal: the line, a caret below it, and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

from router.config.codes import CATALOGUE
from router.config.diagnostics import Diagnostic, Place, split_lines
from router.config.render.line import printable
from router.config.render.summary import summary
from router.config.secrets import mask_line

TAB = "    "
WIDTH = 160
BEFORE = 40
"""How many columns of a long line are kept before the caret."""


@dataclass(frozen=True, slots=True)
class TextStyle:
    color: bool = False
    verbose: bool = False
    """Adds the long text of a code where it occurs first."""
    width: int = WIDTH
    """Source lines that are wider are cut around the caret."""
    most: int | None = None
    """At most this many findings are shown; the summary counts all."""


class _Paint:
    """ANSI colours, or none."""

    def __init__(self, style: TextStyle) -> None:
        self._on = style.color

    def __call__(self, text: str, *codes: int) -> str:
        return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if self._on and text else text

    def severity(self, text: str, severity: str) -> str:
        return self(text, 1, 31 if severity == "error" else 33)

    def frame(self, text: str) -> str:
        return self(text, 1, 34)


def text(
    diagnostics: Sequence[Diagnostic],
    files: Sequence[str],
    levels: Sequence[str],
    sources: Mapping[str, str],
    style: TextStyle,
) -> str:
    """All findings and the summary; ends with a line break. `sources` holds the text of every file, by name."""
    paint = _Paint(style)
    lines = {name: split_lines(written) for name, written in sources.items()}
    shown = diagnostics if style.most is None else diagnostics[: style.most]
    blocks: list[str] = []
    explained: set[str] = set()
    for diagnostic in shown:
        blocks.append("\n".join(_block(diagnostic, lines, style, paint)))
        if style.verbose and diagnostic.code not in explained:
            explained.add(diagnostic.code)
            blocks.append(fill(CATALOGUE[diagnostic.code].why, 100, initial_indent="   ", subsequent_indent="   "))
    if len(shown) < len(diagnostics):
        blocks.append(f"… and {len(diagnostics) - len(shown)} more")
    return "\n\n".join([*blocks, printable(summary(diagnostics, files, levels))]) + "\n"


def _block(diagnostic: Diagnostic, lines: Mapping[str, Sequence[str]], style: TextStyle, paint: _Paint) -> list[str]:
    places = [diagnostic.place, *(related.place for related in diagnostic.related)]
    gutter = " " * len(str(max(place.range.start.line for place in places)))
    bar = paint.frame(f"{gutter} |")
    head = paint.severity(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
    block = [f"{head}{paint(': ' + printable(diagnostic.message), 1)}"]
    block.append(f"{paint.frame(gutter + '-->')} {_where(diagnostic.place)}")
    block += [bar, *_source(diagnostic.place, diagnostic.label, lines, _Frame(gutter, "^", diagnostic.severity), style)]
    for related in diagnostic.related:
        block.append(f"{paint.frame(gutter + ':::')} {_where(related.place)}")
        block += [bar, *_source(related.place, related.message, lines, _Frame(gutter, "-", ""), style)]
    for suggestion in diagnostic.suggestions:
        block.append(f"{paint.frame(gutter + ' =')} {paint('help', 1, 36)}: {printable(suggestion.title)}")
    block += [f"{paint.frame(gutter + ' =')} {printable(note)}" for note in diagnostic.notes]
    return block


def _where(place: Place) -> str:
    return printable(f"{place.file}:{place.range.start.line}:{place.range.start.column}")


@dataclass(frozen=True, slots=True)
class _Frame:
    gutter: str
    mark: str
    severity: str


def _source(place: Place, label: str, lines: Mapping[str, Sequence[str]], frame: _Frame, style: TextStyle) -> list[str]:
    """The line and what is marked in it. A range of several lines is marked to the end of its first."""
    paint = _Paint(style)
    start, end = place.range
    of_file = lines.get(place.file, ())
    raw = of_file[start.line - 1] if start.line <= len(of_file) else ""
    line = mask_line(raw)
    last = end.column - 1 if end.line == start.line else len(line.rstrip())
    before, marked, after = line[: start.column - 1], line[start.column - 1 : last], line[max(last, start.column - 1) :]
    shown, indent, length = _cut(_columns(before), _columns(marked), _columns(after), style.width)
    number = str(start.line).rjust(len(frame.gutter))
    caret = frame.mark * max(1, length)
    caret = paint.severity(caret, frame.severity) if frame.severity else paint.frame(caret)
    told = " " + (paint.severity(printable(label), frame.severity) if frame.severity else paint.frame(printable(label)))
    bar = paint.frame(f"{frame.gutter} |")
    return [
        f"{paint.frame(f'{number} |')} {shown}".rstrip(),
        f"{bar} {' ' * indent}{caret}{told if label else ''}",
    ]


def _columns(text: str) -> str:
    """As it appears in a terminal, with a `\\0` after each character of double width so that one column is one character."""
    return "".join(_wide(char) for char in text.replace("\t", TAB))


def _wide(char: str) -> str:
    if unicodedata.east_asian_width(char) in "WF":
        return char + "\0"
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return ""  # It takes no column: shown alone, it would move everything after it.
    return char if char.isprintable() else "\ufffd"


def _cut(before: str, marked: str, after: str, width: int) -> tuple[str, int, int]:
    """The line, the column of the mark and its length, cut to `width` columns around the mark."""
    indent = len(before)
    if len(before) + len(marked) + len(after) > width:
        if len(before) > BEFORE:
            before = "…" + before[len(before) - BEFORE + 1 :]
            indent = BEFORE
        room = max(width - indent - 1, 10)
        if len(marked) > room:
            marked, after = marked[:room] + "…", ""
        elif len(marked) + len(after) > room:
            after = after[: room - len(marked)] + "…"
    shown = before + marked + after
    return shown.replace("\0", ""), indent, len(marked)
