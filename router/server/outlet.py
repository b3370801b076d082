"""The engine's Client on an aiohttp connection, and at once the response object aiohttp's server gets back.

aiohttp's own response classes cost 45 µs a request (performance.md); its server asks little of a response: `prepare`,
`write_eof`, `keep_alive`. Head and body leave in one write, a stream's chunk in one write each (RFC 9112, 7.1).
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from router.engine.client import Headers

_STATUS_LINE = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_STATUS_LINE[529] = "HTTP/1.1 529 Overloaded\r\n"
_STREAM = "content-type: text/event-stream\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Outlet:
    """One answer on its way out. Implements `router.engine.client.Client`; of aiohttp's response only what its server uses."""

    __slots__ = ("_chunked", "_extra", "_head_only", "_protocol", "_request", "body_length", "keep_alive", "started", "status")

    prepared = True

    def __init__(self, request: web.BaseRequest, extra: Headers | None = None) -> None:
        """`extra`: headers that every answer of this endpoint carries."""
        self._request = request
        self._protocol = request.protocol
        self._extra = extra
        self._head_only = request.method == "HEAD"
        self._chunked = request.version >= (1, 1)
        # Only 1.1 keeps connections: a 1.0 client that wants to would need a header that nobody sends any more.
        self.keep_alive = self._chunked and request.keep_alive
        self.started = False
        self.status = 200
        self.body_length = 0

    @property
    def blocked(self) -> bool:
        return self._protocol.writing_paused

    async def drain(self) -> None:
        await self._request.writer.drain()

    def whole(self, status: int, headers: Headers, body: bytes, content_type: str = "application/json") -> None:
        self.started = True
        self.status = status
        self.body_length = len(body)
        head = f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        data = self._head(status, head, headers)
        self._send(data if self._head_only else data + body)

    def start(self, headers: Headers) -> None:
        self.started = True
        if not self._chunked:
            self.keep_alive = False
        framing = "transfer-encoding: chunked\r\n" if self._chunked else ""
        self._send(self._head(200, _STREAM + framing, headers))

    def write(self, data: bytes) -> None:
        self.body_length += len(data)
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self, data: bytes, *, close: bool = False) -> None:
        if close:
            self.keep_alive = False
        self.body_length += len(data)
        if not self._chunked:
            self._send(data)
        else:
            self._send(b"%x\r\n%b\r\n%b" % (len(data), data, _LAST_CHUNK) if data else _LAST_CHUNK)

    def _send(self, data: bytes) -> None:
        transport = self._protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        transport.write(data)

    def _head(self, status: int, head: str, headers: Headers) -> bytes:
        lines = [_STATUS_LINE.get(status) or f"HTTP/1.1 {status} Unknown\r\n", head]
        lines += [f"{name}: {_line(value)}\r\n" for name, value in headers]
        if self._extra:
            lines += [f"{name}: {_line(value)}\r\n" for name, value in self._extra]
        lines.append("\r\n" if self.keep_alive else "connection: close\r\n\r\n")
        return "".join(lines).encode()

    async def prepare(self, request: web.BaseRequest) -> None:
        """aiohttp calls it when the handler has returned; everything has left by then."""

    async def write_eof(self) -> None:
        """The same."""


def _line(value: str) -> str:
    """One header line's worth: a line break in a value would begin a header of somebody else's choice."""
    return value if value.isprintable() else "".join(char if char.isprintable() else "?" for char in value)
