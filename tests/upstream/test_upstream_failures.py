"""Servers that refuse, break off, talk nonsense or say nothing: an error of the router's, and no connection left."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib

import pytest

from router.engine.transport import Transport, UpstreamRequest
from router.errors import UpstreamTimeout, UpstreamUnavailable
from router.snapshot import Origin
from router.upstream import connection
from router.upstream.decode import PIECE
from router.upstream.http1 import Http1Transport
from tests.upstream.servers import Peer, Script, Server, answers, answers_once, chunked, endpoint, until, whole

OK = b"HTTP/1.1 200 OK\r\n"


async def failure(transport: Transport, request: UpstreamRequest) -> UpstreamUnavailable:
    with pytest.raises(UpstreamUnavailable) as found:
        await drained(transport, request)
    return found.value


async def drained(transport: Transport, request: UpstreamRequest) -> bytes:
    reply = await transport.send(request)
    try:
        return await reply.read()
    finally:
        reply.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_refused_connection_says_so_and_where(transport: Transport) -> None:
    port = free_port()
    error = await failure(transport, UpstreamRequest(endpoint(Origin("http", "127.0.0.1", port)), b"{}"))
    assert (error.message, error.kind, error.status, error.reused) == (
        f"connection refused by 127.0.0.1:{port}",
        "connect",
        502,
        False,
    )


async def test_a_refusal_on_every_address_of_a_name_is_one_refusal(transport: Transport) -> None:
    port = free_port()
    error = await failure(transport, UpstreamRequest(endpoint(Origin("http", "localhost", port)), b"{}"))
    assert error.message == f"connection refused by localhost:{port}"


async def test_a_name_that_cannot_be_one_is_no_crash(transport: Transport) -> None:
    error = await failure(transport, UpstreamRequest(endpoint(Origin("http", "a" * 64 + ".test", 80)), b"{}"))
    assert error.kind == "connect"


async def test_a_server_that_never_finishes_the_handshake_is_a_connect_timeout(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.until_gone()

    async with Server(script) as server:
        target = endpoint(Origin("https", "127.0.0.1", server.port), connect=0.5)
        with pytest.raises(UpstreamTimeout) as found:
            await transport.send(UpstreamRequest(target, b"{}"))
        async with asyncio.timeout(2):
            await server.peers[0].gone.wait()
    assert (found.value.clock, found.value.status) == ("connect", 504)


async def test_a_connection_that_is_reset_when_it_opens_is_no_hang(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with Server(script) as server, asyncio.timeout(5):
        for _ in range(50):
            assert (await failure(transport, server.request())).kind == "connect"


async def test_a_connection_that_is_gone_before_it_is_used_is_no_hang(http1: Http1Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with Server(script) as server, asyncio.timeout(5):
        target = endpoint(server.origin())
        gone = await http1._connect(target, http1._route(target).pool)
        await until(lambda: gone.lost)
        with pytest.raises(UpstreamUnavailable):
            await gone.exchange(b"", b"")


def then_reset(*pieces: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        # What was sent has to arrive before the RST, which overtakes it.
        await asyncio.sleep(0.02)
        peer.reset()

    return script


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        pytest.param(answers_once(), "connect", id="closed before the head"),
        pytest.param(then_reset(), "connect", id="reset before the head"),
        pytest.param(answers_once(OK + b"content-le"), "server", id="closed inside the head"),
        pytest.param(answers_once(OK + b"content-length: 10\r\n\r\n12345"), "server", id="closed inside a body with a length"),
        pytest.param(
            answers_once(OK + b"transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n"), "server", id="closed before the last chunk"
        ),
        pytest.param(answers_once(OK + b"transfer-encoding: chunked\r\n\r\n9\r\n12345"), "server", id="closed inside a chunk"),
        pytest.param(answers(b"SSH-2.0-OpenSSH_9.6\r\n"), "server", id="another protocol"),
        pytest.param(answers(b"HTTP/2 200 OK\r\n\r\n"), "server", id="no such version"),
        pytest.param(answers(b"HTTP/1.1 2xx OK\r\n\r\n"), "server", id="no status"),
        pytest.param(answers(b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n"), "server", id="no such status"),
        pytest.param(answers(OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), "server", id="no chunk size"),
        pytest.param(answers(OK + b"content-length: x\r\n\r\n"), "server", id="no length"),
        pytest.param(answers(OK + b"content-length: -1\r\n\r\n"), "server", id="negative length"),
        pytest.param(answers(OK + b"x: " + b"y" * 100_000 + b"\r\n\r\n"), "server", id="a header too long"),
    ],
)
async def test_a_broken_answer_is_unavailable(transport: Transport, script: Script, kind: str) -> None:
    async with Server(script) as server, asyncio.timeout(5):
        error = await failure(transport, server.request())
    assert (error.kind, error.reused, f"127.0.0.1:{server.port}" in error.message) == (kind, False, True)


async def test_a_reset_is_no_end_of_a_body_that_ends_with_its_connection(transport: Transport) -> None:
    async with Server(then_reset(OK + b"\r\n12345")) as server, asyncio.timeout(5):
        assert (await failure(transport, server.request())).kind == "server"


@pytest.mark.parametrize("rubbish", [b"zz\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"])
async def test_rubbish_between_chunks_is_no_hang(transport: Transport, rubbish: bytes) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n")
        await go_on.wait()
        await peer.send(rubbish)
        await peer.until_gone()

    async with Server(script) as server, asyncio.timeout(5):
        reply = await transport.send(server.request())
        assert await reply.chunk() == b"12345"
        go_on.set()
        with pytest.raises(UpstreamUnavailable):
            await reply.chunk()
        reply.close()


async def test_a_reset_inside_the_body_is_unavailable(transport: Transport) -> None:
    async with Server(then_reset(OK + b"content-length: 10\r\n\r\n12345")) as server, asyncio.timeout(5):
        reply = await transport.send(server.request())
        assert await reply.chunk() == b"12345"
        with pytest.raises(UpstreamUnavailable):
            await reply.chunk()
        reply.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"transfer-encoding: gzip\r\n\r\n", id="a transfer-encoding that is not chunked"),
        pytest.param(OK + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n", id="two lengths of different kinds"),
        pytest.param(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", id="two lengths"),
        pytest.param(OK + b"".join(b"x-%d: y\r\n" % n for n in range(300)) + b"content-length: 0\r\n\r\n", id="too many headers"),
        pytest.param(
            OK + b"".join(b"x-%d: %b\r\n" % (n, b"y" * 1000) for n in range(100)) + b"content-length: 0\r\n\r\n",
            id="too many bytes of headers",
        ),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", id="101"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="101 without upgrade"),
        pytest.param(b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n", id="status 0"),
        pytest.param(b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * 10_000, id="1xx without end"),
    ],
)
async def test_what_other_clients_let_pass_is_refused(http1: Http1Transport, answer: bytes) -> None:
    async with Server(answers(answer)) as server, asyncio.timeout(5):
        error = await failure(http1, server.request())
    assert error.kind == "server"


async def test_a_body_without_end_is_not_read_whole(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("connection", "session", "http1"):
        monkeypatch.setattr(f"router.upstream.{module}.MAX_WHOLE", 1024 * 1024)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\n")
        while True:
            await peer.send(b"x" * 65536)

    async with Server(script) as server, asyncio.timeout(5):
        assert "too large" in (await failure(transport, server.request())).message


async def test_a_server_that_hangs_up_while_it_does_not_read_is_no_hang(http1: Http1Transport) -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        peer.writer.write_eof()
        await over.wait()

    async with Server(script) as server, asyncio.timeout(5):
        await failure(http1, server.request(b"x" * 64 * 1024 * 1024))
        over.set()


# --- silence, and who gives up ------------------------------------------------


def silent_after(*pieces: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        await peer.until_gone()

    return script


@pytest.mark.parametrize("wait", ["send", "chunk", "read"])
async def test_cancelling_closes_the_connection_within_250_ms(transport: Transport, wait: str) -> None:
    pieces = () if wait == "send" else (OK + b"content-length: 9\r\n\r\nbegin",)

    async def ask() -> None:
        reply = await transport.send(server.request())
        await reply.chunk()
        await (reply.chunk() if wait == "chunk" else reply.read())

    async with Server(silent_after(*pieces)) as server:
        asking = asyncio.create_task(ask())
        await until(lambda: bool(server.peers))
        await asyncio.sleep(0.02)
        asking.cancel()
        async with asyncio.timeout(0.25):
            await server.peers[0].gone.wait()
        assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)


async def test_closing_an_unfinished_answer_closes_the_connection(transport: Transport) -> None:
    async with Server(silent_after(OK + b"content-length: 9\r\n\r\nbegin")) as server:
        reply = await transport.send(server.request())
        reply.close()
        reply.close()
        async with asyncio.timeout(0.25):
            await server.peers[0].gone.wait()
        with pytest.raises(UpstreamUnavailable):
            await reply.chunk()


async def test_a_hundred_cancellations_leave_nothing_behind(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            _, body = await peer.request()
            await peer.send(whole(body))

    async def ask(number: int) -> bytes:
        return await drained(transport, server.request(b"%d" % number))

    async with Server(script) as server:
        for number in range(100):
            asking = asyncio.create_task(ask(number))
            for _ in range(number % 12):
                await asyncio.sleep(0)
            asking.cancel()
            result = (await asyncio.gather(asking, return_exceptions=True))[0]
            assert isinstance(result, asyncio.CancelledError) or result == b"%d" % number
        assert await asyncio.gather(*(ask(number) for number in range(20))) == [b"%d" % number for number in range(20)]


# --- compressed without being asked ------------------------------------------

TEXT = b"".join(b'data: {"n":%d}\n\n' % n for n in range(2000))
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param(b"gzip", gzip.compress(TEXT), id="gzip"),
        pytest.param(b"X-GZIP", gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:]), id="gzip in two members"),
        pytest.param(b"deflate", zlib.compress(TEXT), id="deflate"),
        pytest.param(b"deflate", BARE.compress(TEXT) + BARE.flush(), id="bare deflate"),
        pytest.param(b"identity", TEXT, id="identity"),
    ],
)
async def test_a_compressed_answer_is_unpacked(transport: Transport, encoding: bytes, packed: bytes) -> None:
    extra = b"content-encoding: %b\r\n" % encoding
    async with Server(answers(chunked(*(packed[n : n + 7] for n in range(0, len(packed), 7)), extra=extra))) as server:
        assert await drained(transport, server.request()) == TEXT
        reply = await transport.send(server.request())
        assert b"".join([piece async for piece in chunks(reply)]) == TEXT
        reply.close()


async def chunks(reply):
    while piece := await reply.chunk():
        yield piece


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param(b"gzip", gzip.compress(TEXT)[:-20], id="cut"),
        pytest.param(b"gzip", TEXT, id="not packed at all"),
        pytest.param(b"deflate", zlib.compress(TEXT) + b"more", id="bytes behind"),
        pytest.param(b"br", TEXT, id="an encoding nobody asked for"),
    ],
)
async def test_a_body_that_is_not_what_it_claims_is_unavailable(transport: Transport, encoding: bytes, body: bytes) -> None:
    async with Server(answers(whole(body, extra=b"content-encoding: %b\r\n" % encoding))) as server:
        await failure(transport, server.request())
        reply = await transport.send(server.request())
        with pytest.raises(UpstreamUnavailable):
            _ = [piece async for piece in chunks(reply)]
        reply.close()


async def test_a_bomb_goes_off_in_small_pieces(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 * 1024 * 1024
    bomb = whole(gzip.compress(bytes(size)), extra=b"content-encoding: gzip\r\n")
    async with Server(answers(bomb)) as server:
        reply = await transport.send(server.request())
        lengths = [len(piece) async for piece in chunks(reply)]
        reply.close()
        assert (sum(lengths), max(lengths)) == (size, PIECE)
        for module in ("session", "http1"):
            monkeypatch.setattr(f"router.upstream.{module}.MAX_WHOLE", 1024 * 1024)
        assert (await failure(transport, server.request())).message == "the compressed answer is too large"


# --- what must never leave -----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-key", "se\r\ncret"), ("x-key", "se\ncret"), ("x-key", "se\0cret"), ("x key", "secret"), ("", "secret")],
)
async def test_a_header_cannot_write_another(transport: Transport, name: str, value: str) -> None:
    async with Server(answers(whole(b""))) as server:
        fixed = await failure(transport, server.request(headers=((name, value),)))
        added = await failure(transport, UpstreamRequest(endpoint(server.origin()), b"{}", ((name, value),)))
        assert server.peers == []
    assert [error.message for error in (fixed, added)] == [
        f"header {name!r} for 127.0.0.1:{server.port} holds a character HTTP does not allow"
    ] * 2


def test_the_limits_are_those_the_contract_names() -> None:
    assert (connection.MAX_HEAD, connection.MAX_HELD, connection.MAX_LINGER) == (65536, 262144, 65536)
