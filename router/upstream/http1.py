"""The transport of the common case: a keep-alive pool per origin over `connection.Connection`.

No HTTP/2, no proxies, no client certificates: those go through `session`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from router.engine.transport import UpstreamRequest
from router.errors import UpstreamTimeout, UpstreamUnavailable
from router.snapshot import Endpoint, Origin
from router.upstream.connection import MAX_WHOLE, Connection
from router.upstream.decode import Inflater, inflater, unpacked
from router.upstream.dial import Dialer
from router.upstream.head import Headers, address, header_lines, request_head

IDLE_SECONDS = 50.0
"""A connection nobody used for so long is closed: many servers and balancers do it at 60, and the race costs a retry."""
SWEEP = 5.0
"""Seconds between looks at idle connections; with `IDLE_SECONDS` it stays below 60."""
MAX_IDLE = 256
"""Idle connections per origin: beyond, those in use are closed when their answer is over."""
MAX_ROUTES = 4096
"""Endpoints whose head is remembered. Reloads make new ones; the old must not pile up."""
LINGER = 0.25
"""Seconds the end of an answer may take when the reader has seen all it wanted."""


class Pool:
    """Connections to one origin: the one used last is taken first, so that those not needed grow old."""

    def __init__(self, origin: Origin, transport: Http1Transport) -> None:
        self.origin = origin
        self.name = address(origin)
        self.open: set[Connection] = set()
        self.idle: dict[Connection, float] = {}
        """When each expires (loop time), oldest first."""
        self._transport = transport

    def take(self, now: float) -> Connection | None:
        while self.idle:
            connection, until = self.idle.popitem()
            if now < until:
                return connection
            connection.cut()
        return None

    def give(self, connection: Connection) -> None:
        seconds = _idle_seconds(connection.headers.get(b"keep-alive"))
        if len(self.idle) >= MAX_IDLE or seconds <= 0 or self._transport.closed:
            connection.cut()
            return
        self.idle[connection] = asyncio.get_running_loop().time() + seconds
        self._transport.sweep_later()

    def lost(self, connection: Connection) -> None:
        self.idle.pop(connection, None)
        self.open.discard(connection)

    def expire(self, now: float) -> None:
        for connection in [connection for connection, until in self.idle.items() if until <= now]:
            del self.idle[connection]
            connection.cut()


def _idle_seconds(said: bytes | None) -> float:
    """The server's `keep-alive: timeout=5` less one second, where it says so: Node closes after five."""
    if said is None:
        return IDLE_SECONDS
    for part in said.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.lower() == b"timeout" and value.isdigit():
            return min(IDLE_SECONDS, int(value[:6]) - 1.0)
    return IDLE_SECONDS


class _Route:
    """What every request to one endpoint shares."""

    __slots__ = ("head", "pool")

    def __init__(self, head: bytes, pool: Pool) -> None:
        self.head = head
        self.pool = pool


class Http1Transport:
    """A `router.engine.transport.Transport` for http and https origins."""

    def __init__(self) -> None:
        self._pools: dict[Origin, Pool] = {}
        self._routes: dict[Endpoint, _Route] = {}
        self._dialer = Dialer()
        self._sweep: asyncio.TimerHandle | None = None
        self.closed = False

    @property
    def open(self) -> int:
        """Connections, idle ones included."""
        return sum(len(pool.open) for pool in self._pools.values())

    @property
    def idle(self) -> int:
        return sum(len(pool.idle) for pool in self._pools.values())

    async def send(self, request: UpstreamRequest) -> Http1Reply:
        endpoint, body, headers = request
        route = self._routes.get(endpoint) or self._route(endpoint)
        head = b"%b%d\r\n%b\r\n" % (route.head, len(body), header_lines(headers, endpoint.origin) if headers else b"")
        connection = route.pool.take(asyncio.get_running_loop().time())
        if connection is None:
            connection = await self._connect(endpoint, route.pool)
        await connection.exchange(head, body)
        return Http1Reply(connection)

    async def aclose(self) -> None:
        self.closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for pool in self._pools.values():
            pool.expire(float("inf"))
        await asyncio.sleep(0)  # A turn of the loop, in which their sockets close.

    def sweep_later(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP, self._expire)

    def _expire(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for pool in self._pools.values():
            pool.expire(now)
        if self.idle:
            self.sweep_later()

    def _route(self, endpoint: Endpoint) -> _Route:
        if len(self._routes) >= MAX_ROUTES:
            self._routes.clear()
        pool = self._pools.get(endpoint.origin)
        if pool is None:
            pool = self._pools[endpoint.origin] = Pool(endpoint.origin, self)
        route = self._routes[endpoint] = _Route(request_head(endpoint), pool)
        return route

    async def _connect(self, endpoint: Endpoint, pool: Pool) -> Connection:
        try:
            async with asyncio.timeout(endpoint.connect):
                connection = await self._dialer.dial(endpoint.origin, partial(Connection, pool))
        except TimeoutError as error:  # The network's own ETIMEDOUT has become UpstreamUnavailable in `dial`.
            text = f"no connection to {pool.name} within {endpoint.connect:g} s"
            raise UpstreamTimeout(text, clock="connect") from error
        if not connection.lost:
            # Not in connection_made: a connection whose making is cancelled then is closed without connection_lost under uvloop.
            pool.open.add(connection)
        return connection


class Http1Reply:
    """A `router.engine.transport.UpstreamReply`."""

    __slots__ = ("_connection", "_encoding", "_fields", "_inflater", "linger", "status")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._fields = connection.headers
        self._encoding = self._fields.get(b"content-encoding")
        self._inflater: Inflater | None = None
        self.status = connection.status
        self.linger = False

    @property
    def headers(self) -> Mapping[str, str]:
        return Headers(self._fields)

    async def read(self) -> bytes:
        parts = await self._held().rest()
        if self._encoding is not None:
            return unpacked(parts, self._encoding.decode("latin-1"), MAX_WHOLE)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunk(self) -> bytes:
        connection = self._held()
        if self._encoding is None:
            return await connection.some()
        if self._inflater is None:
            self._inflater = inflater(self._encoding.decode("latin-1"))
        while not (data := self._inflater.take()):
            packed = await connection.some()
            if not packed:
                self._inflater.end()
                break
            self._inflater.feed(packed)
        return data

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish(linger=LINGER if self.linger else 0.0)

    def _held(self) -> Connection:
        if self._connection is None:
            raise UpstreamUnavailable("the answer was closed")
        return self._connection
