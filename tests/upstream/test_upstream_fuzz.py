"""Whatever a server sends, and however it is cut: the same answer, or the one error; never a hang, never a leak."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.transport import Transport
from router.errors import UpstreamUnavailable
from router.upstream.http1 import Http1Transport
from router.upstream.session import SessionTransport
from tests.upstream.servers import Peer, Server, chunked, until, whole

SSE = b"".join(b'data: {"n":%d,"t":"\xc3\xa9\xf0\x9f\x98\x80"}\r\n\r\n' % n for n in range(8))
ANSWERS = [
    whole(SSE, extra=b"Content-Type: text/event-stream\r\n"),
    chunked(SSE[:10], SSE[10:11], SSE[11:], extra=b"X-A: 1\r\n"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + whole(b"ok", status=b"503 Busy", extra=b"retry-after: 1\r\n"),
    chunked(
        *(gzip.compress(SSE)[n : n + 9] for n in range(0, 999, 9) if gzip.compress(SSE)[n : n + 9]),
        extra=b"content-encoding: gzip\r\n",
    ),
    b"HTTP/1.1 200 OK\r\n\r\n" + SSE,
]
MADE = pytest.mark.parametrize("make", [Http1Transport, SessionTransport], ids=["http1", "session"])
LOOP = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])

Make = Callable[[], Transport]
Loop = Callable[[], asyncio.AbstractEventLoop]
Answer = tuple[int, dict[str, str], bytes]


def run(loop: Loop, work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


async def ask(transport: Transport, server: Server, *, in_pieces: bool) -> Answer:
    async with asyncio.timeout(5):
        reply = await transport.send(server.request())
        try:
            if not in_pieces:
                return reply.status, dict(reply.headers), await reply.read()
            body = b""
            while piece := await reply.chunk():
                body += piece
            return reply.status, dict(reply.headers), body
        finally:
            reply.close()


def sends(*pieces: bytes) -> Callable[[Peer], Coroutine[Any, Any, None]]:
    """Each piece in a packet of its own, then the end."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0)

    return script


async def exchange(make: Make, pieces: list[bytes], *, in_pieces: bool) -> Answer | None:
    """The answer, or None for UpstreamUnavailable. Anything else, and anything left open, fails."""
    transport = make()
    try:
        async with Server(sends(*pieces)) as server:
            try:
                return await ask(transport, server, in_pieces=in_pieces)
            except UpstreamUnavailable:
                return None
    finally:
        await transport.aclose()
        if isinstance(transport, Http1Transport):
            await until(lambda: transport.open == 0)


@LOOP
@MADE
@settings(max_examples=40)
@given(answer=st.sampled_from(ANSWERS), cuts=st.lists(st.integers(1, 600), max_size=8), in_pieces=st.booleans())
def test_any_cut_of_an_answer_gives_the_same_answer(
    loop: Loop, make: Make, answer: bytes, cuts: list[int], in_pieces: bool
) -> None:
    places = [0, *sorted({cut for cut in cuts if cut < len(answer)}), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(places)]

    async def both() -> tuple[Answer | None, Answer | None]:
        return await exchange(make, [answer], in_pieces=False), await exchange(make, pieces, in_pieces=in_pieces)

    uncut, cut = run(loop, both())
    assert uncut is not None
    assert cut == uncut


MUTILATED = st.builds(
    lambda answer, at, size, junk: answer[: at % len(answer)] + junk + answer[at % len(answer) + size :],
    st.sampled_from(ANSWERS),
    st.integers(0, 2000),
    st.integers(0, 40),
    st.binary(max_size=12) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\xff" * 12]),
)


@LOOP
@MADE
@settings(max_examples=60)
@given(
    pieces=st.lists(st.binary(max_size=40) | MUTILATED | st.sampled_from([b"HTTP/1.1 200 OK\r\n"]), min_size=1, max_size=3),
    in_pieces=st.booleans(),
)
def test_arbitrary_bytes_give_an_answer_or_unavailable_and_nothing_stays_open(
    loop: Loop, make: Make, pieces: list[bytes], in_pieces: bool
) -> None:
    answer = run(loop, exchange(make, pieces, in_pieces=in_pieces))
    assert answer is None or 200 <= answer[0] <= 599


@LOOP
@settings(max_examples=25)
@given(seed=st.randoms(use_true_random=False))
def test_no_order_of_answers_cancellations_and_closings_mixes_answers_up(loop: Loop, seed: Any) -> None:
    async def echo(peer: Peer) -> None:
        while True:
            _, body = await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for n in range(0, len(body), 3):
                await peer.send(b"%x\r\n%b\r\n" % (len(body[n : n + 3]), body[n : n + 3]))
            if body.endswith(b"7"):
                return
            await peer.send(b"0\r\n\r\n")

    async def client(number: int) -> None:
        body = b"%d-" % number * seed.randint(1, 5) + b"%d" % seed.randint(0, 9)
        request = server.request(body)
        try:
            reply = await transport.send(request)
        except UpstreamUnavailable:
            return
        got = b""
        try:
            while piece := await reply.chunk():
                got += piece
                if seed.random() < 0.1:
                    reply.linger = seed.random() < 0.5
                    return
            assert got == body
        except UpstreamUnavailable:
            assert body.endswith(b"7")
        finally:
            assert body.startswith(got)
            reply.close()

    async def storm() -> None:
        nonlocal server
        async with Server(echo) as server:
            for round_ in range(4):
                tasks = [asyncio.create_task(client(round_ * 100 + n)) for n in range(15)]
                for _ in range(seed.randint(1, 30)):
                    await asyncio.sleep(0)
                for task in tasks:
                    if seed.random() < 0.3:
                        task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    assert result is None or isinstance(result, asyncio.CancelledError), result
            await transport.aclose()
            await until(lambda: transport.open == 0)

    server: Any = None
    transport = Http1Transport()
    run(loop, storm())
