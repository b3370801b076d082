"""Reading a client's JSON with its path at hand, so that what is wrong is named where the client wrote it."""

from __future__ import annotations

from typing import Any

from router.errors import BadRequest
from router.types import Json


def refused(path: str, reason: str) -> BadRequest:
    """The error for something at `path` (`messages.2.content.1`) that is wrong or cannot be said."""
    return BadRequest(f"{path}: {reason}", param=path)


def as_object(value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise refused(path, f"an object was expected, not {_kind(value)}")
    return value


def as_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise refused(path, f"an array was expected, not {_kind(value)}")
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise refused(path, f"a string was expected, not {_kind(value)}")
    return value


def as_integer(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise refused(path, f"an integer was expected, not {_kind(value)}")
    return value


def as_number(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise refused(path, f"a number was expected, not {_kind(value)}")
    return value


def as_flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise refused(path, f"true or false was expected, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, str | bool | int | float):
        return repr(value if not isinstance(value, str) or len(value) <= 40 else value[:40] + "…")
    return "null" if value is None else "an array" if isinstance(value, list) else "an object"
