"""The composition root: the only place that constructs and connects things. Start, signals, drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from router import __version__
from router.config.render import one_line
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.engine.probing import Prober
from router.observe.counts import Counts
from router.observe.lag import LoopLag
from router.observe.log import Log, Records
from router.observe.metrics import Gauges, Metrics
from router.observe.sink import Sink
from router.runtime import Reloaded, Runtime, Trigger
from router.server.admin import AdminPort
from router.server.data import DataPort
from router.server.health import TargetHealth
from router.server.listen import Listeners
from router.server.probes import Probes
from router.snapshot import Snapshot
from router.state.live import Live
from router.tasks import spawn
from router.upstream.sandbox import SandboxTransport
from router.upstream.select import Upstreams
from router.watch import Watch

STDERR = 2
FLUSH = 1.0
"""Seconds the log gets to write what waits when the daemon ends: a hung sink must not hold up the exit."""

log = logging.getLogger("router.daemon")


async def serve(runtime: Runtime) -> None:
    """Runs the daemon until SIGTERM or SIGINT and drains it. Raises OSError when a port cannot be opened."""
    await build(runtime).run()


def build(runtime: Runtime) -> Daemon:
    """Connects everything; opens nothing. Needs a running loop."""
    snapshot = runtime.snapshot
    sink = Sink(STDERR)
    events = Log(sink, snapshot.log, wall=time.time, colour=sys.stderr.isatty())
    Records(events).install()
    upstreams = Upstreams(SandboxTransport())
    live = Live(random.random)
    counts = Counts()
    lag = LoopLag()

    def settled(x: Exchange) -> None:
        counts.settled(x)
        events.settled(x)

    engine = Engine(transport=upstreams, world=live, health=live.health, settled=settled)
    watch = Watch(runtime, random.random)
    gauges = Gauges(
        open=lambda: engine.open,
        log_dropped=lambda: sink.dropped,
        loop_lag=lag.seconds,
        config_refused=lambda: runtime.refused is not None,
        config_pending=runtime.pending,
        watch_healthy=lambda: watch.healthy,
        breakers=live.health.states,
    )
    metrics = Metrics(__version__, counts, gauges)

    prober = Prober(upstreams, live.health, random.random)

    def swapped(new: Snapshot) -> None:
        metrics.applied(new, runtime.since)
        live.health.reconcile(new)
        prober.apply(new)
        events.apply(new.log, new.secrets)

    swapped(snapshot)
    runtime.swapped.append(swapped)
    runtime.reported.append(lambda trigger, outcome: metrics.reloaded(trigger, outcome.result, outcome.stage))
    runtime.reported.append(_reported)
    probes = Probes(runtime)
    admin = AdminPort(runtime, engine, probes, metrics, watch, TargetHealth(live.health, time.time))
    listeners = Listeners(DataPort(runtime, engine, probes, time.time), admin)
    return Daemon(runtime, engine, prober, upstreams, listeners, probes, watch, lag, sink)


@dataclass(slots=True)
class Daemon:
    """What runs. `run` lasts as long as the process serves."""

    runtime: Runtime
    engine: Engine
    prober: Prober
    upstreams: Upstreams
    listeners: Listeners
    probes: Probes
    watch: Watch
    lag: LoopLag
    sink: Sink
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _now: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self._handle_signals()
        tasks = [spawn(self.watch.looks(), name="watch looks"), spawn(self.watch.events(), name="watch events")]
        try:
            (await self.listeners.prepare(self.runtime.snapshot))()
            self.runtime.prepare = self.listeners.prepare
            self.lag.start(asyncio.get_running_loop())
            # What was loaded stays for the life of the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            # A request makes some fifty objects and no cycles: a look after every 700 of them finds nothing and costs 3 %.
            gc.set_threshold(20_000, 20, 20)
            self._say_started()
            await self._stop.wait()
            await self._drain()
        finally:
            self.watch.stop()
            self.lag.stop()
            await self.listeners.close()
            await self.prober.aclose()
            await self.upstreams.aclose()
            await asyncio.gather(*tasks)
            log.info("stopped")
            await asyncio.to_thread(self.sink.close, FLUSH)

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, lambda: spawn(self.runtime.reload("signal"), name="reload"))

    def _end(self) -> None:
        """The first signal drains, the second ends now."""
        if self._stop.is_set():
            self._now.set()
        self._stop.set()

    async def _drain(self) -> None:
        """Says that it is going, waits for load balancers to see it, closes the doors, lets open requests end."""
        server = self.runtime.snapshot.server
        self.probes.draining = True
        log.info("draining", extra={"open": len(self.engine.open), "delay": server.drain_delay, "timeout": server.drain_timeout})
        await _first_of(server.drain_delay, self._now.wait())
        self.probes.closing = True
        await self.listeners.stop_data()
        await _first_of(server.drain_timeout, self._now.wait(), self.engine.drained())
        if self.engine.open:
            log.warning("drain_cut", extra={"open": len(self.engine.open)})

    def _say_started(self) -> None:
        snapshot = self.runtime.snapshot
        data, admin = self.listeners.data, self.listeners.admin
        said = {
            "version": __version__,
            "address": data.address if data is not None else None,
            "admin": admin.address if admin is not None else None,
            "generation": snapshot.generation,
            "hash": snapshot.hash,
            "auth": snapshot.server.auth,
            "models": ", ".join(name for name, model in snapshot.models.items() if model.visible),
        }
        log.info("serving", extra=said)
        _say_config(snapshot, [one_line(found) for found in self.runtime.warnings])


async def _first_of(seconds: float, *waits: Coroutine[Any, Any, object]) -> None:
    tasks = [spawn(wait, name="drain") for wait in waits]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _reported(trigger: Trigger, outcome: Reloaded) -> None:
    findings = [one_line(found) for found in outcome.diagnostics]
    said = {"trigger": trigger, "generation": outcome.snapshot.generation, "hash": outcome.snapshot.hash}
    if outcome.result == "refused":
        log.error("config_refused", extra=said | {"stage": outcome.stage, "diagnostics": findings})
        return
    log.info("config_applied", extra=said)
    _say_config(outcome.snapshot, findings)


def _say_config(snapshot: Snapshot, findings: list[str]) -> None:
    for finding in findings:
        log.warning("config_warning", extra={"finding": finding})
    for provider, reason in snapshot.optional_off.items():
        log.info("provider_off", extra={"provider": provider, "reason": reason})
