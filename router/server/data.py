"""The data port: from an HTTP request to an exchange. Translates between aiohttp and the engine, and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from router.decide import Ask, allowed_names, find_model
from router.decide.listing import listed
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.engine.ids import request_id
from router.errors import BodyTooLarge, Draining, NotFound, Overloaded, RouterError, WrongMethod
from router.runtime import Runtime
from router.server.auth import authenticate
from router.server.outlet import Outlet
from router.server.patience import deadline_of, silence_of
from router.server.probes import Probes
from router.snapshot import ClientKey, Snapshot
from router.wire.endpoints import MODELS_PATH, PATHS, Side, side_of
from router.wire.listing import render_model, render_models

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_OVERLOADED_RETRY = 1.0
"""Seconds: an open request ends about then."""

MAX_ID = 128
"""Characters of a client's own request id that are kept: it is logged."""

Handler = Callable[[web.BaseRequest], Awaitable[Outlet]]


class Route(NamedTuple):
    method: str
    handle: Handler


class DataPort:
    """`handle` is what the listener calls with each request."""

    def __init__(self, runtime: Runtime, engine: Engine, probes: Probes, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._runtime = runtime
        self._engine = engine
        self._probes = probes
        self._routes: Mapping[str, Route] = {
            **{path: Route("POST", self._chat(side)) for path, side in PATHS.items()},
            MODELS_PATH: Route("GET", self._models),
            "/livez": Route("GET", self._live),
            "/readyz": Route("GET", self._ready),
        }

    def request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        """aiohttp's request, limited to the body size that is configured at this moment."""
        limit = self._runtime.snapshot.server.max_body
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=limit)

    async def handle(self, request: web.BaseRequest) -> Outlet:
        try:
            return await self._handle(request)
        except ConnectionError:  # The client has left. aiohttp would log that as a failure of ours, with a traceback.
            gone = Outlet(request)
            gone.keep_alive = False
            return gone

    async def _handle(self, request: web.BaseRequest) -> Outlet:
        path = request.path
        route = self._routes.get(path)
        if route is None and path.startswith(MODELS_PATH + "/"):
            route = Route("GET", self._model)
        if route is None:
            return self._refuse(request, NotFound(f"there is no {path!r} here"))
        if request.method != route.method and (request.method, route.method) != ("HEAD", "GET"):
            error = WrongMethod(f"{path} takes {route.method}, not {request.method}")
            return self._refuse(request, error, allow=route.method)
        return await route.handle(request)

    def _chat(self, side: Side) -> Handler:
        async def chat(request: web.BaseRequest) -> Outlet:
            x = self._exchange(request, side)
            outlet = Outlet(request, [(side.request_id, x.request_id)] if side.request_id else None)
            try:
                x.deadline, x.silence = deadline_of(request.headers), silence_of(request.headers)
                x.key = authenticate(x.snapshot, request.headers)
                self._admit(x.snapshot)
                x.raw = await _body(request, x.snapshot.server.max_body)
            except RouterError as error:
                self._engine.reject(x, outlet, error)
                return outlet
            await self._engine.handle(x, outlet)
            return outlet

        return chat

    def _exchange(self, request: web.BaseRequest, side: Side) -> Exchange:
        headers = request.headers
        return Exchange(
            request_id=request_id(),
            snapshot=self._runtime.snapshot,
            client=side.wire,
            raw=b"",
            started=self._engine.clock(),
            wall=self._wall(),
            client_request_id=(headers.get("x-client-request-id") or headers.get("x-request-id") or "")[:MAX_ID] or None,
            passed=tuple((name, headers[name]) for name in side.passes if name in headers),
        )

    def _admit(self, snapshot: Snapshot) -> None:
        if self._probes.closing:
            raise Draining("the router is about to end; another replica will answer", retry_after=_OVERLOADED_RETRY)
        if len(self._engine.open) >= snapshot.server.max_inflight:
            limit = snapshot.server.max_inflight
            raise Overloaded(f"{limit} requests are open (server.max_inflight)", retry_after=_OVERLOADED_RETRY)

    async def _models(self, request: web.BaseRequest) -> Outlet:
        def every(snapshot: Snapshot, key: ClientKey | None) -> bytes:
            names = allowed_names(snapshot, key)
            return render_models(side_of(request.headers).wire, [listed(name, snapshot.models[name]) for name in names])

        return self._listing(request, every)

    async def _model(self, request: web.BaseRequest) -> Outlet:
        name = request.path.removeprefix(MODELS_PATH + "/")

        def one(snapshot: Snapshot, key: ClientKey | None) -> bytes:
            return render_model(side_of(request.headers).wire, listed(name, find_model(snapshot, Ask(name, key))))

        return self._listing(request, one)

    def _listing(self, request: web.BaseRequest, render: Callable[[Snapshot, ClientKey | None], bytes]) -> Outlet:
        snapshot = self._runtime.snapshot
        try:
            body = render(snapshot, authenticate(snapshot, request.headers))
        except RouterError as error:
            return self._refuse(request, error)
        outlet = Outlet(request)
        outlet.whole(200, [("x-router-generation", str(snapshot.generation))], body)
        return outlet

    async def _live(self, request: web.BaseRequest) -> Outlet:
        return _probe(request, *self._probes.live())

    async def _ready(self, request: web.BaseRequest) -> Outlet:
        return _probe(request, *self._probes.ready(verbose="verbose" in request.query))

    def _refuse(self, request: web.BaseRequest, error: RouterError, *, allow: str | None = None) -> Outlet:
        """For what never becomes a request of a model: answered in the caller's format, and logged like one."""
        side = PATHS.get(request.path) or side_of(request.headers)
        outlet = Outlet(request, [("allow", allow)] if allow else None)
        self._engine.reject(self._exchange(request, side), outlet, error)
        return outlet


def _probe(request: web.BaseRequest, status: int, body: bytes) -> Outlet:
    outlet = Outlet(request)
    outlet.whole(status, [], body)
    return outlet


async def _body(request: web.BaseRequest, limit: int) -> bytes:
    """The request's body. Raises `BodyTooLarge` at the header if that says so, else as soon as it is."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(_CONTINUE)
    content = request.content
    if content.is_eof() and (request.content_length or 0) > 0:
        # It came with its head, as most do: not asking for more saves a turn and 3 µs. It is as long as the header said.
        body = content.read_nowait()
        if len(body) > limit:  # Sent compressed.
            raise _too_large(limit)
        return body
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(limit) from error


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is over {limit} bytes (server.max_body)")
