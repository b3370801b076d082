"""What the library gives back, read from OpenAI chat answers: the format the gateway speaks inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import orjson

from router.pricing import Price
from router.types import Json, Usage
from router.wire.openai_chat.usage import parse_usage

MILLION_NANO = Decimal(1_000_000_000)


class GatewayError(Exception):
    """A request that ended with an error.

    `status` is the HTTP status a client of the daemon would have seen, `code` the stable word, `source` who is to blame
    (client, router, upstream), `retry_after` the seconds after which another try makes sense.
    """

    def __init__(self, message: str, *, status: int, code: str | None, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.source = headers.get("x-router-error-source")
        self.request_id = headers.get("x-request-id")
        after = headers.get("retry-after")
        self.retry_after = float(after) if after is not None else None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    asked: str
    """The model as it was asked for."""
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    usage: Usage | None
    cost: Decimal | None
    """US dollars; None when the price or the usage is not known."""
    target: str
    """Who answered: `provider/model`."""
    model: str
    """What the provider says it is."""
    request_id: str
    raw: Json = field(repr=False)
    """The answer as an OpenAI chat completion."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer. The last one carries what is known at the end."""

    text: str = ""
    tool_calls: tuple[Json, ...] = ()
    """Deltas as in an OpenAI chunk: `index`, and `id`, `function.name`, `function.arguments` piece by piece."""
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class TargetPrice:
    """US dollars per million tokens, of one target of a model. Kinds that are not priced apart are None."""

    target: str
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = Decimal(0)
    """Dollars per call."""
    source: str = ""
    """`file`, or the built-in table and its version."""
    date: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A name that may be asked for. `context_window` is tokens, of its first target; None when not known."""

    name: str
    context_window: int | None = None


def read_completion(asked: str, body: bytes, headers: Mapping[str, str]) -> Completion:
    raw: Json = orjson.loads(body)
    choice = (raw.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    calls = message.get("tool_calls") or []
    return Completion(
        asked=asked,
        text=message.get("content") or "",
        tool_calls=tuple(ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls),
        finish_reason=choice.get("finish_reason"),
        usage=parse_usage(raw["usage"]) if raw.get("usage") else None,
        cost=_usd(headers.get("x-router-cost-usd")),
        target=headers.get("x-router-served", ""),
        model=raw.get("model") or "",
        request_id=headers.get("x-request-id", ""),
        raw=raw,
    )


def read_error(status: int, body: bytes, headers: Mapping[str, str]) -> GatewayError:
    try:
        error: Any = orjson.loads(body).get("error")
    except (ValueError, AttributeError):
        error = None
    if not isinstance(error, dict):
        return GatewayError(body[:500].decode("utf-8", "replace"), status=status, code=None, headers=headers)
    return GatewayError(str(error.get("message")), status=status, code=error.get("code"), headers=headers)


def read_chunk(data: bytes, headers: Mapping[str, str]) -> Chunk | None:
    """One event of a stream; None for one that says nothing. Raises `GatewayError` for an error in band."""
    raw: Json = orjson.loads(data)
    if isinstance(raw.get("error"), dict):
        error = raw["error"]
        raise GatewayError(str(error.get("message")), status=502, code=error.get("code"), headers=headers)
    usage = parse_usage(raw["usage"]) if raw.get("usage") else None
    choice = (raw.get("choices") or [{}])[0]
    delta = choice.get("delta") or {}
    chunk = Chunk(
        text=delta.get("content") or "",
        tool_calls=tuple(delta.get("tool_calls") or ()),
        finish_reason=choice.get("finish_reason"),
        usage=usage,
        target=headers.get("x-router-served", ""),
    )
    return chunk if chunk.text or chunk.tool_calls or chunk.finish_reason or usage else None


def read_comment(comment: bytes) -> dict[str, str]:
    """The headers that stand in the last comment of a stream: `: x-router-cost-usd: 0.0001; …`."""
    pairs = (part.partition(": ") for part in comment.decode().lstrip(": ").strip().split("; "))
    return {name: value for name, _, value in pairs if name.startswith("x-router-")}


def finished(last: Chunk, headers: Mapping[str, str]) -> Chunk:
    """The chunk that ends a stream, with its cost."""
    return replace(last, cost=_usd(headers.get("x-router-cost-usd")), target=headers.get("x-router-served", last.target))


def _usd(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None else None


def dollars(nano: int) -> Decimal:
    return (Decimal(nano) / MILLION_NANO).normalize()


def price_row(target: str, price: Price) -> TargetPrice:
    """A price in dollars for people."""
    rates = price.rates
    return TargetPrice(
        target,
        dollars(rates.input),
        dollars(rates.output),
        _maybe(rates.cache_read),
        _maybe(rates.cache_write),
        _maybe(rates.cache_write_1h),
        _maybe(rates.reasoning),
        dollars(price.request),
        price.source,
        price.date,
    )


def _maybe(nano: int | None) -> Decimal | None:
    return None if nano is None else dollars(nano)
