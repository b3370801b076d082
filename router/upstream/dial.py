"""From an origin to an open connection: names, addresses, TLS, and what to call it when that fails."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import aiohappyeyeballs

from router.errors import UpstreamUnavailable
from router.snapshot import Origin
from router.upstream.head import address
from router.upstream.tls import Contexts

NAME_TTL = 10.0
"""Seconds an answer of the resolver is used for; getaddrinfo does not say how long it is good for."""
FAILED_NAME_TTL = 1.0
STAGGER = 0.25
"""RFC 8305 5: the recommended delay before the next address is tried beside the first."""

P = TypeVar("P", bound=asyncio.Protocol)
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class _Name:
    """What the resolver said of one name. Callers that want it at the same time wait for one look-up."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.until = 0.0
        self.found: list[AddrInfo] = []
        self.failed: OSError | None = None


class Dialer:
    def __init__(self) -> None:
        self._names: dict[tuple[str, int], _Name] = {}
        self.contexts = Contexts()

    async def dial(self, origin: Origin, protocol: Callable[[], P]) -> P:
        """An open connection, its TLS handshake done. Takes as long as it takes: the caller has the clock.

        Raises UpstreamUnavailable.
        """
        try:
            return await self._dial(origin, protocol)
        except UpstreamUnavailable:
            raise
        except (OSError, UnicodeError, RuntimeError) as error:  # RuntimeError: uvloop, for an address it cannot use.
            self._names.pop((origin.host, origin.port), None)  # It may have moved: ask again next time.
            raise unreachable(error, origin) from error

    async def _dial(self, origin: Origin, protocol: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        secure: dict[str, Any] = {}
        if origin.scheme == "https":
            secure = {"ssl": await self.contexts.get(origin.tls), "server_hostname": origin.host}
        if _is_address(origin.host):
            transport, made = await loop.create_connection(protocol, origin.host, origin.port, **secure)
        else:
            found = await self._resolve(origin.host, origin.port)
            # uvloop's create_connection knows no happy eyeballs: the race is run here, for both loops.
            sock = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=STAGGER, loop=loop)
            transport, made = await loop.create_connection(protocol, sock=sock, **secure)
        _keep_alive(transport)
        return made

    async def _resolve(self, host: str, port: int) -> list[AddrInfo]:
        name = self._names.setdefault((host, port), _Name())
        async with name.lock:
            loop = asyncio.get_running_loop()
            if loop.time() >= name.until:
                name.failed, name.found = None, []
                try:
                    name.found = [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
                except OSError as error:
                    name.failed = error
                name.until = loop.time() + (FAILED_NAME_TTL if name.failed else NAME_TTL)
            if name.failed is not None:
                # A new one: raising the same object in several callers would tie their tracebacks together.
                raise type(name.failed)(*name.failed.args)
            return name.found


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    """A model may think for minutes without a byte, and network address translators forget what is silent for so long."""
    sock = transport.get_extra_info("socket")
    if sock is None:  # It is gone already; whoever uses the connection will hear of it.
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:
        pass  # The same.


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def unreachable(error: Exception, origin: Origin) -> UpstreamUnavailable:
    """What happened and where, in words. The one table of connection errors."""
    where = address(origin)
    match error:
        case ssl.SSLCertVerificationError():
            text = f"the certificate of {where} is not trusted: {error.verify_message}"
        case ssl.SSLError():
            text = f"TLS with {where} failed: {getattr(error, 'reason', None) or 'the connection was closed'}"
        case socket.gaierror() | UnicodeError():
            text = f"the name {origin.host!r} cannot be resolved"
        case ConnectionRefusedError():
            text = f"connection refused by {where}"
        case ConnectionError():
            text = f"connection reset by {where}"
        case OSError() if error.errno:
            text = f"cannot connect to {where}: {os.strerror(error.errno)}"
        case _:
            text = f"cannot connect to {where}: {str(error) or type(error).__name__}"
    return UpstreamUnavailable(text, kind="connect")
