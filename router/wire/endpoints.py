"""The data port's paths, and what each client format says outside of its bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.wire import FORMATS
from router.wire.base import WireFormat

_TRACE = ("traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class Side:
    """One format as clients speak it."""

    wire: WireFormat
    passes: tuple[str, ...]
    """Request headers that go on to a target of the same format, where it takes them. No other header ever does."""
    request_id: str | None = None
    """The response header this format's SDKs read the request id from, beside `x-request-id`."""


_OPENAI = Side(FORMATS["openai_chat"], ("openai-beta", "idempotency-key", *_TRACE))
_ANTHROPIC = Side(
    FORMATS["anthropic_messages"], ("anthropic-beta", "anthropic-version", "idempotency-key", *_TRACE), request_id="request-id"
)

PATHS: Mapping[str, Side] = {
    "/v1/chat/completions": _OPENAI,
    "/v1/messages": _ANTHROPIC,
}
MODELS_PATH = "/v1/models"
"""Both vendors list their models there, each in its own shape."""


def side_of(headers: Mapping[str, str]) -> Side:
    """Whose format to answer in where the path does not say: Anthropic's SDKs always send their version."""
    return _ANTHROPIC if "anthropic-version" in headers else _OPENAI
