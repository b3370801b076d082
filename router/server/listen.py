"""Opens and closes the two ports. A changed listener is opened before the old one is closed, so a reload drops nobody."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from aiohttp import web

from router.server.admin import AdminPort
from router.server.data import DataPort
from router.snapshot import Listener, ServerSettings, Snapshot
from router.tasks import spawn

KEEP_ALIVE = 90.0
"""Seconds an idle client connection is kept. Longer than the 60 s of common load balancers: they must be the ones to close."""
LINGER = 2.0
"""Seconds an answered request's unread body is read and thrown away, so that the answer is not lost to a reset."""
CUT = 0.5
"""Seconds a handler gets to end when the time to drain is over."""
BACKLOG = 1024
MAX_HEADER = 64 * 1024
"""Bytes of one header line: agents send whole session states as headers."""


@dataclass(slots=True)
class Tls:
    """A server context whose certificate can change under it: connections made later get the new one."""

    cert: str
    key: str
    context: ssl.SSLContext = field(init=False)
    _seen: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Raises OSError (ssl.SSLError is one) when the files cannot be used."""
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(self.cert, self.key)
        self._seen = self._stamps()

    def refresh(self) -> None:
        """Loads the files again if they changed. Raises OSError, and the old certificate stays."""
        if (stamps := self._stamps()) != self._seen:
            self.context.load_cert_chain(self.cert, self.key)
            self._seen = stamps

    def _stamps(self) -> tuple[float, ...]:
        return tuple(Path(path).stat().st_mtime_ns for path in (self.cert, self.key))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a port is opened for; equal ones share it."""

    listener: Listener
    tls: tuple[str, str] | None = None


@dataclass(slots=True, eq=False)
class Port:
    """One open listener."""

    wanted: Wanted
    runner: web.BaseRunner
    site: web.BaseSite
    tls: Tls | None

    @property
    def address(self) -> str:
        """`host:port` as bound (the real one for port 0), or `unix:PATH`."""
        if self.wanted.listener.path:
            return str(self.wanted.listener)
        host, port = self.runner.addresses[0][:2]
        return str(Listener(host, port))

    async def stop(self) -> None:
        """No new connections; idle ones are closed, busy ones end with their answer. Idempotent."""
        if self.site in self.runner.sites:
            await self.site.stop()
        if self.runner.server is not None:
            self.runner.server.pre_shutdown()
        if self.wanted.listener.path:
            await asyncio.to_thread(Path(self.wanted.listener.path).unlink, missing_ok=True)


class Listeners:
    """Both ports of the daemon. `prepare` fits them to a snapshot; `stop` and `close` end them."""

    def __init__(self, data: DataPort, admin: AdminPort) -> None:
        self._data = data
        self._admin = admin
        self.data: Port | None = None
        self.admin: Port | None = None

    async def prepare(self, snapshot: Snapshot) -> Callable[[], None]:
        """Opens what changed. Returns what makes it count and closes the old. Raises OSError, and nothing has changed."""
        server = snapshot.server
        data = await self._reopened(self.data, _wanted_data(server), self._data_runner)
        try:
            admin = None if server.admin is None else await self._reopened(self.admin, Wanted(server.admin), self._admin_runner)
        except OSError:
            if data is not self.data:
                await data.runner.cleanup()
            raise

        def commit() -> None:
            retired = [port for port in (self.data, self.admin) if port is not None and port not in (data, admin)]
            self.data, self.admin = data, admin
            for port in retired:
                spawn(_retire(port, server.drain_timeout), name="retire listener")

        return commit

    async def stop_data(self) -> None:
        if self.data is not None:
            await self.data.stop()

    async def close(self) -> None:
        """Cuts what is still open, on both ports."""
        for port in (self.data, self.admin):
            if port is not None:
                await port.stop()
                await port.runner.cleanup()

    def refresh_tls(self) -> None:
        """Takes changed certificate files into use. Raises OSError, and the old certificate stays."""
        if self.data is not None and self.data.tls is not None:
            self.data.tls.refresh()

    async def _reopened(self, port: Port | None, wanted: Wanted, make: Callable[[], web.BaseRunner]) -> Port:
        if port is not None and port.wanted == wanted:
            return port
        if port is not None and port.wanted.listener == wanted.listener:
            raise OSError("server.tls cannot change on an open listener: restart, or listen elsewhere")
        tls = Tls(*wanted.tls) if wanted.tls is not None else None
        runner = make()
        await runner.setup()
        try:
            site = _site(runner, wanted.listener, tls)
            await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        return Port(wanted, runner, site, tls)

    def _data_runner(self) -> web.BaseRunner:
        # handler_cancellation: without it aiohttp keeps an upstream busy after its client has gone.
        handle = cast(Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], self._data.handle)  # See outlet.py.
        server = web.Server(
            handle,
            request_factory=self._data.request,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            max_field_size=MAX_HEADER,
            max_line_size=MAX_HEADER,
        )
        return web.ServerRunner(server, shutdown_timeout=CUT)

    def _admin_runner(self) -> web.BaseRunner:
        return web.AppRunner(self._admin.app(), access_log=None, handler_cancellation=True, shutdown_timeout=CUT)


def _wanted_data(server: ServerSettings) -> Wanted:
    both = server.tls_cert is not None and server.tls_key is not None
    return Wanted(server.listen, (server.tls_cert or "", server.tls_key or "") if both else None)


def _site(runner: web.BaseRunner, listener: Listener, tls: Tls | None) -> web.BaseSite:
    if listener.path:
        path = Path(listener.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # Left behind by a daemon that was killed; a living one is found by its TCP port.
        return web.UnixSite(runner, listener.path)
    context = tls.context if tls is not None else None
    return web.TCPSite(runner, listener.host, listener.port, backlog=BACKLOG, ssl_context=context)


async def _retire(port: Port, patience: float) -> None:
    """Requests that came in by an old listener end on it: a reload cuts nothing before the time of a drain is over."""
    await port.stop()
    if port.runner.server is not None:
        await port.runner.server.shutdown(patience)
    await port.runner.cleanup()
