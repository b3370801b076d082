"""`health.probe`: looks at a provider now and then, with a call that costs nothing; at none unless the file says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from router.engine.transport import Transport, UpstreamRequest
from router.errors import Kind, UpstreamError, UpstreamUnavailable
from router.snapshot import Probe, Snapshot
from router.state.health import HealthBook
from router.tasks import spawn

PATIENCE = 10.0
"""Seconds a probe may take, or its period where that is shorter: a list of models comes at once, or something is wrong."""
SPREAD = 0.2
"""The part by which a period is shorter or longer, at random: replicas and providers must not fall into step."""

log = logging.getLogger("router.engine.probing")


class Prober:
    """One task for each provider that is to be probed. `apply` fits them to a snapshot, `aclose` ends them."""

    def __init__(self, transport: Transport, health: HealthBook, random: Callable[[], float]) -> None:
        """`random` gives numbers in [0, 1)."""
        self._transport = transport
        self._health = health
        self._random = random
        self._probes: dict[str, Probe] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failing: set[str] = set()
        """Providers whose last probe did not succeed: what changes is logged, not every look."""

    def apply(self, snapshot: Snapshot) -> None:
        """From now on the providers of this snapshot. Who is probed as often as before is not probed sooner or later for it:
        frequent reloads neither multiply probes nor keep them from happening."""
        before, self._probes = self._probes, {probe.provider: _get(probe) for probe in snapshot.probes}
        for provider, old in before.items():
            new = self._probes.get(provider)
            if new is None or new.period != old.period:
                self._tasks.pop(provider).cancel()
            if new is None:
                self._failing.discard(provider)
        for provider in self._probes:
            if provider not in self._tasks:
                self._tasks[provider] = spawn(self._look(provider), name=f"probe {provider}")

    async def aclose(self) -> None:
        tasks, self._tasks, self._probes = self._tasks, {}, {}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _look(self, provider: str) -> None:
        # The first after a part of the period: many providers, or replicas, start together.
        wait = self._probes[provider].period * self._random()
        while True:
            await asyncio.sleep(wait)
            probe = self._probes[provider]
            try:
                await self._once(probe)
            except Exception:  # A bug of ours must not end the looking: nobody would notice.
                log.exception("probe_broken", extra={"provider": provider})
            wait = probe.period * (1 - SPREAD + 2 * SPREAD * self._random())

    async def _once(self, probe: Probe) -> None:
        kind: Kind | None = None
        try:
            async with asyncio.timeout(min(PATIENCE, probe.period)):
                status = await self._status(probe)
        except TimeoutError:
            kind, said = "timeout", "no answer in time"
        except UpstreamError as error:
            kind, said = error.kind, error.message
        else:
            said = f"status {status}"
            if status >= 500:
                kind = "server"
            elif not 200 <= status < 300:
                # It is there, but this is no list of models: a refused key, a path that is none. Says nothing of requests.
                self._tell(probe.provider, "probe_refused", said)
                return
        self._tell(probe.provider, "probe_failed" if kind is not None else None, said)
        self._health.probed(probe.provider, kind)

    async def _status(self, probe: Probe) -> int:
        request = UpstreamRequest(probe.endpoint, b"")
        try:
            reply = await self._transport.send(request)
        except UpstreamUnavailable as error:
            if not error.reused:
                raise
            reply = await self._transport.send(request)  # An idle connection was closed just then: nobody saw the request.
        try:
            await reply.read()  # To its end: then the connection can be used again.
            return reply.status
        finally:
            reply.close()

    def _tell(self, provider: str, event: str | None, said: str) -> None:
        was = provider in self._failing
        if event is not None and not was:
            self._failing.add(provider)
            log.warning(event, extra={"provider": provider, "reason": said})
        elif event is None and was:
            self._failing.discard(provider)
            log.info("probe_succeeded", extra={"provider": provider})


def _get(probe: Probe) -> Probe:
    return replace(probe, endpoint=replace(probe.endpoint, method="GET"))
