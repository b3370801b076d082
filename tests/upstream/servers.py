"""Upstreams that do exactly what a test says, on loopback sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from router.engine.transport import UpstreamRequest
from router.snapshot import Endpoint, Origin, Tls

PATIENCE = 5.0
"""Seconds until a test gives up; nothing that works takes that long."""


@dataclass(frozen=True)
class Certificates:
    folder: Path

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def pair(self, name: str) -> tuple[str, str]:
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def server(self, name: str = "server", *, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair(name))
        if wants_client:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


SYSTEM = Tls()


class Peer:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.gone = asyncio.Event()
        """The client has closed, or reset, the connection; set once `until_gone` saw it."""

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        head = await self.head()
        return head, await self.reader.readexactly(length_of(head))

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def until_gone(self) -> None:
        try:
            while await self.reader.read(65536):
                pass
        except OSError:
            pass
        self.gone.set()

    def reset(self) -> None:
        """An RST instead of a FIN; nothing, when the client has gone first."""
        if self.writer.transport.is_closing():
            return
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Runs `script` for every connection, and closes it afterwards. What a script raises fails the test."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._failed: list[BaseException] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.peers: list[Peer] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await asyncio.sleep(0)
        if self._failed:
            raise self._failed[0]

    def origin(self, *, host: str = "127.0.0.1", tls: Tls = SYSTEM, proxy: str | None = None) -> Origin:
        return Origin("https" if self._tls else "http", host, self.port, tls, proxy)

    def request(self, body: bytes = b"{}", **more: Any) -> UpstreamRequest:
        return UpstreamRequest(endpoint(self.origin(), **more), body)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        task = asyncio.create_task(self._serve(peer))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    async def _serve(self, peer: Peer) -> None:
        writer = peer.writer
        try:
            await self._script(peer)
            writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            peer.gone.set()
            writer.transport.abort()
        except BaseException:
            writer.transport.abort()
            raise


def endpoint(origin: Origin, *, headers: tuple[tuple[str, str], ...] = (), path: str = "/v1/x", connect: float = 5.0) -> Endpoint:
    return Endpoint("openai_chat", origin, path, headers, connect)


def length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def whole(body: bytes, *, status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, extra, len(body), body)


def chunked(*pieces: bytes, extra: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\n%btransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % (extra, body)


def answers(*pieces: bytes) -> Script:
    """Answers every request with these pieces, each in a write of its own, and keeps the connection."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*pieces)

    return script


def answers_once(*pieces: bytes) -> Script:
    """Answers one request and closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)

    return script


async def until(fact: Callable[[], bool]) -> None:
    """Lets the loop turn until it is so; TimeoutError when it does not become so."""
    async with asyncio.timeout(PATIENCE):
        while not fact():
            await asyncio.sleep(0.001)
