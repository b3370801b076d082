"""Where the members of a JSON object stand in its bytes, and how to change a few without touching the rest.

Strings are skipped with `find` and flat stretches with one regular expression, so that an image in a body costs what a
search for its closing quote costs. https://www.rfc-editor.org/rfc/rfc8259

This is no validator: what lies inside nested values is only followed, not checked. A body that was not parsed either goes to
an upstream that will refuse what is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

MAX_DEPTH = 128  # As deep as any request is in practice; parsers and translators elsewhere recurse and overflow far beyond.

_SPACE = re.compile(rb"[ \t\n\r]*+")
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]++")
# Up to the next bracket, over short strings. A longer string ends the stretch: `find` skips it at a hundred times the speed.
_FLAT = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]{0,512}+(?:\\.[^"\\]{0,512}+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_PLAIN_VALUE = re.compile(rb'[ \t\n\r]*+:[ \t\n\r]*+("[^"\\]*+"|[-+.0-9A-Za-z]++)')
_ESCAPED_LETTER = re.compile(rb"\\u00[4567]")

_QUOTE, _BACKSLASH, _COMMA, _COLON = 0x22, 0x5C, 0x2C, 0x3A
_LARGE = 64 * 1024
_CLOSING, _OPEN_OBJECT, _CLOSE_OBJECT = b"}]", 0x7B, 0x7D


class TooMany(ValueError):
    """There are more nested values than the caller wanted to follow."""


class Member(NamedTuple):
    """Byte offsets of one `"name": value`: its name's opening quote, behind the closing one, the value, behind it."""

    name: str
    key: int
    key_end: int
    start: int
    end: int


class Edit(NamedTuple):
    """Bytes `[start, end)` become `new`."""

    start: int
    end: int
    new: bytes


def members(raw: bytes, limit: int | None = None) -> tuple[Member, ...]:
    """The members of the object `raw`, in their order, duplicates and all.

    Raises `TooMany` beyond `limit` members and brackets, ValueError (`… (byte n)`) for what cannot be an object, or is nested
    deeper than `MAX_DEPTH`.
    """
    return tuple(_Scan(raw, len(raw) if limit is None else limit).members())


def lone_member(raw: bytes, name: str) -> Member | None:
    """The member `name` of `raw`, which is known to be a valid object that has it, when that can be told without a scan.

    It can when the quoted name occurs once and no letter is spelled as an escape: then the one occurrence is the key that
    the parser saw. None means "look closer", not "absent".
    """
    quoted = b'"%b"' % name.encode()
    key = raw.find(quoted)
    if key < 0 or raw.find(quoted, key + 1) >= 0 or spells_letters(raw):
        return None
    key_end = key + len(quoted)
    value = _PLAIN_VALUE.match(raw, key_end)
    return None if value is None else Member(name, key, key_end, value.start(1), value.end(1))


def spells_letters(raw: bytes) -> bool:
    r"""Some ASCII letter or underscore is written as an escape (`\u006d`), so a search by bytes may miss a name."""
    return b"\\" in raw and b"\\u00" in raw and _ESCAPED_LETTER.search(raw) is not None


def splice(raw: bytes, edits: Iterable[Edit]) -> bytes:
    """`raw` with the edits, which may not overlap, applied."""
    view = raw if len(raw) < _LARGE else memoryview(raw)  # One copy of a large body, not two.
    pieces: list[bytes | memoryview] = []
    done = 0
    for start, end, new in sorted(edits):
        pieces += (view[done:start], new)
        done = end
    pieces.append(view[done:])
    return b"".join(pieces)


def appended(raw: bytes, fields: bytes) -> Edit:
    """`fields` (`"a":1,"b":2`) as the last members of the object `raw`, which is valid and not empty."""
    # Behind the last closing brace of a valid object comes only white space.
    end = raw.rindex(b"}")
    return Edit(end, end, b"," + fields)


def removed(found: Sequence[Member], name: str) -> list[Edit]:
    """Edits that take every member `name` out of the object `found` was read from, with the comma that goes with it."""
    edits: list[Edit] = []
    kept_before = False
    for place, member in enumerate(found):
        if member.name != name:
            kept_before = True
        elif kept_before:
            edits.append(Edit(found[place - 1].end, member.end, b""))
        else:
            following = found[place + 1].key if place + 1 < len(found) else member.end
            edits.append(Edit(member.key, following, b""))
    return edits


class _Scan:
    __slots__ = ("_left", "_pos", "_raw")

    def __init__(self, raw: bytes, limit: int) -> None:
        self._raw = raw
        self._pos = 0
        self._left = limit

    def members(self) -> Iterable[Member]:
        if self._next() != _OPEN_OBJECT:
            raise self._wrong("an object was expected")
        self._pos += 1
        if self._next() == _CLOSE_OBJECT:
            self._pos += 1
            self._end()
            return
        while True:
            yield self._member()
            byte = self._next()
            self._pos += 1
            if byte == _CLOSE_OBJECT:
                self._end()
                return
            if byte != _COMMA:
                self._pos -= 1
                raise self._wrong("',' or '}' was expected")

    def _member(self) -> Member:
        self._count()
        if self._next() != _QUOTE:
            raise self._wrong("a member name was expected")
        key = self._pos
        self._pos += 1
        self._string()
        key_end = self._pos
        if self._next() != _COLON:
            raise self._wrong("':' was expected")
        self._pos += 1
        self._next()
        start = self._pos
        self._value()
        return Member(orjson.loads(self._raw[key:key_end]), key, key_end, start, self._pos)

    def _next(self) -> int:
        """The next byte that is no white space, without taking it; -1 at the end."""
        found = _SPACE.match(self._raw, self._pos)
        self._pos = found.end() if found else self._pos
        return self._raw[self._pos] if self._pos < len(self._raw) else -1

    def _value(self) -> None:
        byte = self._raw[self._pos : self._pos + 1]
        if byte == b'"':
            self._pos += 1
            self._string()
        elif byte in (b"{", b"["):
            self._nested()
        elif (scalar := _SCALAR.match(self._raw, self._pos)) is not None:
            self._pos = scalar.end()
        else:
            raise self._wrong("a value was expected")

    def _string(self) -> None:
        """From behind the opening quote to behind the closing one."""
        raw, start = self._raw, self._pos
        quote = raw.find(b'"', start)
        if quote > start and raw[quote - 1] == _BACKSLASH:
            # Perhaps an escaped quote: only reading the escapes in order tells, and only C can do that for megabytes.
            rest = _STRING_REST.match(raw, start)
            quote = rest.end() - 1 if rest else -1
        if quote < 0:
            raise self._wrong("a string is not closed")
        self._pos = quote + 1

    def _nested(self) -> None:
        raw, depth = self._raw, 1
        self._pos += 1
        while depth:
            self._count()
            flat = _FLAT.match(raw, self._pos)
            self._pos = flat.end() if flat else self._pos
            if self._pos >= len(raw):
                raise self._wrong("an object or array is not closed")
            byte = raw[self._pos]
            self._pos += 1
            if byte == _QUOTE:
                self._string()
            elif byte in _CLOSING:
                depth -= 1
            elif depth > MAX_DEPTH - 2:  # The object itself is the first level, this value's own bracket the second.
                raise self._wrong(f"nested deeper than {MAX_DEPTH} levels")
            else:
                depth += 1

    def _end(self) -> None:
        if self._next() >= 0:
            raise self._wrong("something follows the object")

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMany("too many nested values")

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"{what} (byte {self._pos})")
