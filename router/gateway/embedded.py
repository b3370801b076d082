"""The way without a socket: the daemon's engine in this process, fed with exchanges made here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

from router.config.files import Files
from router.decide import Ask, allowed_names, find_model
from router.decide.listing import listed
from router.engine.client import Headers
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.engine.ids import request_id
from router.errors import RouterError
from router.gateway.way import Reply
from router.runtime import build
from router.state.live import Live
from router.tasks import spawn
from router.upstream.sandbox import SandboxTransport
from router.upstream.select import Upstreams
from router.wire.base import ErrorView
from router.wire.endpoints import MODELS_PATH, PATHS
from router.wire.listing import render_model, render_models

HELD = 256 * 1024
"""Bytes of a stream that wait for the caller before the engine stops reading."""


class Embedded:
    """Implements `router.gateway.way.Way`. The configuration is read once; the engine is made in the loop that uses it."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        files = Files((path,))
        self._snapshot, self.warnings = build(files, files.read(), environ, 1)
        self._upstreams: Upstreams | None = None
        self._engine: Engine | None = None

    async def get(self, path: str) -> Reply:
        wire = PATHS["/v1/chat/completions"].wire
        snapshot = self._snapshot
        if path == MODELS_PATH:
            models = [listed(name, snapshot.models[name]) for name in allowed_names(snapshot, None)]
            return Reply(200, {}, render_models(wire, models))
        name = unquote(path.removeprefix(MODELS_PATH + "/"))
        try:
            return Reply(200, {}, render_model(wire, listed(name, find_model(snapshot, Ask(name, None)))))
        except RouterError as error:
            view = ErrorView(error.status, error.code, error.message, error.param, "")
            return Reply(error.status, {"x-router-error-source": error.source}, wire.render_error(view))

    async def post(self, path: str, body: bytes) -> Reply:
        tray = Tray()
        await self._started().handle(self._exchange(path, body), tray)
        return Reply(tray.status, tray.headers, b"".join(tray.parts))

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator[Tray]:
        tray = Tray()
        work = spawn(self._started().handle(self._exchange(path, body), tray), name="gateway stream")
        work.add_done_callback(lambda _: tray.close())
        try:
            await tray.head.wait()
            yield tray
        finally:
            work.cancel()  # Leaving early is what a client that hangs up does: the upstream is closed.
            await asyncio.wait([work])

    async def aclose(self) -> None:
        if self._upstreams is not None:
            await self._upstreams.aclose()

    def _started(self) -> Engine:
        if self._engine is None:
            self._upstreams = Upstreams(SandboxTransport())
            live = Live(random.random)
            self._engine = Engine(transport=self._upstreams, world=live, health=live.health, settled=lambda _: None)
        return self._engine

    def _exchange(self, path: str, body: bytes) -> Exchange:
        return Exchange(
            request_id=request_id(),
            snapshot=self._snapshot,
            client=PATHS[path].wire,
            raw=body,
            started=time.monotonic(),
            wall=time.time(),
        )


class Tray:
    """The engine's Client and the caller's StreamReply: what one puts down, the other takes."""

    def __init__(self) -> None:
        self.head = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self._held = 0
        self._closed = False
        self._put = asyncio.Event()
        self._taken = asyncio.Event()

    @property
    def started(self) -> bool:
        return self.head.is_set()

    @property
    def blocked(self) -> bool:
        return self._held > HELD

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._begin(status, headers)
        self.end(body)

    def start(self, headers: Headers) -> None:
        self._begin(200, headers)

    def _begin(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, dict(headers)
        self.head.set()

    def write(self, data: bytes) -> None:
        self.parts.append(data)
        self._held += len(data)
        self._put.set()

    def end(self, data: bytes, *, close: bool = False) -> None:
        self.write(data)
        self.close()

    def close(self) -> None:
        self._closed = True
        self.head.set()
        self._put.set()

    async def drain(self) -> None:
        while self.blocked:
            self._taken.clear()
            await self._taken.wait()

    async def read(self) -> bytes:
        return b"".join([part async for part in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            parts, self.parts, self._held = self.parts, [], 0
            self._taken.set()
            for part in parts:
                yield part
            if not self.parts:
                if self._closed:
                    return
                self._put.clear()
                await self._put.wait()
