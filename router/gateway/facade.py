"""`Gateway`: ask for models by the names of router.yaml, in process or through a running daemon.

gateway = Gateway.from_config("router.yaml")                    # embedded: the daemon's engine in this process
gateway = Gateway(GatewayConfig("http://127.0.0.1:4000", ...))  # the client of a daemon

async with gateway:
    answer = await gateway.complete("fast", "Hello")
    print(answer.text, answer.cost, answer.target)
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import orjson

from router.gateway.answers import (
    Chunk,
    Completion,
    GatewayError,
    ModelInfo,
    TargetPrice,
    dollars,
    finished,
    price_row,
    read_chunk,
    read_comment,
    read_completion,
    read_error,
)
from router.gateway.embedded import Embedded
from router.gateway.remote import Remote
from router.gateway.way import Way
from router.pricing import Price, cost
from router.pricing.portable import from_json
from router.types import Json, Usage
from router.wire.sse import Decoder

Messages = str | list[Json]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where a daemon is. `timeout` (seconds) bounds a request; retries are the daemon's business, so `max_retries` is 0 unless
    the way to the daemon itself is unreliable."""

    base_url: str = "http://127.0.0.1:4000"
    api_key: str | None = None
    timeout: float = 600.0
    max_retries: int = 0

    def __repr__(self) -> str:
        return f"GatewayConfig({self.base_url!r}, timeout={self.timeout}, max_retries={self.max_retries})"  # Never the key.


class Gateway:
    """One access point to every model of a router.yaml. Use as an async context manager, or call `aclose`.

    Every method raises `GatewayError`, with the status and code a client of the daemon would have seen.
    """

    def __init__(self, config: GatewayConfig | None = None, *, way: Way | None = None) -> None:
        """The client of a running daemon. (`from_config` runs the engine in this process instead.)"""
        config = config or GatewayConfig()
        self._way = way or Remote(config.base_url, config.api_key, config.timeout, config.max_retries)

    @classmethod
    def from_config(cls, path: str | Path = "router.yaml", *, environ: Mapping[str, str] | None = None) -> Self:
        """The daemon's engine in this process: the same file, fallbacks, retries and costs, and no port.

        `environ` is what `${env:…}` looks at (the process's own, if None). Raises `router.config.diagnostics.ConfigError`
        with every finding, and OSError when the file cannot be read.
        """
        return cls(way=Embedded(Path(path), os.environ if environ is None else environ))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._way.aclose()

    async def complete(self, model: str, messages: Messages, **params: Any) -> Completion:
        """One whole answer. `messages` is the user's text or a list in OpenAI's chat form; `params` are fields of an OpenAI
        chat request (`temperature`, `max_tokens`, `tools`, …)."""
        reply = await self._way.post("/v1/chat/completions", _body(model, messages, params))
        if reply.status != 200:
            raise read_error(reply.status, reply.body, reply.headers)
        return read_completion(model, reply.body, reply.headers)

    async def stream(self, model: str, messages: Messages, **params: Any) -> AsyncGenerator[Chunk, None]:
        """The answer piece by piece; parameters as `complete`. The last chunk has usage and cost. An answer that breaks off
        raises: it never just ends. Whoever stops early closes the upstream too (at once with `contextlib.aclosing`)."""
        body = _body(model, messages, params | {"stream": True, "stream_options": {"include_usage": True}})
        async with self._way.stream("/v1/chat/completions", body) as reply:
            if reply.status != 200:
                raise read_error(reply.status, await reply.read(), reply.headers)
            async with aclosing(_chunks(reply.chunks(), dict(reply.headers))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def list_models(self) -> list[ModelInfo]:
        """Every name this client may ask for, in the order of the file."""
        models = (await self._get("/v1/models"))["data"]
        return [ModelInfo(each["id"], each.get("context_window")) for each in models]

    async def get_cost(self, model: str) -> list[TargetPrice | None]:
        """The price of each target of a model, in the order they are asked; None where it is not known."""
        return [None if price is None else price_row(target, price) for target, price in await self._prices(model)]

    async def calculate_cost(self, answer: Completion | str, usage: Usage | None = None) -> Decimal | None:
        """US dollars for an answer, at the price of the target that gave it; or for `usage` tokens of a model (by name), at the
        price of its first target. None when the price or the usage is not known."""
        if isinstance(answer, Completion):
            price = dict(await self._prices(answer.asked)).get(answer.target)
            usage = usage or answer.usage
        else:
            price = (await self._prices(answer))[0][1]
        return dollars(cost(usage, price)) if usage is not None and price is not None else None

    async def _prices(self, model: str) -> list[tuple[str, Price | None]]:
        targets = (await self._get(f"/v1/models/{quote(model, safe='')}"))["targets"]
        return [(each["target"], None if each["price"] is None else from_json(each["price"])) for each in targets]

    async def _get(self, path: str) -> Json:
        reply = await self._way.get(path)
        if reply.status != 200:
            raise read_error(reply.status, reply.body, reply.headers)
        answer: Json = orjson.loads(reply.body)
        return answer


async def _chunks(parts: AsyncIterator[bytes], headers: dict[str, str]) -> AsyncGenerator[Chunk, None]:
    """Events to chunks. The last comment says what the headers could not know yet."""
    decoder, done = Decoder(), False
    last = Chunk(target=headers.get("x-router-served", ""))
    async for part in parts:
        for frame in decoder.feed(part):
            if frame.data == b"[DONE]":
                done = True
            elif not frame.data:
                headers |= read_comment(frame.raw)
            elif (chunk := read_chunk(frame.data, headers)) is not None:
                if chunk.usage is None:
                    yield chunk
                last = replace(chunk, text="", tool_calls=())
    if not done:
        raise GatewayError("the answer broke off", status=502, code="upstream_unavailable", headers=headers)
    yield finished(last, headers)


def _body(model: str, messages: Messages, params: Mapping[str, Any]) -> bytes:
    turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    return orjson.dumps({"model": model, "messages": turns, **params})
