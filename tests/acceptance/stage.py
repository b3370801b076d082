"""A router on loopback between providers that misbehave and clients that look closely."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.acceptance.dialects import PAIRS, Dialect, Heard, pair_name
from tests.acceptance.upstreams import Provider
from tests.server.running import Running, running

QUICK = (
    "defaults:\n"
    "  timeouts: {connect: 500ms, first_token: 300ms, last_first_token: 400ms, idle: 300ms, answer: 300ms, total: 5s}\n"
    "  backoff: {base: 5ms, max: 20ms}\n"
    "  deadline: 5s\n"
)
"""Clocks for tests; everything else is what the file gives whoever writes nothing."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    heard: Heard

    @property
    def attempts(self) -> list[str]:
        said = self.headers.get("x-router-attempts", "")
        return said.split(",") if said else []


@dataclass
class Stage:
    router: Running
    providers: dict[str, Provider]

    async def ask(self, client: Dialect, *, stream: bool, model: str = "fast", headers: dict[str, str] | None = None) -> Answer:
        """On a connection of its own. Raises what aiohttp raises when the answer is not even whole HTTP."""
        began = time.perf_counter()
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.router.url + client.path, json=client.ask(stream=stream, model=model), headers=headers) as answer,
        ):
            status, head, body = answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read()
        seconds = time.perf_counter() - began
        streamed = head["content-type"].startswith("text/event-stream")
        return Answer(status, head, body, seconds, client.hear(body, stream=streamed))

    async def metrics(self) -> Metrics:
        _, _, body = await self.router.get(f"{self.router.admin}/metrics")
        return Metrics(body.decode())

    async def status(self) -> dict[str, Any]:
        _, _, body = await self.router.get(f"{self.router.admin}/-/status")
        return json.loads(body)

    @property
    def asked(self) -> dict[str, int]:
        """How many requests each provider has seen."""
        return {name: len(provider.calls) for name, provider in self.providers.items()}

    def abandons(self, client: Dialect, *, stream: bool, model: str = "fast") -> Leaving:
        """A client that will not wait for its answer."""
        return Leaving(self.router.port, request(client, client.ask(stream=stream, model=model)))


class Metrics:
    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, name: str, **labels: str) -> float:
        """The sum over all series that have these labels; 0 when there is none."""
        total = 0.0
        for line in self.text.splitlines():
            found = re.match(r"(\w+)(?:\{(.*)\})? ([-+.\dA-Za-z]+)$", line)
            if found is not None and found[1] == name:
                has = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
                if labels.items() <= has.items():
                    total += float(found[3])
        return total

    @property
    def open(self) -> float:
        """Both in-flight gauges, over everything."""
        return self.value("router_inflight") + self.value("router_target_inflight")


def request(client: Dialect, body: Any) -> bytes:
    data = json.dumps(body).encode()
    lines = (
        f"POST {client.path} HTTP/1.1\r\nhost: router\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return lines.encode() + data


class Leaving:
    """One connection that sends its request and goes when it likes."""

    def __init__(self, port: int, data: bytes) -> None:
        self._port = port
        self._data = data

    async def __aenter__(self) -> Self:
        self.reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._data)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    def leave(self, *, reset: bool) -> None:
        """With an RST as a killed process does, or with a FIN as one that closes its connection."""
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()


def for_each_pair(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Runs a test that takes a `pair` for all of them at the same time: most of it is waiting."""

    @functools.wraps(test)
    async def pairs(**given: Any) -> None:
        async with asyncio.TaskGroup() as group:
            for pair in PAIRS:
                folder = given["tmp_path"] / pair_name(pair)
                folder.mkdir()
                group.create_task(test(**given | {"tmp_path": folder, "pair": pair}), name=pair_name(pair))

    signature = inspect.signature(test)
    rest = [parameter for parameter in signature.parameters.values() if parameter.name != "pair"]
    pairs.__signature__ = signature.replace(parameters=rest)
    return pairs


@asynccontextmanager
async def stage(
    tmp_path: Path, models: str, *, more: str = QUICK, server: str = "", **providers: Provider
) -> AsyncIterator[Stage]:
    """`models` is the file from `models:` on, `more` what stands before the providers. Providers come by their names."""
    listen = f"server: {{listen: '127.0.0.1:0', admin: '127.0.0.1:0', reload: {{watch: none}}{server}}}\n"
    async with AsyncExitStack() as stack:
        for provider in providers.values():
            await stack.enter_async_context(provider)
        yaml = "providers:\n" + "".join(provider.yaml(name) for name, provider in providers.items())
        secrets = {f"KEY_{name.upper()}": f"sk-{name}-canary" for name in providers}
        router = await stack.enter_async_context(running(tmp_path, listen + more + yaml + models, secrets))
        yield Stage(router, providers)
