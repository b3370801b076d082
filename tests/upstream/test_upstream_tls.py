"""TLS with a private authority, and what `http1` leaves to aiohttp's session: proxies and client certificates."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from router.engine.transport import Transport, UpstreamRequest
from router.errors import UpstreamUnavailable
from router.snapshot import Origin, Tls
from router.upstream.http1 import Http1Transport
from router.upstream.sandbox import SandboxTransport
from router.upstream.select import Upstreams
from router.upstream.session import SessionTransport
from tests.upstream.servers import Certificates, Peer, Server, answers, chunked, endpoint, until, whole

OK = whole(b"ok")


async def ask(transport: Transport, origin: Origin, body: bytes = b"{}") -> bytes:
    reply = await transport.send(UpstreamRequest(endpoint(origin), body))
    try:
        return await reply.read()
    finally:
        reply.close()


async def refusal(transport: Transport, origin: Origin) -> str:
    with pytest.raises(UpstreamUnavailable) as found:
        await ask(transport, origin)
    assert found.value.kind == "connect"
    return found.value.message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_private_authority_is_trusted_where_the_file_names_it(
    transport: Transport, certificates: Certificates, host: str
) -> None:
    async with Server(answers(chunked(b"o", b"k")), tls=certificates.server()) as server:
        origin = server.origin(host=host, tls=Tls(ca_file=certificates.ca))
        assert [await ask(transport, origin) for _ in range(3)] == [b"ok"] * 3
        assert len(server.peers) == 1


async def test_a_large_request_and_answer_pass_through_tls(transport: Transport, certificates: Certificates) -> None:
    body = bytes(range(256)) * 4096 * 4  # 4 MiB

    async def script(peer: Peer) -> None:
        while True:
            _, got = await peer.request()
            await peer.send(whole(got))

    async with Server(script, tls=certificates.server()) as server:
        origin = server.origin(tls=Tls(ca_file=certificates.ca))
        assert await ask(transport, origin, body) == body


async def test_cancelling_closes_a_tls_connection_too(transport: Transport, certificates: Certificates) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.until_gone()

    async with Server(script, tls=certificates.server()) as server:
        asking = asyncio.create_task(ask(transport, server.origin(tls=Tls(ca_file=certificates.ca))))
        await until(lambda: bool(server.peers))
        await asyncio.sleep(0.05)
        asking.cancel()
        async with asyncio.timeout(0.25):
            await server.peers[0].gone.wait()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_certificate_nobody_vouches_for_is_refused(transport: Transport, certificates: Certificates) -> None:
    async with Server(answers(OK), tls=certificates.server()) as server:
        message = await refusal(transport, server.origin())
    assert message.startswith(f"the certificate of 127.0.0.1:{server.port} is not trusted: ")


async def test_a_certificate_of_another_name_is_refused(transport: Transport, certificates: Certificates) -> None:
    async with Server(answers(OK), tls=certificates.server("other")) as server:
        message = await refusal(transport, server.origin(tls=Tls(ca_file=certificates.ca)))
    assert "is not trusted" in message
    assert "127.0.0.1" in message


async def test_without_verify_any_certificate_will_do(transport: Transport, certificates: Certificates) -> None:
    async with Server(answers(OK), tls=certificates.server("other")) as server:
        assert await ask(transport, server.origin(tls=Tls(verify=False))) == b"ok"


async def test_a_server_without_tls_is_named(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Server(script) as server:
        message = await refusal(transport, Origin("https", "127.0.0.1", server.port))
    assert message.startswith(f"TLS with 127.0.0.1:{server.port} failed: ")


async def test_a_server_that_hangs_up_on_tls_is_named(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.reset()

    async with Server(script) as server:
        assert f"127.0.0.1:{server.port}" in await refusal(transport, Origin("https", "127.0.0.1", server.port))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_file_that_cannot_be_used_is_named(transport: Transport, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    message = await refusal(transport, Origin("https", "127.0.0.1", 9, Tls(ca_file=str(file))))
    assert message.startswith(f"cannot use the certificates of {str(file)!r}: ")


async def test_an_authority_file_that_was_replaced_is_read_again(
    transport: Transport, certificates: Certificates, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    async with Server(answers(OK), tls=certificates.server()) as server:
        origin = server.origin(tls=Tls(ca_file=str(file)))
        shutil.copy(certificates.pair("client")[0], file)
        assert "is not trusted" in await refusal(transport, origin)
        file.write_text(Path(certificates.ca).read_text() + "\n")
        assert await ask(transport, origin) == b"ok"


async def test_a_client_certificate_is_shown(session: SessionTransport, certificates: Certificates) -> None:
    async with Server(answers(OK), tls=certificates.server(wants_client=True)) as server:
        cert, key = certificates.pair("client")
        assert await ask(session, server.origin(tls=Tls(certificates.ca, client_cert=cert, client_key=key))) == b"ok"
        await refusal_or_loss(session, server.origin(tls=Tls(certificates.ca)))


async def refusal_or_loss(transport: Transport, origin: Origin) -> None:
    """TLS 1.3 tells a client that its certificate is missing only after the handshake."""
    with pytest.raises(UpstreamUnavailable):
        await ask(transport, origin)


# --- proxies ---------------------------------------------------------------------


async def test_a_proxy_is_asked_for_plain_targets_with_the_whole_address(session: SessionTransport) -> None:
    heads: list[bytes] = []

    async def proxy(peer: Peer) -> None:
        head, _ = await peer.request()
        heads.append(head)
        await peer.send(OK)

    async with Server(proxy) as server:
        origin = Origin("http", "api.test", 80, proxy=f"http://user:pw@127.0.0.1:{server.port}")
        assert await ask(session, origin) == b"ok"
    lines = heads[0].lower().split(b"\r\n")
    assert lines[0] == b"post http://api.test/v1/x http/1.1"
    assert b"proxy-authorization: basic dxnlcjpwdw==" in lines


async def test_a_proxy_tunnels_tls(session: SessionTransport, certificates: Certificates) -> None:
    async with Server(answers(OK), tls=certificates.server()) as target:

        async def tunnel(peer: Peer) -> None:
            head = await peer.head()
            assert head.startswith(b"CONNECT localhost:%d HTTP/1.1" % target.port)
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))

        async with Server(tunnel) as proxy:
            origin = Origin("https", "localhost", target.port, Tls(certificates.ca), f"http://127.0.0.1:{proxy.port}")
            assert await ask(session, origin) == b"ok"
            await session.aclose()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def test_a_proxy_that_refuses_is_told_from_its_target(session: SessionTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")

    async with Server(script) as server:
        origin = Origin("https", "api.test", 443, proxy=f"http://user:secret@127.0.0.1:{server.port}")
        assert await refusal(session, origin) == "the proxy did not connect to api.test:443: status 407"


async def test_a_proxy_that_is_down_is_told_from_its_target(session: SessionTransport) -> None:
    async with Server(answers(OK)) as server:
        port = server.port
    origin = Origin("https", "api.test", 443, proxy=f"http://user:secret@127.0.0.1:{port}")
    assert await refusal(session, origin) == "no connection to the proxy for api.test:443"


async def test_a_proxy_of_a_kind_nobody_speaks_is_an_error_of_ours(session: SessionTransport) -> None:
    await refusal(session, Origin("http", "api.test", 80, proxy="socks9://127.0.0.1:9"))


# --- which one ----------------------------------------------------------------------


async def test_the_origin_alone_decides_who_sends() -> None:
    upstreams = Upstreams(SandboxTransport())
    plain = Origin("http", "a", 80)
    assert [
        type(upstreams.pick(origin))
        for origin in (
            plain,
            Origin("https", "a", 443, Tls("ca.pem", verify=False)),
            plain._replace(proxy="http://p:1"),
            Origin("https", "a", 443, Tls(client_cert="c.pem")),
            Origin("sandbox", "a", 0),
        )
    ] == [Http1Transport, Http1Transport, SessionTransport, SessionTransport, SandboxTransport]
    await upstreams.aclose()


async def test_all_of_them_answer_behind_one() -> None:
    upstreams = Upstreams(SandboxTransport())
    async with Server(answers(OK)) as server:
        assert await ask(upstreams, server.origin()) == b"ok"
        assert await ask(upstreams, Origin("http", "api.test", 80, proxy=f"http://127.0.0.1:{server.port}")) == b"ok"
        await upstreams.aclose()
    assert upstreams.http1.open == 0
