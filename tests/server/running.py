"""A router on loopback, in this process: real sockets, real files, the ports the daemon has."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from router.config.files import Files
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.observe.counts import Counts
from router.observe.metrics import Gauges, Metrics
from router.runtime import Runtime
from router.server.admin import AdminPort
from router.server.data import DataPort
from router.server.health import TargetHealth
from router.server.listen import Listeners
from router.server.probes import Probes
from router.state.live import Live
from router.upstream.sandbox import SandboxTransport
from router.upstream.select import Upstreams
from router.watch import Watch

SERVER = "server: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', reload: {settle: 300ms}}\n"


@dataclass
class Running:
    path: Path
    runtime: Runtime
    engine: Engine
    probes: Probes
    listeners: Listeners
    watch: Watch
    session: aiohttp.ClientSession
    settled: list[Exchange] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listeners.data.address.rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin(self) -> str:
        return f"http://{self.listeners.admin.address}"

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        data = body if isinstance(body, bytes) else None
        async with self.session.post(
            self.url + path, json=None if data is not None else body, data=data, headers=headers
        ) as response:
            return response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read()

    async def get(self, url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        async with self.session.get(url, headers=headers) as response:
            return response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read()


@asynccontextmanager
async def running(path: Path, yaml: str, environ: dict[str, str] | None = None) -> AsyncIterator[Running]:
    path = path / "router.yaml"
    path.write_text("version: 1\n" + yaml)
    files = Files((path,))
    runtime = Runtime(files, files.read(), environ or {}, time.time)
    upstreams = Upstreams(SandboxTransport())
    live = Live(random.random)
    settled: list[Exchange] = []
    counts = Counts()
    counts.apply(runtime.snapshot)

    def settle(x: Exchange) -> None:
        counts.settled(x)
        settled.append(x)

    engine = Engine(transport=upstreams, world=live, health=live.health, settled=settle)
    watch = Watch(runtime, random.random)
    nothing: Callable[[], float] = float
    gauges = Gauges(
        open=lambda: engine.open,
        log_dropped=lambda: 0,
        loop_lag=nothing,
        config_refused=lambda: runtime.refused is not None,
        config_pending=runtime.pending,
        watch_healthy=lambda: watch.healthy,
        breakers=live.health.states,
    )
    metrics = Metrics("0", counts, gauges)
    runtime.reported.append(lambda trigger, outcome: metrics.reloaded(trigger, outcome.result, outcome.stage))
    runtime.swapped.append(lambda snapshot: metrics.applied(snapshot, 0.0))
    runtime.swapped.append(live.health.reconcile)
    live.health.reconcile(runtime.snapshot)
    probes = Probes(runtime)
    listeners = Listeners(
        DataPort(runtime, engine, probes, time.time),
        AdminPort(runtime, engine, probes, metrics, watch, TargetHealth(live.health, time.time)),
    )
    (await listeners.prepare(runtime.snapshot))()
    runtime.prepare = listeners.prepare
    looks = [asyncio.ensure_future(watch.looks()), asyncio.ensure_future(watch.events())]
    async with aiohttp.ClientSession() as session:
        try:
            yield Running(path, runtime, engine, probes, listeners, watch, session, settled)
        finally:
            watch.stop()
            await asyncio.gather(*looks)
            await listeners.close()
            await upstreams.aclose()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for something that another task brings about."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
