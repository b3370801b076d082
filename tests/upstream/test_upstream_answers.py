"""Answers as servers send them, right ones all."""

from __future__ import annotations

import asyncio

import pytest

from router.engine.transport import Transport, UpstreamRequest
from router.upstream.http1 import Http1Transport
from tests.upstream.servers import Peer, Script, Server, answers, answers_once, chunked, endpoint, until, whole

BODY = b'{"answer":42}'


async def ask(transport: Transport, request: UpstreamRequest) -> tuple[int, dict[str, str], bytes]:
    reply = await transport.send(request)
    try:
        return reply.status, dict(reply.headers), await reply.read()
    finally:
        reply.close()


async def stream(transport: Transport, request: UpstreamRequest) -> bytes:
    reply = await transport.send(request)
    try:
        pieces = []
        while piece := await reply.chunk():
            pieces.append(piece)
        assert await reply.chunk() == b""
        return b"".join(pieces)
    finally:
        reply.close()


async def test_the_request_is_the_endpoint_and_the_body_and_nothing_else(transport: Transport) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(whole(BODY))

    async with Server(script) as server:
        target = endpoint(server.origin(), path="/v1/chat?a=b%20c", headers=(("authorization", "Bearer k"), ("x-team", "search")))
        await ask(transport, UpstreamRequest(target, b'{"model":"m"}', (("idempotency-key", "i"),)))

    head, body = seen[0]
    first, *lines = head.decode().split("\r\n")
    headers = sorted((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines if line))
    assert (first, headers, body) == (
        "POST /v1/chat?a=b%20c HTTP/1.1",
        [
            ("accept-encoding", "identity"),
            ("authorization", "Bearer k"),
            ("content-length", "13"),
            ("host", f"127.0.0.1:{server.port}"),
            ("idempotency-key", "i"),
            ("x-team", "search"),
        ],
        b'{"model":"m"}',
    )


async def test_an_accept_encoding_of_the_endpoint_stays(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        head, _ = await peer.request()
        lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"accept-encoding")]
        assert lines == [b"accept-encoding: gzip"]
        await peer.send(whole(BODY))

    async with Server(script) as server:
        await ask(transport, server.request(headers=(("accept-encoding", "gzip"),)))


@pytest.mark.parametrize(
    ("script", "status", "body"),
    [
        pytest.param(answers(whole(BODY)), 200, BODY, id="content-length"),
        pytest.param(answers(whole(b"")), 200, b"", id="empty"),
        pytest.param(answers(chunked(b"one", b"two", b"three")), 200, b"onetwothree", id="chunked"),
        pytest.param(answers(chunked()), 200, b"", id="chunked and empty"),
        pytest.param(
            answers(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\none\r\n0\r\nx-trailer: 1\r\n\r\n"),
            200,
            b"one",
            id="chunk extension and trailer",
        ),
        pytest.param(
            answers_once(b"HTTP/1.1 200 OK\r\n\r\n", b"until ", b"the end"), 200, b"until the end", id="close-delimited"
        ),
        pytest.param(answers_once(b"HTTP/1.0 200 OK\r\n\r\nold"), 200, b"old", id="HTTP/1.0"),
        pytest.param(answers(*(bytes([c]) for c in whole(BODY))), 200, BODY, id="byte by byte"),
        pytest.param(answers(*(bytes([c]) for c in chunked(b"one", b"two"))), 200, b"onetwo", id="chunked, byte by byte"),
        pytest.param(
            answers(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + whole(BODY)),
            200,
            BODY,
            id="1xx",
        ),
        pytest.param(answers(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b"", id="204"),
        pytest.param(answers(whole(b"no", status=b"429 Too Many Requests")), 429, b"no", id="429"),
        pytest.param(
            answers(whole(b"", status=b"307 Temporary Redirect", extra=b"location: /else\r\n")), 307, b"", id="redirect"
        ),
        pytest.param(answers(whole(BODY, status=b"529")), 529, BODY, id="no reason phrase"),
    ],
)
async def test_an_answer_is_read_whole_and_in_pieces_alike(
    transport: Transport, script: Script, status: int, body: bytes
) -> None:
    async with Server(script) as server:
        found, _, read = await ask(transport, server.request())
        streamed = await stream(transport, server.request())
    assert (found, read, streamed) == (status, body, body)


async def test_headers_have_lower_case_names_and_the_last_of_several_counts(transport: Transport) -> None:
    extra = b"Content-Type: a/b\r\nX-One: first\r\nx-one: last\r\nx-empty:\r\nx-latin: caf\xe9\r\n"
    async with Server(answers(whole(BODY, extra=extra))) as server:
        reply = await transport.send(server.request())
        headers = reply.headers
        await reply.read()
        reply.close()
    assert dict(headers) == {"content-type": "a/b", "x-one": "last", "x-empty": "", "x-latin": "café", "content-length": "13"}
    assert headers.get("x-none") is None
    assert "content-type" in headers
    assert "first" not in repr(headers)


async def test_headers_of_an_interim_answer_are_not_those_of_the_answer(transport: Transport) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with Server(answers(early + whole(BODY))) as server:
        assert await ask(transport, server.request()) == (200, {"content-length": "13"}, BODY)


async def test_a_body_that_waited_for_its_reader_can_be_read_whole(http1: Http1Transport) -> None:
    body = b"x" * 8 * 1024 * 1024
    async with Server(answers(whole(body))) as server, asyncio.timeout(5):
        reply = await http1.send(server.request())
        [connection] = http1._pools[server.origin()].open
        await until(lambda: not connection._reading)
        assert await reply.read() == body
        reply.close()


async def test_a_trailer_is_no_header_of_the_next_answer(transport: Transport) -> None:
    first = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-trailer: 1\r\n\r\n"
    sent = iter([first, whole(BODY)])

    async def script(peer: Peer) -> None:
        for piece in sent:
            await peer.request()
            await peer.send(piece)
        await peer.until_gone()

    async with Server(script) as server:
        await ask(transport, server.request())
        _, headers, body = await ask(transport, server.request())
        assert (headers, body, len(server.peers)) == ({"content-length": "13"}, BODY, 1)


async def test_cookies_are_not_kept(transport: Transport) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            heads.append(await peer.head())
            await peer.reader.readexactly(2)
            await peer.send(whole(BODY, extra=b"set-cookie: a=b\r\n"))

    async with Server(script) as server:
        await ask(transport, server.request())
        await ask(transport, server.request())
    assert [b"cookie" in head.lower() for head in heads] == [False, False]


async def test_a_chunk_is_there_before_the_answer_is_over(transport: Transport) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    async with Server(script) as server:
        reply = await transport.send(server.request())
        assert await reply.chunk() == b"first"
        go_on.set()
        assert (await reply.chunk(), await reply.chunk()) == (b"last", b"")
        reply.close()


async def test_the_rest_of_a_stream_can_be_read_whole(transport: Transport) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
        await go_on.wait()
        await peer.send(b"last")

    async with Server(script) as server:
        reply = await transport.send(server.request())
        first = await reply.chunk()
        go_on.set()
        assert (first, await reply.read()) == (b"first", b"last")
        reply.close()


async def test_a_large_request_arrives_whole_at_a_slow_reader(transport: Transport) -> None:
    body = bytes(range(256)) * 4096 * 8  # 8 MiB

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        await asyncio.sleep(0)
        peer.writer.transport.resume_reading()
        _, got = await peer.request()
        await peer.send(whole(b"same" if got == body else b"different"))

    async with Server(script) as server:
        assert (await ask(transport, server.request(body)))[2] == b"same"


async def test_a_large_request_is_not_copied_into_the_socket_at_once(http1: Http1Transport) -> None:
    stuck = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        await stuck.wait()

    async with Server(script) as server:
        sending = asyncio.create_task(http1.send(server.request(b"x" * 64 * 1024 * 1024)))
        pool = next(iter(http1._pools.values()), None)
        while pool is None or not pool.open:
            await asyncio.sleep(0)
            pool = next(iter(http1._pools.values()), None)
        connection = next(iter(pool.open))
        await until(lambda: not connection._writing)
        assert connection._transport.get_write_buffer_size() < 1024 * 1024
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        stuck.set()


@pytest.mark.parametrize("reads_on", [True, False])
async def test_an_early_answer_ends_the_writing(transport: Transport, reads_on: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        if not reads_on:
            peer.writer.transport.pause_reading()
        await peer.send(whole(b"too large", status=b"413 Content Too Large"))
        if reads_on:
            await peer.until_gone()
        else:
            await closed.wait()
            peer.writer.transport.resume_reading()
            await peer.until_gone()

    closed = asyncio.Event()

    async with Server(script) as server:
        async with asyncio.timeout(5):
            status, _, body = await ask(transport, server.request(b"x" * 64 * 1024 * 1024))
            closed.set()
            await server.peers[0].gone.wait()
    assert (status, body) == (413, b"too large")


async def test_after_an_early_answer_the_rest_of_the_request_is_nobody_s(http1: Http1Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(whole(b"too large", status=b"413 Content Too Large"))
        await peer.until_gone()

    async with Server(script) as server, asyncio.timeout(5):
        reply = await http1.send(server.request(b"x" * 64 * 1024 * 1024))
        [connection] = http1._pools[server.origin()].open
        assert connection._transport.get_write_buffer_size() < 1024 * 1024
        assert await reply.read() == b"too large"
        # The server reads on, and all that was written has left: yet a next request would be taken for the rest of this body.
        await until(lambda: connection._transport.get_write_buffer_size() == 0)
        reply.close()
        assert http1.idle == 0


async def test_a_reader_that_waits_holds_up_the_server(transport: Transport) -> None:
    size = 64 * 1024
    total = 768 * size  # 48 MiB: more than the kernel's buffers
    sent = 0
    held_up = asyncio.Event()

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            peer.writer.write(b"x" * size)
            sent += size
            drained = asyncio.ensure_future(peer.writer.drain())
            if not (await asyncio.wait([drained], timeout=0.2))[0]:
                held_up.set()
            await drained

    async with Server(script) as server:
        reply = await transport.send(server.request())
        async with asyncio.timeout(5):
            await held_up.wait()
        assert sent < total // 2
        largest = received = 0
        while data := await reply.chunk():
            largest, received = max(largest, len(data)), received + len(data)
        reply.close()
    assert (received, largest < 1024 * 1024) == (total, True)


async def test_requests_at_once_get_their_own_answers(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while True:
            _, body = await peer.request()
            await peer.send(chunked(body[: len(body) // 2], body[len(body) // 2 :]))

    async def one(number: int) -> bool:
        body = b"%d " % number * (number % 50 + 1)
        return (await ask(transport, server.request(body)))[2] == body

    async with Server(script) as server:
        for _ in range(3):
            assert all(await asyncio.gather(*(one(number) for number in range(60))))
        assert len(server.peers) <= 60
