"""Bytes to text: UTF-8 only, no byte order mark, no character that looks like another or that readers take for a line break."""

from __future__ import annotations

import codecs
import re
import unicodedata
from itertools import islice

from router.config.diagnostics import Diagnostic, Edit, Place, Position, Range, Suggestion, span

MAX_BYTES = 8 * 1024 * 1024
"""About 200,000 lines. More is an accident (a log, a core file)."""

_WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

# Beyond control characters: U+0085, U+2028 and U+2029 end a line in YAML 1.1 and not in 1.2, so that a comment could end early;
# the marks of bidirectional text make a line show something else than it says (CVE-2021-42574).
_REFUSED = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\ufeff-\ufffd\U00010000-\U0010ffff]")
MAX_REFUSED = 20  # A binary file has thousands.

BLANKS = re.compile("[\xa0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff]")
"""Characters that look like a space, or like nothing, and are text to YAML."""


def decode(data: bytes, name: str) -> tuple[str | None, list[Diagnostic]]:
    """The text of a file without its byte order mark, or None and why it cannot be read."""
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes; at most {MAX_BYTES} are read"
        return None, [Diagnostic("RC137", "error", message, "", span(name, 1, 1, 1))]
    for mark, encoding in _WIDE:
        if data.startswith(mark):
            return None, [_not_utf8(name, f"the file is written in {encoding}, not UTF-8", span(name, 1, 1, 2))]
    found: list[Diagnostic] = []
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        found.append(_byte_order_mark(name))
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        return None, [*found, _bad_byte(name, data, exc)]
    refused = [_bad_character(name, text, match) for match in islice(_REFUSED.finditer(text), MAX_REFUSED)]
    return (None if refused else text), [*found, *refused]


def shown(data: bytes) -> str:
    """The text of a file for people: what cannot be decoded is replaced."""
    return data[:MAX_BYTES].removeprefix(codecs.BOM_UTF8).decode(errors="replace")


def describe(char: str) -> str:
    """`U+00A0 (no-break space)`"""
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'a control character').lower()})"


def _byte_order_mark(name: str) -> Diagnostic:
    return Diagnostic(
        "RC132",
        "warning",
        "the file begins with a byte order mark",
        "",
        span(name, 1, 1, 1),
        label="three bytes before this, which many tools take for text",
        suggestions=(Suggestion("save it as UTF-8 without BOM"),),
    )


def _not_utf8(name: str, message: str, place: Place, label: str = "") -> Diagnostic:
    return Diagnostic("RC131", "error", message, "", place, label=label, suggestions=(Suggestion("save the file as UTF-8"),))


def _bad_byte(name: str, data: bytes, exc: UnicodeDecodeError) -> Diagnostic:
    line, column = _position(data[: exc.start].decode())
    byte = data[exc.start]
    # Windows-1252 is what a Western editor writes when it does not write UTF-8.
    guess = bytes([byte]).decode("cp1252", errors="ignore")
    label = f"byte 0x{byte:02X}" + (f", `{guess}` in Windows-1252" if guess else "")
    return _not_utf8(name, "the file is not UTF-8", span(name, line, column, column + 1), label)


def _bad_character(name: str, text: str, match: re.Match[str]) -> Diagnostic:
    line, column = _position(text[: match.start()])
    place = span(name, line, column, column + 1)
    return Diagnostic(
        "RC126",
        "error",
        f"{describe(match[0])} does not belong into this file",
        "",
        place,
        label="not visible here",
        suggestions=(Suggestion("remove it", (Edit(Range(*place.range), ""),)),),
    )


def _position(before: str) -> Position:
    lines = re.split(r"\r\n|\r|\n", before)
    return Position(len(lines), len(lines[-1]) + 1)
