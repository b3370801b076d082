"""This target again, the next one, or stop? `judge` reads the outcome table, `failure_of` finds the row for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from router.errors import Kind, UpstreamCredentials, UpstreamError, UpstreamRejected, UpstreamThrottled, UpstreamUnavailable
from router.outcomes.table import Backoff, Meaning
from router.wire.base import Fault


class Verdict(NamedTuple):
    """`again` after `wait` seconds, `next` target, or `stop`."""

    then: Literal["again", "next", "stop"]
    wait: float = 0.0


class Tried(NamedTuple):
    """Where the chain stands when an attempt has failed."""

    here: int
    """Attempts at this target so far, this one included."""
    all: int
    """Attempts of the request so far."""
    untried: int
    """Targets that were not tried yet."""
    retries: int
    """How often this target may be tried again (`retries` of the file)."""
    max_attempts: int
    """Over all targets."""


class Patient(NamedTuple):
    """How long one waits before a target is tried again."""

    backoff: Backoff
    retry_after_max: float
    """Seconds: a Retry-After up to this is waited for, a longer one moves on."""
    draw: float
    """The jitter, in [0, 1)."""


def judge(error: UpstreamError, meaning: Meaning, tried: Tried, patient: Patient) -> Verdict:
    """What comes next. A retry never takes the attempt that an untried target needs."""
    retries = tried.retries if meaning.retries is None else meaning.retries
    left = tried.max_attempts - tried.all
    if tried.here <= retries and left > tried.untried:
        if error.retry_after is None:
            backoff = patient.backoff
            return Verdict("again", patient.draw * min(backoff.base * 2 ** (tried.here - 1), backoff.max))
        if error.retry_after <= patient.retry_after_max:
            return Verdict("again", error.retry_after)
    if meaning.next == "none" or not tried.untried or left <= 0:
        return Verdict("stop")
    return Verdict("next")


def final(errors: list[UpstreamError]) -> UpstreamError:
    """The error a client is told when every attempt failed: the first, if all of them refused the request itself, else the
    last one that was not such a refusal."""
    return next((error for error in reversed(errors) if error.kind != "client"), errors[0])


_BILLING = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error", "insufficient_credits"}
)
_AUTH = frozenset({"invalid_api_key", "authentication_error", "permission_error", "account_deactivated"})
_CONTEXT = frozenset({"context_length_exceeded", "string_above_max_length", "model_max_prompt_tokens_exceeded"})
_POLICY = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
_TOO_LONG = ("context length", "context window", "maximum context", "prompt is too long", "too many tokens", "input is too long")


def kind_of(status: int, fault: Fault) -> Kind:
    """The provider's own code first, then the status, then the text: a 429 that mentions tokens is a rate limit, a 5xx
    never means context length."""
    words = {fault.code, fault.type}
    for kind, codes in _CODES:
        if not words.isdisjoint(codes):
            return kind
    if status in _STATUS:
        return _STATUS[status]
    if status >= 500:
        return "server"
    text = fault.message.lower()
    return "context" if any(phrase in text for phrase in _TOO_LONG) else "client"


_CODES: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("billing", _BILLING),
    ("auth", _AUTH),
    ("context", _CONTEXT),
    ("policy", _POLICY),
)
_STATUS: Mapping[int, Kind] = {401: "auth", 402: "billing", 403: "auth", 408: "timeout", 429: "rate"}


def failure_of(status: int, fault: Fault, retry_after: float | None) -> UpstreamError:
    """The error for an answer that is one. The upstream's trouble with our key or our bill is never shown as the client's."""
    kind = kind_of(status, fault)
    error = _error(kind, status, fault.message, retry_after)
    error.upstream_type, error.upstream_code = fault.type, fault.code
    return error


def _error(kind: Kind, status: int, message: str, retry_after: float | None) -> UpstreamError:
    if kind in ("auth", "billing"):
        return UpstreamCredentials(message, kind=kind, answered=status)
    if kind == "rate":
        return UpstreamThrottled(message, retry_after=retry_after, kind=kind, answered=status)
    if 400 <= status < 500 and kind != "timeout":
        return UpstreamRejected(message, status=status, kind=kind, answered=status)
    shown = status if status in (500, 503, 504, 529) else 502
    return UpstreamUnavailable(message, status=shown, retry_after=retry_after, kind=kind, answered=status)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3); None when there is none."""
    try:
        if (text := headers.get("retry-after-ms")) is not None:
            return _seconds(float(text) / 1000)
        if (text := headers.get("retry-after")) is None:
            return None
        return _seconds(float(text))
    except ValueError:
        return _until(text, wall) if text else None


def _seconds(value: float) -> float | None:
    return max(0.0, value) if value < float("inf") else None  # NaN and infinity are no times.


def _until(text: str, wall: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall)
    except (ValueError, TypeError, OverflowError):
        return None
