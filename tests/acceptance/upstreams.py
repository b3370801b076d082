"""Providers on raw loopback sockets that misbehave exactly as told, and count what they are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.acceptance.dialects import TEXT, WORDS, Dialect
from tests.upstream.servers import Peer, Server


@dataclass
class Call:
    """One request as the provider saw it."""

    dialect: Dialect
    head: bytes
    body: dict[str, Any]
    number: int
    """0 for the first."""

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def model(self) -> str:
        return str(self.body["model"])


Behaviour = Callable[[Peer, Call], Awaitable[bool]]
"""Answers one call; true when the connection may be used again."""


@dataclass
class Provider:
    """Speaks `dialect`; every call is answered by what `do` is at that moment."""

    dialect: Dialect
    do: Behaviour
    calls: list[Call] = field(default_factory=list)
    probes: int = 0
    """GETs: they cost nothing and are no calls."""
    busy: int = 0
    """Calls that are being answered now: a router that has gone away is noticed by whoever waits for it."""

    async def __aenter__(self) -> Self:
        self._server = Server(self._connection)
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._server.__aexit__(*error)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def connections(self) -> int:
        """That are open now, idle ones included."""
        return len(self._server._tasks)

    def yaml(self, name: str, more: str = "") -> str:
        url = f"http://127.0.0.1:{self.port}{self.dialect.base}"
        rest = f"api_key: '${{env:KEY_{name.upper()}}}', price: {{input: 1, output: 2}}{more}"
        return f"  {name}: {{type: {self.dialect.kind}, base_url: '{url}', {rest}}}\n"

    async def _connection(self, peer: Peer) -> None:
        while True:
            head, body = await peer.request()
            if head.startswith(b"GET "):
                self.probes += 1
                await peer.send(_NO_MODELS)
                continue
            call = Call(self.dialect, head, json.loads(body), len(self.calls))
            self.calls.append(call)
            self.busy += 1
            try:
                if not await self.do(peer, call):
                    return
            finally:
                self.busy -= 1


def head(status: str, length: int, extra: str = "", content_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n{extra}\r\n".encode()


_NO_MODELS = head("200 OK", 11) + b'{"data":[]}'
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def begin(peer: Peer, call: Call, words: int, model: str = "m") -> None:
    """A stream's head, opening and so many words."""
    await peer.send(STREAM_HEAD, chunk(call.dialect.opening(model)))
    for word in WORDS[:words]:
        await peer.send(chunk(call.dialect.word(word)))


# --- answers ------------------------------------------------------------------------


async def good(peer: Peer, call: Call) -> bool:
    """60 words, whole or streamed."""
    if call.stream:
        await begin(peer, call, len(WORDS), call.model)
        await peer.send(chunk(call.dialect.closing(call.model)) + LAST_CHUNK)
    else:
        body = call.dialect.whole(TEXT, call.model)
        await peer.send(head("200 OK", len(body)) + body)
    return True


def status(code: int, *, kind: str = "api_error", word: str | None = None, extra: str = "", message: str = "no") -> Behaviour:
    """An error answer in the provider's own format."""

    async def answer(peer: Peer, call: Call) -> bool:
        body = call.dialect.error(message, kind, word)
        await peer.send(head(f"{code} Whatever", len(body), extra) + body)
        return True

    return answer


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first call gets the first one, and so on; the last one stays."""

    async def answer(peer: Peer, call: Call) -> bool:
        return await behaviours[min(call.number, len(behaviours) - 1)](peer, call)

    return answer


def after(seconds: float, then: Behaviour) -> Behaviour:
    async def answer(peer: Peer, call: Call) -> bool:
        await asyncio.sleep(seconds)
        return await then(peer, call)

    return answer


# --- no answer ----------------------------------------------------------------------


async def silent(peer: Peer, call: Call) -> bool:
    """Accepts, reads and says nothing until the router gives up."""
    await peer.until_gone()
    return False


async def resets(peer: Peer, call: Call) -> bool:
    peer.reset()
    return False


async def closes(peer: Peer, call: Call) -> bool:
    return False


async def half_a_head(peer: Peer, call: Call) -> bool:
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    return False


async def a_slow_head(peer: Peer, call: Call) -> bool:
    """A byte now and then, for longer than anybody waits."""
    waiting = asyncio.ensure_future(peer.until_gone())
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x-slow: " + b"x" * 1000:
        peer.writer.write(bytes([byte]))
        await asyncio.wait([waiting], timeout=0.02)
        if waiting.done():
            break
    await waiting
    return False


async def garbage(peer: Peer, call: Call) -> bool:
    await peer.send(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
    return False


# --- half an answer, or none in a 200 -------------------------------------------------


async def a_wrong_length(peer: Peer, call: Call) -> bool:
    """Says that more will come than does."""
    body = call.dialect.whole(TEXT)
    await peer.send(head("200 OK", len(body) + 10) + body)
    return False


async def a_bad_chunk(peer: Peer, call: Call) -> bool:
    await peer.send(STREAM_HEAD + chunk(call.dialect.opening()) + b"zz\r\nnonsense\r\n")
    return False


async def half_a_json(peer: Peer, call: Call) -> bool:
    body = call.dialect.whole(TEXT)[:-25]
    await peer.send(head("200 OK", len(body)) + body)
    return True


async def an_empty_body(peer: Peer, call: Call) -> bool:
    await peer.send(head("200 OK", 0))
    return True


async def a_web_page(peer: Peer, call: Call) -> bool:
    """Some proxy on the way had an opinion."""
    body = b"<!doctype html><title>One moment, please</title>"
    await peer.send(head("200 OK", len(body), content_type="text/html") + body)
    return True


async def an_error_in_a_200(peer: Peer, call: Call) -> bool:
    """As a whole JSON body, also where a stream was asked for."""
    body = call.dialect.error("the model is overloaded", "overloaded_error")
    await peer.send(head("200 OK", len(body)) + body)
    return True


async def an_error_as_first_frame(peer: Peer, call: Call) -> bool:
    await peer.send(STREAM_HEAD + chunk(call.dialect.error_frame("the model is overloaded", "overloaded_error")) + LAST_CHUNK)
    return True


async def an_error_after_the_opening(peer: Peer, call: Call) -> bool:
    frame = call.dialect.error_frame("the model is overloaded", "overloaded_error")
    await peer.send(STREAM_HEAD + chunk(call.dialect.opening()), chunk(frame) + LAST_CHUNK)
    return True


# --- streams that break in the middle -----------------------------------------------


async def half(peer: Peer, call: Call, words: int) -> None:
    """So many words, and a moment in which they reach the client: what breaks in the same breath is not even begun."""
    await begin(peer, call, words)
    await asyncio.sleep(0.02)


def cut(words: int = 40, *, reset: bool = False, inside: bool = False) -> Behaviour:
    """The connection ends after so many words: closed or reset, between events or inside one."""

    async def answer(peer: Peer, call: Call) -> bool:
        await half(peer, call, words)
        if inside:
            event = call.dialect.word("half")
            await peer.send(chunk(event[: len(event) // 2]))
        if reset:
            peer.reset()
        return False

    return answer


def unfinished(words: int = 40) -> Behaviour:
    """HTTP says that this was all; the format says that it was not."""

    async def answer(peer: Peer, call: Call) -> bool:
        await half(peer, call, words)
        await peer.send(LAST_CHUNK)
        return True

    return answer


def fails(words: int = 40) -> Behaviour:
    """An error event in the middle, and a clean end of the body."""

    async def answer(peer: Peer, call: Call) -> bool:
        await half(peer, call, words)
        await peer.send(chunk(call.dialect.error_frame("the model fell over", "overloaded_error")) + LAST_CHUNK)
        return True

    return answer


def malformed(words: int = 40, frames: int = 3) -> Behaviour:
    """Frames that cannot be read; then the stream goes on as if nothing had been."""

    async def answer(peer: Peer, call: Call) -> bool:
        await half(peer, call, words)
        for _ in range(frames):
            await peer.send(chunk(b'data: {"broken":\n\n'))
        for word in WORDS[words:]:
            await peer.send(chunk(call.dialect.word(word)))
        await peer.send(chunk(call.dialect.closing()) + LAST_CHUNK)
        return True

    return answer


def stalls(words: int = 20) -> Behaviour:
    async def answer(peer: Peer, call: Call) -> bool:
        await begin(peer, call, words)
        await peer.until_gone()
        return False

    return answer


def paced(seconds: float) -> Behaviour:
    """A good stream that takes so long."""

    async def answer(peer: Peer, call: Call) -> bool:
        await peer.send(STREAM_HEAD, chunk(call.dialect.opening(call.model)))
        for word in WORDS:
            await peer.send(chunk(call.dialect.word(word)))
            await asyncio.sleep(seconds / len(WORDS))
        await peer.send(chunk(call.dialect.closing(call.model)) + LAST_CHUNK)
        return True

    return answer


async def endless(peer: Peer, call: Call) -> bool:
    """Word after word, until the router has gone."""
    gone = asyncio.ensure_future(peer.until_gone())
    await begin(peer, call, 1)
    while not gone.done():
        peer.writer.write(chunk(call.dialect.word("more ")))
        await asyncio.wait([gone], timeout=0.03)
    return False
