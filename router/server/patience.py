"""How long a client is willing to wait, as its headers say."""

from __future__ import annotations

from collections.abc import Mapping

from router.errors import BadRequest
from router.units import parse_duration

DEADLINE = "x-router-deadline"
READ_TIMEOUT = "x-stainless-read-timeout"
"""Sent by the OpenAI and Anthropic SDKs: seconds without a byte after which they give up; `NOT_GIVEN` and the like mean never."""


def deadline_of(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `30s`, `1500ms` or a bare number of seconds. Raises `BadRequest`."""
    text = headers.get(DEADLINE)
    if text is None:
        return None
    seconds = _number(text)
    if seconds is None:
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise BadRequest(f"{text!r} is no duration such as 30s", param=DEADLINE) from error
    if seconds <= 0:
        raise BadRequest(f"{text!r} leaves no time at all", param=DEADLINE)
    return seconds


def silence_of(headers: Mapping[str, str]) -> float | None:
    """Seconds, or None when the client did not say so."""
    text = headers.get(READ_TIMEOUT)
    seconds = _number(text) if text is not None else None
    return seconds if seconds is not None and seconds > 0 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
