"""Errors as Anthropic's SDKs expect them. https://platform.claude.com/docs/en/api/errors"""

from __future__ import annotations

import orjson

from router.wire.base import ErrorView
from router.wire.fault import parse_fault

__all__ = ["error_event", "parse_fault", "render_error"]

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def render_error(error: ErrorView) -> bytes:
    """The body of an error answer. The format has no room for `code` and `param`; messages say what they say."""
    kind = error.type or _TYPES.get(error.status) or ("invalid_request_error" if error.status < 500 else "api_error")
    fields = {"type": kind, "message": error.message}
    return orjson.dumps({"type": "error", "error": fields, "request_id": error.request_id})


def error_event(error: ErrorView) -> bytes:
    """The same inside a stream."""
    return b"event: error\ndata: " + render_error(error) + b"\n\n"
