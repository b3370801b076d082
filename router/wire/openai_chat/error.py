"""Errors as OpenAI's SDKs expect them. https://platform.openai.com/docs/guides/error-codes"""

from __future__ import annotations

import orjson

from router.wire.base import ErrorView
from router.wire.fault import parse_fault

__all__ = ["error_event", "parse_fault", "render_error"]

_TYPES = {402: "insufficient_quota", 403: "permission_error", 408: "timeout_error", 429: "rate_limit_error", 504: "timeout_error"}


def render_error(error: ErrorView) -> bytes:
    """The body of an error answer. The SDKs choose their exception by status and read all four fields."""
    kind = error.type or _TYPES.get(error.status) or ("invalid_request_error" if error.status < 500 else "server_error")
    fields = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return orjson.dumps({"error": fields})


def error_event(error: ErrorView) -> bytes:
    """The same inside a stream: the SDKs raise on any event whose data has an `error`."""
    return b"data: " + render_error(error) + b"\n\n"
