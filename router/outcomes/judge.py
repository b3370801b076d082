"""This target again, the next one, or stop? `judge` reads the outcome table."""

from __future__ import annotations

from typing import Literal, NamedTuple

from router.errors import Kind, UpstreamError
from router.outcomes.table import Backoff, Meaning


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


_PASSING: frozenset[Kind] = frozenset({"connect", "timeout", "server", "rate", "empty", "broken_stream"})
_REFUSED: frozenset[Kind] = frozenset({"client", "context", "policy"})


def final(errors: list[UpstreamError]) -> UpstreamError:
    """The error a client is told when every attempt failed: a policy that ended it; else the last failure that may pass; else
    the first refusal of the request itself, which says more to a client than what became of our keys; else the first."""
    if errors[-1].kind == "policy":
        return errors[-1]
    passing = (error for error in reversed(errors) if error.kind in _PASSING)
    refused = (error for error in errors if error.kind in _REFUSED)
    return next(passing, None) or next(refused, errors[0])
