"""One HTTP/1.1 connection to an upstream: one request at a time, on asyncio.Protocol and llhttp (RFC 9112).

The protocol's callbacks move `state` forward; the one coroutine that uses the connection waits for a state. Nothing here
starts a task or a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from router.errors import UpstreamUnavailable

IDLE, HEAD, BODY, DONE, FAILED = range(5)
"""In the pool (or new) · request on its way, no answer's head yet · head there · answer whole · answer lost."""

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
MAX_HELD = 256 * 1024
"""Bytes that wait for the reader before the socket is left alone."""
MAX_WHOLE = 256 * 1024 * 1024
"""Bytes of an answer that is read whole: thousands of times a long one, and less than the machine has."""
MAX_LINGER = 64 * 1024
SLICE = 256 * 1024
"""Bytes of a large request handed to the socket at a time: the transport copies what it cannot send at once."""


class Owner(Protocol):
    """Whose connection it is: the pool of its origin."""

    name: str
    """The origin, for messages."""

    def lost(self, connection: Connection) -> None: ...
    def give(self, connection: Connection) -> None: ...


class _NotAcceptable(Exception):
    """Raised in the parser's callbacks: it stops the parser."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_any",
        "_cut",
        "_failure",
        "_fields",
        "_held",
        "_interim",
        "_keep",
        "_linger",
        "_loop",
        "_owner",
        "_parser",
        "_parts",
        "_reading",
        "_transport",
        "_until",
        "_waiter",
        "_whole",
        "_writing",
        "headers",
        "lost",
        "on_body",
        "on_header",
        "served",
        "state",
        "status",
    )

    _transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self.state = IDLE
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.served = 0
        """Answers this connection has given."""
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        # Two callbacks a message that the parser makes dozens of times go straight to C.
        self.on_header: Callable[[bytes, bytes], None] = self._fields.__setitem__
        self.on_body: Callable[[bytes], None] = self._parts.append
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._until = DONE
        self._any = False
        self._failure: UpstreamUnavailable | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._held = 0
        self._whole = self._interim = self._keep = self._cut = self.lost = False
        self._reading = self._writing = True

    # What its one user calls.

    async def exchange(self, head: bytes, body: bytes) -> None:
        """Sends a request and waits for the answer's head: `status` and `headers`. Raises UpstreamUnavailable."""
        self.state = HEAD
        self._failure, self._held = None, 0
        self._whole = self._interim = self._keep = self._cut = False
        self._fields.clear()
        if self.lost:  # Between the handshake and now; nobody would tell again.
            self._over(None)
        elif len(body) <= SLICE:
            self._transport.write(head + body)
        else:
            await self._write(head, body)
        if self.state == HEAD:
            await self._wait(BODY)
        if self.state == FAILED:
            raise self._broken()

    async def rest(self) -> list[bytes]:
        """The body bytes not yet taken, all of them. Raises UpstreamUnavailable."""
        if self.state == BODY:
            self._whole = True
            self._resume()
            await self._wait(DONE)
        if self.state == FAILED:
            raise self._broken()
        parts = self._parts.copy()
        self._parts.clear()
        return parts

    async def some(self) -> bytes:
        """The body bytes that are there, or the next ones; b'' at the end. Raises UpstreamUnavailable once they are taken."""
        if not self._parts:
            if self.state == BODY:
                await self._wait(DONE, some=True)
            if not self._parts:
                if self.state == FAILED:
                    raise self._broken()
                return b""
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._held = 0
        if not self._reading:
            self._resume()
        return data

    def finish(self, *, linger: float) -> None:
        """The answer is no longer needed: back to the pool when it is over; else cut now, or after `linger` seconds."""
        self._parts.clear()
        self._held = 0
        if self.state == DONE:
            self._release()
        elif self.state == BODY and linger > 0 and not self.lost:
            self._resume()
            self._linger = self._loop.call_later(linger, self.cut)
        else:
            self.cut()

    def cut(self) -> None:
        """Ends the connection at once. Whoever waits for its answer gets UpstreamUnavailable."""
        self._transport.abort()
        if self.state in (HEAD, BODY):
            self._fail(f"the answer of {self._owner.name} was given up")
        self._stop_lingering()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # Not an instance of it under uvloop.

    def data_received(self, data: bytes) -> None:
        if not HEAD <= self.state <= DONE or self._parser is None:
            self._transport.abort()  # Nobody asked for anything.
            return
        self._held += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._not_http(error)
        else:
            self._bound()
        waiter = self._waiter
        if waiter is not None and (self.state >= self._until or (self._any and self._parts)):
            self._wake()
        if self._linger is not None:
            self._lingered()

    def eof_received(self) -> None:
        # connection_lost comes a turn later, or after what is still being sent: too late for whoever waits or would take it.
        self._over(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser = None  # They refer to one another.
        self._over(exc)

    def pause_writing(self) -> None:
        self._writing = False

    def resume_writing(self) -> None:
        self._writing = True
        if self._until == HEAD:
            self._wake()

    # What the parser calls, beside `on_header` and `on_body`.

    def on_message_begin(self) -> None:
        if self.state != HEAD:
            raise _NotAcceptable("bytes behind the answer")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        fields = self._fields
        if len(fields) > MAX_HEADERS or (self._held > MAX_HEAD and _size(fields) > MAX_HEAD):
            raise _NotAcceptable("its head is too large")
        if 100 <= status < 200 and status != 101:
            self._interim = True
            fields.clear()
            return
        if not 200 <= status <= 599:
            raise _NotAcceptable(f"status {status}")
        headers = {name.lower(): value for name, value in fields.items()}
        if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise _NotAcceptable("a transfer-encoding other than chunked")
        self.status, self.headers, self.state = status, headers, BODY

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        assert self._parser is not None
        self.state = DONE
        self._keep = self._parser.should_keep_alive()

    # The rest.

    async def _write(self, head: bytes, body: bytes) -> None:
        """A large request, slice by slice as the socket takes it. An answer that is early ends it: it will say 413 or so."""
        self._transport.write(head)
        view = memoryview(body)
        for start in range(0, len(body), SLICE):
            self._transport.write(view[start : start + SLICE])
            while not self._writing and self.state == HEAD:
                await self._wait(HEAD)
            if self.state != HEAD:
                self._cut = True
                return

    async def _wait(self, until: int, *, some: bool = False) -> None:
        """Until the state is `until` or further (HEAD: until the socket takes more), or, with `some`, body bytes are there."""
        self._until, self._any = until, some
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException:
            # Cancelled: what is still to come belongs to nobody.
            self._waiter = None
            self.cut()
            raise

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _over(self, exc: Exception | None) -> None:
        """Nothing more will arrive."""
        self.lost = True
        self._owner.lost(self)
        if self.state == BODY and exc is None and self._ends_with_connection():
            self.state = DONE
            self._wake()
        elif self.state in (HEAD, BODY):
            how = "connection closed by" if exc is None else "connection reset by"
            self._fail(f"{how} {self._owner.name} {'before' if self.state == HEAD else 'inside'} its answer")
        self._stop_lingering()

    def _fail(self, text: str) -> None:
        """Before the first byte of an answer the connection is to blame, from then on the server."""
        silent = self.state == HEAD and not self._held
        self._failure = UpstreamUnavailable(text, kind="connect" if silent else "server", reused=silent and self.served > 0)
        self.state = FAILED
        self._wake()

    def _broken(self) -> UpstreamUnavailable:
        assert self._failure is not None
        return self._failure

    def _not_http(self, error: httptools.HttpParserError) -> None:
        self._keep = False
        self._transport.abort()
        if self.state != DONE:  # Behind a whole answer it costs the connection only.
            reason = error.__context__ if isinstance(error.__context__, _NotAcceptable) else error
            self._fail(f"the answer of {self._owner.name} is no HTTP the router takes: {reason}")

    def _bound(self) -> None:
        """What has arrived is held in memory: not beyond the limits."""
        if self._held <= MAX_HEAD:
            return
        if self.state == HEAD:
            self._transport.abort()
            self._fail(f"the head of the answer of {self._owner.name} is too large")
        elif self._whole:
            if self._held > MAX_WHOLE:
                self._transport.abort()
                self._fail(f"the answer of {self._owner.name} is too large")
        elif self._held > MAX_HELD and self._reading and self.state == BODY:
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading:
            self._reading = True
            if not self.lost:
                self._transport.resume_reading()

    def _ends_with_connection(self) -> bool:
        """RFC 9112 6.3, rule 8."""
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    def _release(self) -> None:
        self._stop_lingering()
        unsent = self._cut or (not self.lost and self._transport.get_write_buffer_size() > 0)
        if self.lost or not self._keep or unsent or self._transport.is_closing():
            self._transport.abort()
            return
        self._resume()
        self.state = IDLE
        self.served += 1
        self._owner.give(self)

    def _lingered(self) -> None:
        if self.state == DONE:
            self._parts.clear()
            self._release()
        elif self._held > MAX_LINGER or self.state == FAILED:
            self.cut()
        else:
            self._parts.clear()

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None


def _size(fields: dict[bytes, bytes]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields.items())
