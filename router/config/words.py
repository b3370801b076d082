"""What can be wrong with a single word of a YAML file: findings that need the word and its line, not the tree around it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from router.config.characters import BLANKS, describe
from router.config.diagnostics import Diagnostic, Edit, Place, Position, Range, Related, Suggestion, span
from router.config.scalars import Doubt, is_number, quote, read_plain
from router.config.tree import dotted, join

_LOST = re.compile(r"[ \t]+#(?=\w)")
_UNSPACED = re.compile(r"(?!localhost:)[A-Za-z_][\w.-]*:(?=[^\s:/])")  # Not a URL, a socket's path, or host:port.
_UNSPACED_BRACE = re.compile(r"\w+:[{\[\"']")  # `log:{level: info}`; but `llama3:8b` may be a name.
_TAG = re.compile(r"(?:&\S+\s+)?(!\S*)")
_KEYS = frozenset(("off",))
"""Keys of the language that YAML 1.1 takes for truth values. As a key such a word has one meaning only."""
_CURLY_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\xab\xbb"


class Written(NamedTuple):
    """A file's name and its lines."""

    name: str
    lines: list[str]

    def spot(self, mark: Any) -> Position:
        """A place of libyaml, whose lines and columns count from 0. It says "the line after" where the text just ends."""
        if mark.line < len(self.lines):
            return Position(mark.line, mark.column)
        return Position(len(self.lines) - 1, len(self.lines[-1]))

    def place(self, event: yaml.Event) -> Place:
        start: Any = event.start_mark
        end: Any = event.end_mark
        if end.line >= len(self.lines):
            start, end = self.spot(start), self.spot(end)
        return Place(self.name, Range(Position(start.line + 1, start.column + 1), Position(end.line + 1, end.column + 1)))

    def text(self, place: Place) -> str:
        """What stands at a place, as far as its first line goes."""
        start, end = place.range
        line = self.lines[start.line - 1]
        return line[start.column - 1 : end.column - 1] if start.line == end.line else line[start.column - 1 :]


def plain_word(file: Written, event: yaml.ScalarEvent, pointer: str) -> list[Diagnostic]:
    """What is wrong with an unquoted key or value, whatever it means."""
    return [] if event.value.isascii() else _foreign(file, event, pointer)


def plain_key(file: Written, event: yaml.ScalarEvent, pointer: str) -> list[Diagnostic]:
    """What is wrong with an unquoted key that stands in the map at `pointer`."""
    text, place, at = event.value, file.place(event), join(pointer, event.value)
    found = plain_word(file, event, at)
    if _UNSPACED_BRACE.match(text) and (missing := unspaced(file, at, place)):
        return [*found, missing]
    value = text if is_number(text) or text in _KEYS else read_plain(text)
    if isinstance(value, Doubt):
        return [*found, doubt(text, value, at, place)]
    if isinstance(value, str):
        return found
    what = "empty" if value is None else "a truth value"
    fixes = (_as_text(text, place),) if text else ()
    return [*found, Diagnostic("RC136", "error", f"the key `{text}` is {what}, not text", at, place, suggestions=fixes)]


def lost_comment(file: Written, event: yaml.ScalarEvent, pointer: str) -> list[Diagnostic]:
    """`deny: EU only #42`: the number is a comment. One with a space after its `#` is meant as one."""
    end = file.spot(event.end_mark)
    line = file.lines[end.line]
    if "#" not in line:
        return []
    start = file.spot(event.start_mark)
    if start.line != end.line or not (match := _LOST.match(line, end.column)):
        return []
    whole = line[start.column :].rstrip()
    space = span(file.name, end.line + 1, match.end() + 1, 0).range
    fix = Edit(span(file.name, end.line + 1, start.column + 1, start.column + len(whole) + 1).range, quote(whole))
    return [
        Diagnostic(
            "RC402",
            "warning",
            f"text after ` #` is a comment: `{whole}`",
            pointer,
            span(file.name, end.line + 1, match.end(), len(line.rstrip()) + 1),
            label="not part of the value",
            suggestions=(
                Suggestion(f"for the text write {quote(whole)}", (fix,)),
                Suggestion("for a comment put a space after the `#`", (Edit(space, " "),)),
            ),
        )
    ]


def doubt(text: str, meanings: Doubt, pointer: str, place: Place) -> Diagnostic:
    fixes = tuple(Suggestion(title, (Edit(place.range, new),)) for title, new in meanings.fixes)
    return Diagnostic("RC111", "error", f"`{text}` has two meanings", pointer, place, label=meanings.readings, suggestions=fixes)


def null(file: Written, pointer: str, key: Place | None, value: Place) -> Diagnostic:
    """Nothing stands where a value should. `{type:openai}` is a key `type:openai` with nothing after it."""
    empty = value.range.start == value.range.end
    if key is not None and empty and (found := unspaced(file, pointer, key)):
        return found
    return Diagnostic(
        "RC113",
        "error",
        f"`{dotted(pointer)}` is empty (null)",
        pointer,
        key if key is not None and empty else value,
        label="no value",
        suggestions=(Suggestion("write none, or leave the key out"),),
    )


def unspaced(file: Written, pointer: str, place: Place) -> Diagnostic | None:
    """`key:value` without a space is a text."""
    match = _UNSPACED.match(file.text(place))
    if match is None:
        return None
    line, column = place.range.start
    after = span(file.name, line, column + match.end(), 0).range
    return Diagnostic(
        "RC125",
        "error",
        f"a space is missing after `{match[0]}`",
        pointer,
        span(file.name, line, column, column + match.end()),
        label="without it, this is text and not a key",
        suggestions=(Suggestion("put a space after the colon", (Edit(after, " "),)),),
    )


def twice(pointer: str, place: Place, first: Place) -> Diagnostic:
    return Diagnostic(
        "RC102",
        "error",
        f"`{dotted(pointer)}` is written twice",
        pointer,
        place,
        label="written again",
        related=(Related("first written here", first),),
        notes=("YAML would keep the last one in silence",),
    )


def tag(file: Written, event: yaml.NodeEvent, pointer: str) -> Diagnostic:
    place = file.place(event)
    written = file.text(place)
    match = _TAG.match(written)
    shown = match[1] if match else "!"
    fixes = (_as_text(written, place),) if isinstance(event, yaml.ScalarEvent) and not event.style and written else ()
    start = place.range.start
    spot = span(file.name, start.line, start.column, start.column + len(shown))
    return Diagnostic("RC133", "error", f"`{shown}` is a tag; tags are not used here", pointer, spot, suggestions=fixes)


def blank(file: Written, line: int, start: int, end: int) -> Diagnostic | None:
    """The first character between two columns of a line (from 0) that looks like a space and is none."""
    match = BLANKS.search(file.lines[line], start, end)
    if match is None:
        return None
    spot = span(file.name, line + 1, match.start() + 1, match.end() + 1)
    return Diagnostic(
        "RC126",
        "error",
        f"{describe(match[0])} is text to YAML, not a space",
        "",
        spot,
        label="here",
        suggestions=(Suggestion("write a normal space, or quote the text", (Edit(spot.range, " "),)),),
    )


def _foreign(file: Written, event: yaml.ScalarEvent, pointer: str) -> list[Diagnostic]:
    start, end = file.spot(event.start_mark), file.spot(event.end_mark)
    found = blank(file, start.line, start.column, end.column if start.line == end.line else len(file.lines[start.line]))
    if found:
        return [found]
    if event.value[:1] not in _CURLY_QUOTES:
        return []
    inner, place = quote(event.value.strip(_CURLY_QUOTES)), file.place(event)
    return [
        Diagnostic(
            "RC126",
            "error",
            f"{describe(event.value[0])} is not a quote to YAML",
            pointer,
            place,
            label="part of the text",
            suggestions=(Suggestion(f"write {inner}", (Edit(place.range, inner),)),),
        )
    ]


def _as_text(text: str, place: Place) -> Suggestion:
    return Suggestion(f"for the text write {quote(text)}", (Edit(place.range, quote(text)),))
