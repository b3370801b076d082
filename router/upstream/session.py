"""The transport for what `http1` leaves out: proxies and client certificates, on aiohttp's ClientSession.

aiohttp's exceptions end here: `_TABLE` names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
from yarl import URL

from router.engine.transport import UpstreamRequest
from router.errors import Kind, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from router.snapshot import Endpoint, Origin
from router.tasks import spawn
from router.upstream.connection import MAX_HEAD, MAX_HELD, MAX_LINGER, MAX_WHOLE, SLICE
from router.upstream.decode import Inflater, inflater, unpacked
from router.upstream.dial import NAME_TTL, unreachable
from router.upstream.head import Headers, address, header_lines
from router.upstream.http1 import IDLE_SECONDS, LINGER
from router.upstream.tls import Contexts

_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Headers aiohttp would add: what a request says stands in its endpoint."""


@dataclass(slots=True)
class _Trace:
    """What became of one request's connection; filled by aiohttp's tracing, which alone tells."""

    reused: bool = False


class SessionTransport:
    """A `router.engine.transport.Transport` for http and https origins."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._contexts = Contexts()

    async def send(self, request: UpstreamRequest) -> SessionReply:
        endpoint = request.endpoint
        origin = endpoint.origin
        headers = _headers(request)
        trace = _Trace()
        try:
            response = await self._opened().request(
                endpoint.method,
                _url(endpoint),
                data=request.body if len(request.body) <= SLICE else _Slices(request.body),
                headers=headers,
                ssl=await self._contexts.get(origin.tls) if origin.scheme == "https" else True,
                proxy=origin.proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=endpoint.connect),
                trace_request_ctx=trace,
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise mapped(error, origin, reused=trace.reused) from error
        if not 200 <= response.status <= 599:
            response.close()
            raise UpstreamUnavailable(f"the answer of {address(origin)} is no HTTP the router takes: status {response.status}")
        return SessionReply(response, origin)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_reuseconn.append(_on_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=int(NAME_TTL), keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OURS,
                auto_decompress=False,
                read_bufsize=MAX_HELD // 2,  # It pauses at twice that.
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
                trace_configs=[tracing],
            )
        return self._session


async def _on_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.reused = True


def _headers(request: UpstreamRequest) -> list[tuple[str, str]]:
    headers = [*request.endpoint.headers, *request.headers]
    header_lines(headers, request.endpoint.origin)  # The same refusal of CR and LF as on the other transport.
    if all(name != "accept-encoding" for name, _ in headers):
        headers.append(("accept-encoding", "identity"))
    headers.append(("content-length", str(len(request.body))))
    return headers


def _url(endpoint: Endpoint) -> URL:
    return URL(f"{endpoint.origin.scheme}://{address(endpoint.origin)}{endpoint.path}", encoded=True)


class _Slices:
    """A large body for aiohttp, which warns of blocking the loop when it is given one whole."""

    def __init__(self, body: bytes) -> None:
        self._rest = memoryview(body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        piece, self._rest = self._rest[:SLICE], self._rest[SLICE:]
        return bytes(piece)


class SessionReply:
    """A `router.engine.transport.UpstreamReply`."""

    def __init__(self, response: aiohttp.ClientResponse, origin: Origin) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = Headers({name.lower(): value for name, value in response.raw_headers})
        self.linger = False
        self._response = response
        self._origin = origin
        self._closed = False
        self._inflater: Inflater | None = None
        self._watch = _Watch(response)
        self._until_close = not {"content-length", "transfer-encoding"} & set(self.headers)  # RFC 9112 6.3, rule 8.

    async def read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := await self._some():
            parts.append(data)
            size += len(data)
            if size > MAX_WHOLE:
                self._cut()
                raise UpstreamUnavailable(f"the answer of {address(self._origin)} is too large")
        return unpacked(parts, self.headers.get("content-encoding", ""), MAX_WHOLE)

    async def chunk(self) -> bytes:
        if self._inflater is None:
            self._inflater = inflater(self.headers.get("content-encoding", ""))
        while not (data := self._inflater.take()):
            packed = await self._some()
            if not packed:
                self._inflater.end()
                break
            self._inflater.feed(packed)
        return data

    def close(self) -> None:
        if self._closed:
            return
        if self._response.content.at_eof() and self._response.content.exception() is None:
            self._end()
            self._response.release()
        elif self.linger:
            self._end()
            spawn(_rest(self._response), name="linger")
        else:
            self._cut()

    async def _some(self) -> bytes:
        if self._closed:
            raise UpstreamUnavailable("the answer was closed")
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._cut()
            raise mapped(error, self._origin, reused=False) from error
        except BaseException:
            self._cut()
            raise
        # aiohttp takes any end of the connection for the end of such a body.
        if not data and self._until_close and self._watch.was_reset:
            raise UpstreamUnavailable(f"connection reset by {address(self._origin)} inside its answer")
        return data

    def _cut(self) -> None:
        self._end()
        self._response.close()

    def _end(self) -> None:
        self._closed = True
        self._watch.end()


class _Watch:
    """Tells the reader of a body that its connection is gone. aiohttp 3.14 does so itself unless the body's chunks were
    malformed: then its parser forgets the body first, and the reader would wait for ever."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content
        connection = response.connection
        protocol = connection.protocol if connection is not None else None
        self._gone = protocol.closed if protocol is not None else None
        if self._gone is None:
            self._lost(None)
        else:
            self._gone.add_done_callback(self._lost)
            # The connection outlives this answer, and an error nobody looks at is logged: one look, however many answers.
            self._gone.remove_done_callback(_seen)
            self._gone.add_done_callback(_seen)

    def end(self) -> None:
        if self._gone is not None:
            self._gone.remove_done_callback(self._lost)

    @property
    def was_reset(self) -> bool:
        gone = self._gone
        return gone is not None and gone.done() and not gone.cancelled() and gone.exception() is not None

    def _lost(self, _: object) -> None:
        if not self._content.is_eof() and self._content.exception() is None:
            self._content.set_exception(aiohttp.ClientPayloadError("the connection is gone"))


def _seen(gone: asyncio.Future[None]) -> None:
    if not gone.cancelled():
        gone.exception()


async def _rest(response: aiohttp.ClientResponse) -> None:
    """The end of an answer whose reader has seen all it wanted: with it the connection can be used again."""
    size = 0
    try:
        async with asyncio.timeout(LINGER):
            while size <= MAX_LINGER and (data := await response.content.readany()):
                size += len(data)
    except (aiohttp.ClientError, OSError):  # TimeoutError is one.
        response.close()
    else:
        response.release() if response.content.at_eof() else response.close()


_TABLE: tuple[tuple[type[Exception], Kind, str], ...] = (
    (aiohttp.ClientHttpProxyError, "connect", "the proxy did not connect to {where}: status {error.status}"),
    (aiohttp.ClientProxyConnectionError, "connect", "no connection to the proxy for {where}"),
    (aiohttp.ServerDisconnectedError, "connect", "connection closed by {where} before its answer"),
    (aiohttp.ClientPayloadError, "server", "connection closed by {where} inside its answer"),
    (aiohttp.ClientResponseError, "server", "the answer of {where} is no HTTP the router takes"),
    (aiohttp.ClientOSError, "connect", "connection reset by {where}"),
    (Exception, "connect", "{where} cannot be used: {error}"),
)
"""The first row that fits names the error. A subclass stands before its base."""


def mapped(error: Exception, origin: Origin, *, reused: bool) -> UpstreamError:
    """The router's error for one of aiohttp's. `reused`: the connection had been idle in the pool."""
    where = address(origin)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamTimeout(f"no connection to {where} in time", clock="connect")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return unreachable(error.certificate_error, origin)
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientProxyConnectionError):
        return unreachable(error.os_error, origin)
    kind, text = next((kind, text) for of, kind, text in _TABLE if isinstance(error, of))
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        kind = "server"  # The message is what was parsed of a head: the server has seen the request.
    return UpstreamUnavailable(text.format(where=where, error=error), kind=kind, reused=reused and kind == "connect")
