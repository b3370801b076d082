"""The small parts of the HTTP/1.1 client, each alone."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import UpstreamUnavailable
from router.snapshot import Origin
from router.upstream.decode import PIECE, inflater, unpacked
from router.upstream.dial import Dialer, unreachable
from router.upstream.head import address, host_header, request_head
from router.upstream.http1 import MAX_ROUTES, Http1Transport
from tests.upstream.servers import endpoint

HERE = Origin("http", "api.test", 8080)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("http", "api.test", 80), "api.test"),
        (Origin("https", "api.test", 443), "api.test"),
        (Origin("https", "api.test", 80), "api.test:80"),
        (Origin("http", "127.0.0.1", 4000), "127.0.0.1:4000"),
        (Origin("http", "::1", 80), "[::1]"),
        (Origin("http", "fe80::1%eth0", 8080), "[fe80::1]:8080"),
        (Origin("https", "bücher.test", 443), "xn--bcher-kva.test"),
    ],
)
def test_the_host_header_is_what_rfc_9110_asks_for(origin: Origin, host: str) -> None:
    assert host_header(origin) == host


def test_messages_name_the_address_with_its_port() -> None:
    assert [address(HERE), address(Origin("https", "::1", 443))] == ["api.test:8080", "[::1]:443"]


def test_the_head_is_one_piece_that_ends_at_the_length() -> None:
    head = request_head(endpoint(HERE, path="/v1/x?y=z", headers=(("authorization", "Bearer k"),)))
    assert head == (
        b"POST /v1/x?y=z HTTP/1.1\r\nhost: api.test:8080\r\n"
        b"authorization: Bearer k\r\naccept-encoding: identity\r\ncontent-length: "
    )


@pytest.mark.parametrize("path", ["", "x", "/a b", "/a\r\nx: y", "/é", "http://other/"])
def test_a_path_that_would_break_the_request_line_is_refused(path: str) -> None:
    with pytest.raises(UpstreamUnavailable):
        request_head(endpoint(HERE, path=path))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionRefusedError(111, "x"), "connection refused by api.test:8080"),
        (ConnectionResetError(104, "x"), "connection reset by api.test:8080"),
        (socket.gaierror(-2, "x"), "the name 'api.test' cannot be resolved"),
        (UnicodeError("x"), "the name 'api.test' cannot be resolved"),
        (OSError(errno.ENETUNREACH, "x"), "cannot connect to api.test:8080: Network is unreachable"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "cannot connect to api.test:8080: Connection timed out"),
        (OSError("odd"), "cannot connect to api.test:8080: odd"),
        (RuntimeError(), "cannot connect to api.test:8080: RuntimeError"),
        (ssl.SSLError(1, "x"), "TLS with api.test:8080 failed: the connection was closed"),
    ],
)
def test_every_way_not_to_connect_has_its_words(error: Exception, message: str) -> None:
    assert unreachable(error, HERE).message == message


async def test_a_name_is_looked_up_once_in_a_while() -> None:
    dialer = Dialer()
    first = await dialer._resolve("localhost", 80)
    assert first
    assert await dialer._resolve("localhost", 80) is first
    dialer._names["localhost", 80].until = 0
    again = await dialer._resolve("localhost", 80)
    assert (again, again is first) == (first, False)


async def test_a_name_that_was_not_found_is_not_asked_for_again_at_once() -> None:
    dialer = Dialer()
    await dialer._resolve("localhost", 80)
    dialer._names["localhost", 80].failed = socket.gaierror(-2, "not known")
    with pytest.raises(socket.gaierror):
        await dialer._resolve("localhost", 80)


async def test_heads_of_old_endpoints_do_not_pile_up() -> None:
    transport = Http1Transport()
    for _ in range(MAX_ROUTES + 10):
        transport._route(endpoint(HERE))
    assert len(transport._routes) == 10
    await transport.aclose()


@settings(max_examples=60)
@given(
    body=st.binary(min_size=1, max_size=200) | st.integers(1, 3).map(lambda n: b"a" * (PIECE * n)) | st.just(b"ab" * PIECE),
    packing=st.sampled_from([("gzip", 31), ("deflate", 15), ("deflate", -15)]),
    size=st.integers(1, 700),
)
def test_packing_and_unpacking_in_any_pieces_is_nothing(body: bytes, packing: tuple[str, int], size: int) -> None:
    encoding, bits = packing
    packer = zlib.compressobj(wbits=bits)
    packed = packer.compress(body) + packer.flush()
    parts = [packed[n : n + size] for n in range(0, len(packed), size)]
    assert unpacked(parts, encoding, len(body)) == body
    with pytest.raises(UpstreamUnavailable):
        unpacked([packed[:-1]], encoding, len(body))


@settings(max_examples=60)
@given(junk=st.binary(max_size=60), encoding=st.sampled_from(["gzip", "deflate"]))
def test_junk_is_unpacked_or_refused(junk: bytes, encoding: str) -> None:
    inflate = inflater(encoding)
    inflate.feed(junk)
    try:
        while inflate.take():
            pass
        inflate.end()
    except UpstreamUnavailable:
        pass


def test_what_zlib_still_holds_after_its_input_is_not_lost() -> None:
    for more in range(1, 60):
        body = b"a" * (PIECE + more)
        packer = zlib.compressobj(wbits=-15)
        assert unpacked([packer.compress(body) + packer.flush()], "deflate", len(body)) == body
