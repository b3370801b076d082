"""Which row of the outcome table an upstream's answer belongs to: its own code first, then its status, then its text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from router.errors import Kind, UpstreamCredentials, UpstreamError, UpstreamRejected, UpstreamThrottled, UpstreamUnavailable
from router.outcomes.codes import CODES, STATUSES, TEXTS
from router.wire.base import Fault, StreamFault


def failure_of(status: int, fault: Fault, retry_after: float | None, errors: Mapping[str, Kind]) -> UpstreamError:
    """The error for an answer that is one. The upstream's trouble with our key or our bill is never shown as the client's.

    `errors` are the target's own: what the file says of this provider's codes.
    """
    return _failure(kind_of(status, fault, errors), status, fault, retry_after)


def failure_in_band(fault: StreamFault, answered: int, retry_after: float | None, errors: Mapping[str, Kind]) -> UpstreamError:
    """The error an upstream put into an answer of status `answered`: judged by what it says itself."""
    error = _failure(kind_of(fault.status, fault.fault, errors), fault.status, fault.fault, retry_after)
    error.answered = answered
    return error


def kind_of(status: int | None, fault: Fault, errors: Mapping[str, Kind]) -> Kind:
    """`status` is None for an error in band whose words stand for none. A 429 that mentions tokens is a rate limit, a 5xx
    never means that the request was at fault."""
    words = list(_words(fault))
    for word in words:
        if (kind := errors.get(word)) is not None:
            return kind
    broken = status is not None and status >= 500
    for word in words:
        kind = CODES.get(word.lower())
        if kind is not None and not (broken and kind in _REQUEST):
            return kind
    text = fault.message.lower()
    for row in TEXTS:
        if (400 if status is None else status) in row.statuses and any(phrase in text for phrase in row.phrases):
            return row.kind
    if status is None:
        return "server"
    return STATUSES.get(status) or ("client" if 400 <= status < 500 else "server")


_REQUEST = frozenset({"context", "policy", "client"})


def _words(fault: Fault) -> Iterator[str]:
    """The finest first; of what AWS writes (`com.amazon.coral#ThrottlingException:http://…`, ARNs) also the name within."""
    for word in (*fault.reasons, fault.code, fault.type):
        if word:
            yield word
            bare = re.split(r"[:/]", word)[-1] if word.startswith("arn:") else word.partition(":")[0].rpartition("#")[2]
            if bare not in ("", word):
                yield bare


_NUMBER = r"(\d[\d,]{0,12})"
_WINDOWS = tuple(
    re.compile(pattern.replace("N", _NUMBER))
    for pattern in (
        r"maximum (?:context|prompt|model) length (?:is|of) N",  # OpenAI, vLLM, OpenRouter, xAI
        r"N maximum context length",  # Mistral
        r"> N",  # Anthropic
        r"maximum number of tokens allowed \(N\)",  # Gemini
        r"context size \(N",  # llama.cpp
        r"context length of only N",  # LM Studio
        r"tokens` must be <= N",  # Text Generation Inference
        r"must have less than N tokens",
        r"cannot exceed N",  # Cohere
        r"exceeds the limit of N",  # GitHub Copilot
        r"model token limit: N",  # Moonshot
    )
)


def named_by(fault: Fault, headers: Mapping[str, str]) -> Fault:
    """The fault with what the answer's headers say of it: AWS names an error there, and only there."""
    word = headers.get("x-amzn-errortype")
    return fault._replace(reasons=(word, *fault.reasons)) if word else fault


def context_window(fault: Fault) -> int | None:
    """The window in tokens that a context error names."""
    text = fault.message.lower()
    for pattern in _WINDOWS:
        if (found := pattern.search(text)) is not None:
            return int(found[1].replace(",", "")) or None
    return None


def _failure(kind: Kind, status: int | None, fault: Fault, retry_after: float | None) -> UpstreamError:
    error = _error(kind, status, fault.message, retry_after)
    error.upstream_type, error.upstream_code = fault.type, fault.code
    if kind == "context":
        error.window = context_window(fault)
    return error


def _error(kind: Kind, status: int | None, message: str, retry_after: float | None) -> UpstreamError:
    if kind in ("auth", "billing"):
        return UpstreamCredentials(message, kind=kind, answered=status)
    if kind == "rate":
        return UpstreamThrottled(message, retry_after=retry_after, kind=kind, answered=status)
    if kind in _REQUEST:
        # A status that speaks of our key would make the client look for its own.
        own = status is not None and 400 <= status < 500 and status not in (401, 402, 403)
        return UpstreamRejected(message, status=status if own else 400, kind=kind, answered=status)
    shown = 504 if kind == "timeout" else status if status in (500, 503, 504, 529) else 502
    return UpstreamUnavailable(message, status=shown, retry_after=retry_after, kind=kind, answered=status)
