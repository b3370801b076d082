"""JSON whose numbers keep their spelling.

orjson reads `1.10` as 1.1 and rounds integers beyond 64 bits. In the arguments of a tool call that would change what the
model wrote, so such a body is read once more here; `dumps` writes the numbers back as they stood.
"""

from __future__ import annotations

import json
from typing import Any, Self

import orjson

from router.types import Json
from router.wire.surrogates import whole

_LONGEST_EXACT = 18  # Digits that surely fit 64 bits.


class _Spelled(float):
    """A number that remembers its text. orjson hands subclasses of float to `default`."""

    text: str

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, text)
        self.text = text
        return self


def loads(raw: bytes) -> Any:
    """Raises ValueError for what is no JSON."""
    try:
        return json.loads(raw, parse_float=_Spelled, parse_int=_integer)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def dumps(value: Any) -> bytes:
    """Compact JSON, UTF-8; half a surrogate pair becomes U+FFFD. Raises ValueError for what cannot be written (nested deeper
    than 254)."""
    try:
        try:
            return orjson.dumps(value, default=_spelling)
        except TypeError as exc:
            if "surrogates" not in str(exc):
                raise
            return orjson.dumps(_mended(value), default=_spelling)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def is_rounded(value: Any) -> bool:
    """Whether orjson may have changed the spelling of a number in `value`."""
    if isinstance(value, dict):
        return any(map(is_rounded, value.values()))
    if isinstance(value, list):
        return any(map(is_rounded, value))
    return isinstance(value, float)


def arguments_object(text: str) -> orjson.Fragment:
    """A tool call's arguments, ready to be placed into a body as they stand; empty ones are `{}`.

    Raises ValueError when they are no JSON object.
    """
    raw = text.strip().encode()
    if not raw:
        return orjson.Fragment(b"{}")
    if not is_object(raw):
        raise ValueError("the arguments are no JSON object")
    return orjson.Fragment(raw)


def is_object(raw: bytes) -> bool:
    """Whether `raw` is one whole JSON object."""
    try:
        return isinstance(orjson.loads(raw), dict)
    except orjson.JSONDecodeError:
        pass
    try:  # orjson refuses 1e400, which is JSON; loads would also take NaN, which is not.
        return isinstance(json.loads(raw, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def arguments_text(value: Json) -> str:
    """A tool call's arguments as JSON text."""
    return dumps(value).decode()


def _mended(value: Any) -> Any:
    if isinstance(value, dict):
        return {whole(name): _mended(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mended(inner) for inner in value]
    return whole(value) if isinstance(value, str) else value


def _integer(text: str) -> int | _Spelled:
    return int(text) if len(text) <= _LONGEST_EXACT else _Spelled(text)


def _spelling(value: Any) -> orjson.Fragment:
    if isinstance(value, _Spelled):
        return orjson.Fragment(value.text.encode())
    raise TypeError(f"{type(value).__name__} is no JSON")


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
