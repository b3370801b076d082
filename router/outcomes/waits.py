"""How long a provider asks us to wait, in any of the spellings that providers use. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0  # Nobody waits a day for an answer; a limit that long is looked at again before.

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_EPOCH, _EPOCH_MS = 1e9, 1e12  # September 2001 in seconds, and in milliseconds: no delay is that long.

_RESETS: tuple[tuple[str, str], ...] = (
    # https://platform.openai.com/docs/guides/rate-limits ("6m0s"), https://console.groq.com/docs/rate-limits ("7.66s")
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    # https://docs.claude.com/en/api/rate-limits: RFC 3339
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    # https://openrouter.ai/docs/api-reference/limits: milliseconds since 1970; https://docs.together.ai/docs/rate-limits: seconds
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    # https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/03/: seconds
    ("ratelimit-remaining", "ratelimit-reset"),
)


def retry_after(status: int | None, headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds, an HTTP date, RFC 9110 10.2.3, or a duration); for a 429
    without them from what its rate-limit headers say of the limit that is used up. None when nothing was said."""
    if (text := headers.get("retry-after-ms")) is not None and (wait := _wait(text + "ms", wall)) is not None:
        return wait
    if (text := headers.get("retry-after")) is not None and (wait := _wait(text, wall)) is not None:
        return wait
    return _reset(headers, wall) if status == 429 else None


def _reset(headers: Mapping[str, str], wall: float) -> float | None:
    """Limits come back one by one, and the last that is used up decides. One with something left has refused nothing, unless
    it is of tokens: then the request wanted more than there were."""
    spent: list[float] = []
    short: list[float] = []
    for remaining, reset in _RESETS:
        if (wait := _wait(headers.get(reset, ""), wall)) is None:
            continue
        if _used_up(headers.get(remaining)):
            spent.append(wait)
        elif "tokens" in reset:
            short.append(wait)
    return max(spent or short, default=None)


def _used_up(remaining: str | None) -> bool:
    return remaining is None or remaining.strip() in ("0", "0.0")


def _wait(text: str, wall: float) -> float | None:
    text = text.strip()
    try:
        return _bounded(float(text), wall)
    except ValueError:
        pass
    if _DURATION.fullmatch(text.lower()):
        return min(LONGEST, sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text.lower())))
    moment = _moment(text)
    return None if moment is None else min(LONGEST, max(0.0, moment - wall))


def _bounded(value: float, wall: float) -> float | None:
    if not value < float("inf"):
        return None  # NaN and infinity are no times.
    if value >= _EPOCH:
        value = (value / 1000 if value >= _EPOCH_MS else value) - wall
    return min(LONGEST, max(0.0, value))


def _moment(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        if moment.tzinfo is not None:
            return moment.timestamp()
    return None
