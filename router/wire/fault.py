"""What an upstream's error says, however it says it: the formats agree on little, and vendors on less.

Never raises on what came from outside: an error that cannot be read is still an error.
"""

from __future__ import annotations

import json
import re
from typing import Any

from router.types import Json
from router.wire.base import Fault, StreamFault
from router.wire.body import loads

MAX_MESSAGE = 500

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MANY = 20  # Details and headers of one error that are looked at; real ones have three.
_NO_MESSAGE = "the provider gave no message"
_STATUS = {
    "invalid_request_error": 400,
    "invalid_request": 400,
    "bad_request": 400,
    "bad_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "validationexception": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthorized": 401,
    "unauthenticated": 401,
    "authentication": 401,
    "billing_error": 402,
    "payment_required": 402,
    "insufficient_credits": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "forbidden": 403,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limited": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "throttlingexception": 429,
    "tokens": 429,
    "requests": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "internalservererror": 500,
    "internalserverexception": 500,
    "internal": 500,
    "bad_gateway": 502,
    "provider_error": 502,
    "service_unavailable": 503,
    "unavailable": 503,
    "service_unavailable_error": 503,
    "serviceunavailableexception": 503,
    "provider_unavailable": 503,
    "timeout": 504,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "overloaded": 529,
    "overloaded_error": 529,
    "provider_overloaded": 529,
}
"""The HTTP status an error's code or type stands for, where it arrives without one: in a stream, in a 200 body.

https://platform.claude.com/docs/en/api/errors, https://platform.openai.com/docs/guides/error-codes,
https://openrouter.ai/docs/api/reference/errors-and-debugging, https://cloud.google.com/apis/design/errors,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""


def parse_fault(raw: bytes) -> Fault:
    """Takes an error body: JSON of any of the shapes seen in the wild, text, HTML, nothing."""
    try:
        return fault_of(loads(raw))
    except ValueError:
        return Fault(_prose(raw), None, None)


def fault_of(body: Any) -> Fault:
    """The fault in a parsed error body, or in the `error` of one."""
    body = _object(body)
    error = body.get("error")
    inner = _object(error) or (body if not isinstance(error, str) else {**body, "message": error})
    status = inner.get("status")  # Google's word; Azure has the number there, which says nothing new.
    kind = _first(inner, "type") or (_word(status) if isinstance(status, str) else None)
    kind = kind or _first(inner, "__type") or _first(body, "error_type")
    code = _first(inner, "code") or _first(body, "code")
    message, words, waits = _message(inner), _reasons(inner), _waits(body, inner)
    if (within := _within(inner)) is not None:
        # A gateway's own words are about itself ("Provider returned error"), those it was told are about the matter.
        message = f"{message}: {within.message}" if message else within.message
        words += tuple(word for word in (*within.reasons, within.code, within.type) if word and not word.isdecimal())
    return Fault(_clean(message[:MAX_MESSAGE]) or _NO_MESSAGE, kind, code, words, waits)


def status_of(fault: Fault) -> int | None:
    """The HTTP status it stands for. A number as code is one (OpenRouter, vLLM, Gemini)."""
    if fault.code is not None and fault.code.isdecimal() and 400 <= int(fault.code[:9]) <= 599:
        return int(fault.code)
    for word in (fault.code, fault.type):
        if word is not None and (status := _STATUS.get(word.lower())) is not None:
            return status
    return None


def in_band(body: Json) -> StreamFault:
    """The exception for an error that came where an answer was expected."""
    fault = fault_of(body)
    return StreamFault(fault, status_of(fault))


def bare_error(lines: bytes) -> StreamFault | None:
    """The exception for an error that stands in a stream as plain JSON, no event: a 200 whose sender knew no better."""
    if not lines.lstrip().startswith(b"{"):
        return None
    try:
        body = loads(lines)
    except ValueError:
        return None
    named = isinstance(body, dict) and (body.get("error") or "error" in (body.get("type"), body.get("object")))
    return in_band(body) if named else None


def _object(value: Any) -> Json:
    """Gemini's streams wrap an error in an array."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str | None:
    if isinstance(value, str) and value:
        return _clean(value[:100])
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9 else None


def _first(error: Json, *names: str) -> str | None:
    return next((word for name in names if (word := _word(error.get(name))) is not None), None)


def _reasons(error: Json) -> tuple[str, ...]:
    """Azure's `innererror`, Google's and Anthropic's `details`, OpenRouter's `metadata`; the finest first."""
    metadata, details = _object(error.get("metadata")), error.get("details")
    many = (details if isinstance(details, list) else [details])[:_MANY]
    found = (
        _first(_object(error.get("innererror")), "code"),
        *(_first(_object(detail), "reason", "error_code") for detail in many),
        "flagged_input" if metadata.get("flagged_input") else None,
        "guardrail_patterns" if metadata.get("patterns") else None,
        _first(metadata, "limit_source"),
        _first(metadata, "error_type"),
    )
    return tuple(word for word in found if word is not None)


def _waits(body: Json, error: Json) -> dict[str, str]:
    """Google's `RetryInfo`, the headers OpenRouter repeats, Hugging Face's estimate for a model that is being loaded."""
    details, metadata = error.get("details"), _object(error.get("metadata"))
    headers = _object(metadata.get("headers"))
    waits = {name.lower(): text for name in list(headers)[:_MANY] if (text := _said(headers[name])) is not None}
    for detail in (details if isinstance(details, list) else [])[:_MANY]:
        if (text := _said(_object(detail).get("retryDelay"))) is not None:
            waits["retry-after"] = text
    for place, name in ((metadata, "retry_after_seconds"), (body, "estimated_time")):
        if (text := _said(place.get(name))) is not None:
            waits["retry-after"] = text
    return waits


def _said(value: Any) -> str | None:
    return str(value)[:50] if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _within(error: Json) -> Fault | None:
    """The error that OpenRouter was told by the provider it asked, in whatever form that came."""
    raw = _object(error.get("metadata")).get("raw")
    if not isinstance(raw, str) or not raw.strip():
        return None
    try:
        told = loads(raw.encode("utf-8", "replace"))
    except ValueError:
        told = None
    if not isinstance(told, dict | list):
        return Fault(" ".join(raw.split()), None, None)
    told = _object(told)
    inner = _object(told.get("error")) or told
    return Fault(_message(inner) or raw, _first(inner, "type", "status"), _first(inner, "code"), _reasons(inner))


def _message(error: Json) -> str:
    # `detail` is FastAPI's (vLLM, Mistral's 422), a text or a list of what was wrong.
    for name in ("message", "Message", "detail", "msg", "error_message", "title"):
        value = error.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, dict | list) and value:
            return json.dumps(value)
    return ""


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which no renderer can encode."""
    return text.encode("utf-8", "replace").decode()


def _prose(raw: bytes) -> str:
    text = raw[: 64 * 1024].decode("utf-8", "replace")
    if text.lstrip().startswith("<") and (title := _TITLE.search(text)) is not None:
        text = title.group(1)
    return " ".join(text.split())[:MAX_MESSAGE] or _NO_MESSAGE
