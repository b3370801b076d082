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
_NO_MESSAGE = "the provider gave no message"
_STATUS = {
    "invalid_request_error": 400,
    "invalid_request": 400,
    "bad_request": 400,
    "bad_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthorized": 401,
    "billing_error": 402,
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
    "tokens": 429,
    "requests": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "internalservererror": 500,
    "bad_gateway": 502,
    "provider_error": 502,
    "service_unavailable": 503,
    "unavailable": 503,
    "service_unavailable_error": 503,
    "timeout": 504,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "overloaded": 529,
    "overloaded_error": 529,
}
"""The HTTP status an error's code or type stands for, where it arrives without one: in a stream, in a 200 body.

https://platform.claude.com/docs/en/api/errors, https://platform.openai.com/docs/guides/error-codes,
https://openrouter.ai/docs/api/reference/errors-and-debugging"""


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
    kind = _word(inner.get("type")) or _word(inner.get("status")) or _word(body.get("error_type"))
    code = _word(inner.get("code")) or _word(body.get("code"))
    return Fault(_clean(_message(inner)[:MAX_MESSAGE]) or _NO_MESSAGE, kind, code)


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


def _message(error: Json) -> str:
    # `detail` is FastAPI's (vLLM, Mistral's 422), a text or a list of what was wrong.
    for name in ("message", "detail", "msg", "error_message", "title"):
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
