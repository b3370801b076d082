"""Which connections are used again, and which must not be."""

from __future__ import annotations

import asyncio
import socket

import pytest

from router.engine.transport import Transport, UpstreamRequest
from router.errors import UpstreamUnavailable
from router.upstream.http1 import IDLE_SECONDS, MAX_IDLE, Http1Transport, _idle_seconds
from tests.upstream.conftest import AnyTransport
from tests.upstream.servers import Peer, Script, Server, answers, answers_once, chunked, endpoint, until, whole

OK = whole(b"ok")


async def ask(transport: Transport, server: Server) -> bytes:
    reply = await transport.send(server.request())
    try:
        return await reply.read()
    finally:
        reply.close()


@pytest.mark.parametrize(
    ("script", "connections"),
    [
        pytest.param(answers(OK), 1, id="kept"),
        pytest.param(answers(chunked(b"o", b"k")), 1, id="chunked"),
        pytest.param(
            answers(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok"), 1, id="HTTP/1.0, kept"
        ),
        pytest.param(answers(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"), 3, id="HTTP/1.0"),
        pytest.param(answers(whole(b"ok", extra=b"Connection: close\r\n")), 3, id="connection: close"),
        pytest.param(answers_once(b"HTTP/1.1 200 OK\r\n\r\nok"), 3, id="close-delimited"),
    ],
)
async def test_a_connection_is_used_again_when_its_answer_was_whole_and_says_so(
    transport: Transport, script: Script, connections: int
) -> None:
    async with Server(script) as server:
        assert [await ask(transport, server) for _ in range(3)] == [b"ok"] * 3
        assert len(server.peers) == connections


@pytest.mark.parametrize("behind", [b"H", b"HTTP/1.1 200 OK\r\n", b"rubbish", OK], ids=repr)
async def test_bytes_behind_an_answer_cost_the_connection_and_not_the_answer(http1: Http1Transport, behind: bytes) -> None:
    async with Server(answers(OK + behind)) as server:
        assert [await ask(http1, server) for _ in range(3)] == [b"ok"] * 3
        assert len(server.peers) == 3


async def test_an_answer_that_is_read_to_its_end_in_chunks_gives_its_connection_back(transport: Transport) -> None:
    async with Server(answers(chunked(b"one", b"two"))) as server:
        for _ in range(3):
            reply = await transport.send(server.request())
            while await reply.chunk():
                pass
            reply.close()
        assert len(server.peers) == 1


async def test_a_connection_the_server_closed_while_idle_is_not_used(transport: Transport) -> None:
    async with Server(answers_once(OK)) as server:
        for _ in range(3):
            assert await ask(transport, server) == b"ok"
            closed = len(server.peers)
            await until(lambda closed=closed: server.peers[closed - 1].writer.transport.is_closing())
            await asyncio.sleep(0.02)
        assert len(server.peers) == 3


@pytest.mark.parametrize("reset", [True, False])
async def test_an_idle_connection_that_breaks_before_the_answer_is_told_apart(transport: Transport, reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if reset:
            peer.reset()

    async with Server(script) as server:
        assert await ask(transport, server) == b"ok"
        with pytest.raises(UpstreamUnavailable) as found:
            await ask(transport, server)
        assert (found.value.reused, found.value.kind) == (True, "connect")
        assert await ask(transport, server) == b"ok"


async def test_an_idle_connection_that_breaks_inside_the_head_has_seen_the_request(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: a")

    async with Server(script) as server:
        assert await ask(transport, server) == b"ok"
        with pytest.raises(UpstreamUnavailable) as found:
            await ask(transport, server)
        assert (found.value.reused, found.value.kind) == (False, "server")


async def test_bytes_on_an_idle_connection_end_it(http1: Http1Transport) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await more.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await peer.until_gone()

    async with Server(script) as server:
        assert await ask(http1, server) == b"ok"
        assert (http1.idle, http1.open) == (1, 1)
        more.set()
        await until(lambda: http1.open == 0)
        assert http1.idle == 0


async def test_the_connection_used_last_is_taken_first(http1: Http1Transport) -> None:
    async def script(peer: Peer) -> None:
        number = len(server.peers)
        while True:
            await peer.request()
            await peer.send(whole(b"%d" % number))

    async with Server(script) as server:
        replies = [await http1.send(server.request()) for _ in range(3)]
        assert [await reply.read() for reply in replies] == [b"1", b"2", b"3"]
        for reply in (replies[0], replies[2], replies[1]):
            reply.close()
        assert [await ask(http1, server) for _ in range(3)] == [b"2", b"2", b"2"]


async def test_idle_connections_are_closed_below_a_minute(http1: Http1Transport) -> None:
    async with Server(answers(OK)) as server:
        assert await ask(http1, server) == b"ok"
        pool = http1._pools[server.origin()]
        now = asyncio.get_running_loop().time()
        pool.expire(now + IDLE_SECONDS - 1)
        assert http1.idle == 1
        pool.expire(now + IDLE_SECONDS + 1)
        assert http1.idle == 0
        await until(lambda: http1.open == 0)
        assert await ask(http1, server) == b"ok"
        assert pool.take(now + 59) is None
        assert len(server.peers) == 2


async def test_the_sweep_goes_on_while_there_is_something_to_sweep(http1: Http1Transport) -> None:
    async with Server(answers(OK)) as server:
        assert await ask(http1, server) == b"ok"
        first = http1._sweep
        http1._expire()
        assert (http1.idle, http1._sweep is not None, http1._sweep is first) == (1, True, False)
        idle = http1._pools[server.origin()].idle
        idle.update(dict.fromkeys(idle, 0.0))
        http1._expire()
        assert (http1.idle, http1._sweep) == (0, None)
        await until(lambda: http1.open == 0)


async def test_no_more_than_so_many_stay_idle(http1: Http1Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.upstream.http1.MAX_IDLE", 3)
    async with Server(answers(OK)) as server:
        replies = [await http1.send(server.request()) for _ in range(5)]
        for reply in replies:
            await reply.read()
            reply.close()
        assert http1.idle == 3
        await until(lambda: http1.open == 3)
    assert MAX_IDLE >= 100


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 50),
        (b"timeout=5", 4),
        (b"max=100, Timeout=5", 4),
        (b"timeout=1", 0),
        (b"timeout=600", 50),
        (b"timeout=x", 50),
        (b"timeout=", 50),
        (b"timeout=99999999999999999999", 50),
    ],
)
def test_a_server_may_say_how_long_it_keeps_a_connection(said: bytes | None, seconds: float) -> None:
    assert _idle_seconds(said) == seconds


async def test_equal_origins_share_connections_across_endpoints(transport: Transport) -> None:
    async with Server(answers(OK)) as server:
        for path in ("/a", "/b"):
            reply = await transport.send(UpstreamRequest(endpoint(server.origin(), path=path, headers=(("x", path),)), b""))
            await reply.read()
            reply.close()
        assert len(server.peers) == 1


# --- lingering -------------------------------------------------------------------

LAST = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n[DONE]\r\n"


async def linger(transport: Transport, server: Server, go_on: asyncio.Event) -> None:
    reply = await transport.send(server.request())
    assert await reply.chunk() == b"[DONE]"
    reply.linger = True
    reply.close()
    go_on.set()


async def test_the_end_of_an_answer_may_come_a_moment_later(transport: Transport) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(LAST)
            await go_on.wait()
            await peer.send(b"3\r\nxyz\r\n")
            await peer.send(b"0\r\n\r\n")

    async with Server(script) as server:
        for _ in range(3):
            await linger(transport, server, go_on)
            await asyncio.sleep(0.05)
            go_on.clear()
        assert len(server.peers) == 1


async def test_an_end_that_does_not_come_costs_the_connection(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(LAST)
        await peer.until_gone()

    async with Server(script) as server:
        began = asyncio.get_running_loop().time()
        await linger(transport, server, asyncio.Event())
        async with asyncio.timeout(2):
            await server.peers[0].gone.wait()
        assert 0.2 < asyncio.get_running_loop().time() - began < 2


async def test_an_end_that_goes_on_and_on_costs_the_connection(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("session", "http1"):
        monkeypatch.setattr(f"router.upstream.{module}.LINGER", 60)
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(LAST)
        await go_on.wait()
        while not peer.writer.transport.is_closing():
            await peer.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with Server(script) as server:
        await linger(transport, server, go_on)
        await until(lambda: server.peers[0].gone.is_set() or server.peers[0].writer.transport.is_closing())


async def test_answers_in_use_survive_the_closing_of_the_transport(http1: Http1Transport) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nin")
        await go_on.wait()
        await peer.send(b"us")
        await peer.until_gone()

    async with Server(script) as server:
        reply = await http1.send(server.request())
        await http1.aclose()
        go_on.set()
        assert await reply.read() == b"inus"
        reply.close()
        await until(lambda: http1.open == 0)


async def test_a_transport_that_was_never_used_can_be_closed(transport: AnyTransport) -> None:
    await transport.aclose()


async def test_a_silent_connection_is_kept_alive(http1: Http1Transport) -> None:
    async with Server(answers(OK)) as server:
        assert await ask(http1, server) == b"ok"
        [connection] = http1._pools[server.origin()].open
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
