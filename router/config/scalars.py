"""What an unquoted word of YAML means: text, an integer, a finite number, true, false or null. Nothing else.

YAML 1.1 (https://yaml.org/type/) and YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) disagree about many words,
and the readers in use follow either: PyYAML and Go's yaml.v2 the first, editors and JavaScript the second. A word on
which they differ is not guessed at: it is a `Doubt`, and the file has to say what it means.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from router.config.nodes import Plain

_SPECIAL_START = frozenset("-+.0123456789~=<yYnNtTfFoO")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_YES = frozenset(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
_NO = frozenset(("n", "N", "no", "No", "NO", "off", "Off", "OFF"))

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")

_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_OCTAL_12 = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
_BINARY = re.compile(r"[-+]?0b[01_]+")
_UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+][0-9]+)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_EXPONENT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}\S*.*)?")

_ZEROS = re.compile(r"[-+]?0[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
_BASES = (
    (_OCTAL_12, 8, "1.1: text, 1.2"),
    (_HEX, 16, "some readers: text, others"),
    (_BINARY, 2, "1.2: text, 1.1"),
)
_ONLY_TEXT = (
    (_INFINITE, "YAML: not a finite number"),
    (_DATE, "YAML 1.1: a date, 1.2: text"),
    (_BASE_60, "YAML 1.1: a number to base 60, 1.2: text"),
    (_ZEROS, "readers disagree about its leading zeros"),
    (_INTEGER, "a number with more digits than some readers keep"),
    (_NUMBER, "a number with more digits than some readers keep"),
)

MAX_WORD = 64  # Longer digits are not worked out for the message.
MAX_DIGITS = 18  # What fits into 64 bits everywhere; Python itself refuses to read more than 4,300.


class Doubt(NamedTuple):
    """A word with two meanings: how it is read, and what to write instead (title, text)."""

    readings: str
    fixes: tuple[tuple[str, str], ...]


def quote(text: str) -> str:
    """`text` as a double-quoted YAML scalar (every JSON string is one)."""
    return json.dumps(text, ensure_ascii=False)


def read_plain(text: str) -> Plain | Doubt:
    """The value of an unquoted scalar."""
    if text and text[0] not in _SPECIAL_START:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            return float(text)
    return _doubt(text) or text


def is_number(text: str) -> bool:
    """True for the integers and decimals that mean the same everywhere."""
    return _INTEGER.fullmatch(text) is not None or _NUMBER.fullmatch(text) is not None


def _doubt(text: str) -> Doubt | None:
    if text in _YES or text in _NO:
        truth = "true" if text in _YES else "false"
        return Doubt(f"YAML 1.1: {truth}, 1.2: text", (_as_text(text), (f"for the truth value write {truth}", truth)))
    if text in {"=", "<<"}:
        return Doubt("YAML 1.1: a mark of its own, 1.2: text", (_as_text(text),))
    return _number_doubt(text)


def _number_doubt(text: str) -> Doubt | None:
    for pattern, readings in _ONLY_TEXT:
        if pattern.fullmatch(text):
            return Doubt(readings, (_as_text(text),))
    digits = text.replace("_", "")
    for pattern, base, readings in _BASES:
        if pattern.fullmatch(text):
            return _number(text, readings, _integer(digits, base))
    if _OCTAL.fullmatch(text):
        octal = _integer(digits, 8)
        return _number(text, f"1.1: {'text' if octal is None else octal}, 1.2", _integer(digits, 10))
    if _EXPONENT.fullmatch(text):
        return _number(text, "1.1: text, 1.2", _decimal(float(text)))
    if "_" in text and _UNDERSCORES.fullmatch(text):
        return _number(text, "1.2: text, 1.1", digits)
    return None


def _as_text(text: str) -> tuple[str, str]:
    return f"for the text write {quote(text)}", quote(text)


def _number(text: str, readings: str, value: int | str | None) -> Doubt:
    if value is None:
        return Doubt(f"YAML {readings}: a number", (_as_text(text),))
    return Doubt(f"YAML {readings}: {value}", (_as_text(text), (f"for the number write {value}", str(value))))


def _integer(digits: str, base: int) -> int | None:
    try:
        return int(digits, base) if len(digits) <= MAX_WORD else None
    except ValueError:  # 089 has no octal reading.
        return None


def _decimal(value: float) -> str | None:
    """Without an exponent, where that is short."""
    if value.is_integer() and abs(value) < 10**MAX_DIGITS:
        return str(int(value))
    written = repr(value)
    return None if "e" in written or "n" in written else written
