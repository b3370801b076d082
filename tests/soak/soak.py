"""`make soak`: thousands of requests with random faults and random departures; then nothing may be left of them.

The providers and the clients run here, the daemon in a process of its own. Prints a table; the exit code is 1 when any line of
it is not as it must be. Linux: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.dialects import CHAT, MESSAGES
from tests.acceptance.process import Daemon
from tests.acceptance.stage import Metrics
from tests.acceptance.upstreams import Provider, good
from tests.soak.traffic import Clients, at_random

CLIENTS = 48
SETTLES = 10.0
"""Seconds after the last request until nothing may be open any more: longer than `total`."""
RECOVERS = 20.0
"""Seconds until every target answers again once its provider is well."""
GROWTH = 4.0
"""MiB per 10,000 requests that count as flat; a leak of one small object per request is more."""
RELOADS = 5
YAML = """
server: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', drain: {delay: 0s, timeout: 10s}, reload: {watch: none}, max_inflight: 500}
log: {level: info}
defaults:
  timeouts: {connect: 1s, first_token: 300ms, last_first_token: 400ms, idle: 300ms, answer: 500ms, total: 2s}
  backoff: {base: 5ms, max: 50ms}
  deadline: 8s
  retry_after_max: 100ms
  breaker: {open: 200ms, max_open: 500ms}
  stream: {hold_headers: 150ms, ping: 100ms}
providers:
PROVIDERS
models:
  one: {targets: [chat/one]}
  two: {targets: [chat/two, messages/two], breaker: none}
  turns: {targets: [messages/turns, chat/turns, messages/more], strategy: round_robin}
  told: {targets: [messages/told], fallback: [one], midstream: error, breaker: none}
  guarded: {targets: [chat/guarded, messages/guarded], midstream: guard, guard: 100ms, breaker: none}
  whole: {targets: [messages/whole, chat/whole], midstream: buffer, breaker: none}
  goes-on: {targets: [chat/first, {target: messages/next, prefill: true}], midstream: continue, breaker: none}
  billed: {targets: [chat/billed, messages/billed], on_disconnect: drain}
"""
PROBE = ", health: {probe: 2s}"
MODELS = ["one", "two", "turns", "told", "guarded", "whole", "goes-on", "billed"]


@dataclass
class Table:
    """Rows of what was found and what must be."""

    failed: int = 0
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, name: str, value: object) -> None:
        self.rows.append((name, str(value), ""))

    def must(self, name: str, value: object, good: bool, wanted: str) -> None:
        self.failed += not good
        self.rows.append((name, str(value), "ok" if good else f"FAILED: {wanted}"))

    def show(self) -> None:
        width, middle = max(len(row[0]) for row in self.rows), max(len(row[1]) for row in self.rows)
        for name, value, verdict in self.rows:
            print(f"{name:{width}}  {value:>{middle}}  {verdict}")


class Soak:
    def __init__(self, daemon: Daemon, providers: dict[str, Provider], options: argparse.Namespace) -> None:
        self.daemon = daemon
        self.providers = providers
        self.options = options
        self.table = Table()
        self.warm = options.requests // 2
        self.total = self.warm + options.requests
        self.memory: list[tuple[int, float]] = []
        """Requests sent so far, MiB."""

    async def run(self) -> None:
        before = self.daemon.descriptors
        clients = Clients(self.daemon, MODELS, self.options.seed, self.total)
        began = time.monotonic()
        watching = asyncio.ensure_future(self._watch(clients))
        await clients.run(CLIENTS)
        watching.cancel()
        self._answers(clients, time.monotonic() - began)
        await self._settled()
        self._memory()
        await self._recovers()
        await self._descriptors(before)
        await self._books()
        await self._ends()

    async def _watch(self, clients: Clients) -> None:
        """Samples memory, reloads now and then, and ends what takes too long."""
        until = time.monotonic() + self.options.seconds
        due = [self.total * n // (RELOADS + 1) for n in range(1, RELOADS + 1)]
        while True:
            self.memory.append((clients.tally.sent, self.daemon.resident))
            if due and clients.tally.sent >= due[0]:
                due.pop(0)
                await self._reload(len(due))
            if time.monotonic() > until:
                clients.stop()
            await asyncio.sleep(0.25)

    async def _reload(self, number: int) -> None:
        path = self.daemon.path
        lines = [line for line in path.read_text().splitlines() if not line.startswith("x-soak")]
        path.write_text("\n".join([*lines, f"x-soak: {number}", ""]))
        async with aiohttp.ClientSession() as session, session.post(f"{self.daemon.admin_url}/-/reload") as answer:
            said = await answer.json()
            if not said.get("changed"):
                self.table.must("a reload", said, good=False, wanted="it changes something")

    def _answers(self, clients: Clients, seconds: float) -> None:
        tally, table = clients.tally, self.table
        table.note("seed", self.options.seed)
        table.must("requests", tally.sent, tally.sent == self.total, f"{self.total} in the time given")
        table.note("seconds", f"{seconds:.1f} ({tally.sent / seconds:.0f} a second)")
        for kind in ("complete", "told in band", "refused", "left"):
            table.note(f"  {kind}", tally.kinds[kind])
        table.must("neither complete nor a clean error", len(tally.violations), not tally.violations, "none")
        table.note("slowest answer", f"{tally.slowest:.2f} s")
        table.note("calls of providers", sum(len(provider.calls) for provider in self.providers.values()))
        table.note("probes of providers", sum(provider.probes for provider in self.providers.values()))
        for violation in tally.violations[:10]:
            print(f"violation: {violation}")

    async def _settled(self) -> None:
        """The gauges, and what the daemon itself calls open."""
        await eventually(self._idle, SETTLES)
        metrics, status = await self._metrics(), await self._status()
        self.table.must("in flight", f"{metrics.open:g}", metrics.open == 0, "0 in both gauges")
        self.table.must("open exchanges", status["open"], status["open"] == 0, "0")
        busy = sum(target["in_flight"] for model in status["models"].values() for target in model)
        self.table.must("targets at work", busy, busy == 0, "0")
        self.table.must("older generations that still serve", len(status["retired"]), not status["retired"], "0")
        self.table.must(
            "generation", status["running"]["generation"], status["running"]["generation"] == RELOADS + 1, "every reload"
        )
        answering = sum(provider.busy for provider in self.providers.values())
        self.table.must("providers still at work for it", answering, answering == 0, "0")

    async def _idle(self) -> bool:
        return (await self._status())["open"] == 0 and not any(provider.busy for provider in self.providers.values())

    def _memory(self) -> None:
        slope = rising([(sent, mib) for sent, mib in self.memory if sent > self.warm]) * 10_000
        self.table.note("memory at the start and at the end", f"{self.memory[0][1]:.1f}, {self.memory[-1][1]:.1f} MiB")
        self.table.must("growth per 10,000 requests", f"{slope:+.2f} MiB", slope < GROWTH, f"below {GROWTH:g} MiB")

    async def _recovers(self) -> None:
        """Every place of a trial was given back: once the providers are well, every target is used again."""
        for provider in self.providers.values():
            provider.do = good
        began = time.monotonic()
        recovered = await eventually(self._all_answer, RECOVERS)
        took = f"{time.monotonic() - began:.1f} s"
        self.table.must("every target answers again", took, recovered, f"within {RECOVERS:g} s: {await self._out()}")

    async def _all_answer(self) -> bool:
        tries = Clients(self.daemon, MODELS, self.options.seed, 4 * len(MODELS))
        await tries.run(4)
        return not tries.tally.violations and not await self._out()

    async def _out(self) -> list[str]:
        metrics = await self._metrics()
        states = {line: metrics.value("router_breaker_state", target=line) for line in await self._targets()}
        return [name for name, state in states.items() if state]

    async def _targets(self) -> set[str]:
        return {target["target"] for model in (await self._status())["models"].values() for target in model}

    async def _descriptors(self, before: list[str]) -> None:
        """When neither clients nor providers hold a connection, the daemon holds none either."""
        for provider in self.providers.values():
            await provider.__aexit__(None, None, None)
        await eventually(self._same(before), SETTLES)
        more = Counter(self.daemon.descriptors)
        more.subtract(Counter(before))
        left = {kind: count for kind, count in more.items() if count}
        self.table.must("descriptors more than before", left or 0, not left, "0")

    def _same(self, before: list[str]) -> Callable[[], Any]:
        async def same() -> bool:
            return self.daemon.descriptors == before

        return same

    async def _books(self) -> None:
        """The log, the metrics and the requests tell one story; nothing in it is a bug of the daemon's."""
        metrics = await self._metrics()
        counted = metrics.value("router_requests_total")
        await eventually(self._logged(counted), SETTLES)
        lines = self.daemon.named("request")
        self.table.must("exchanges in metrics and log", f"{counted:g}, {len(lines)}", counted == len(lines), "the same number")
        outcomes = Counter(line["outcome"] for line in lines)
        self.table.note("outcomes", ", ".join(f"{name} {n}" for name, n in outcomes.most_common()))
        # That nobody could be asked is said of a request, and is what providers have brought about.
        internal = [line for line in self.daemon.lines if line["level"] == "error" and line["msg"] != "request"]
        internal += [line for line in lines if line.get("error_code") == "internal_error"]
        self.table.must("bugs in its log", len(internal), not internal, "none")
        for line in internal[:3]:
            print(f"error: {line}")
        dropped = metrics.value("router_log_dropped_total")
        self.table.must("log lines lost", f"{dropped:g}", dropped == 0, "0")
        cpu, began = self.daemon.cpu, time.monotonic()
        await asyncio.sleep(1)
        share = (self.daemon.cpu - cpu) / (time.monotonic() - began)
        self.table.must("processor while idle", f"{share:.1%}", share < 0.05, "below 5 %")

    def _logged(self, count: float) -> Callable[[], Any]:
        async def logged() -> bool:
            return len(self.daemon.named("request")) >= count

        return logged

    async def _ends(self) -> None:
        sent = self.daemon.terminate()
        code = await asyncio.to_thread(self.daemon.ended)
        self.table.must("exit code after SIGTERM", code, code == 0, "0")
        took = time.monotonic() - sent
        self.table.must("seconds until it ended", f"{took:.2f}", took < 5, "below 5")

    async def _metrics(self) -> Metrics:
        async with aiohttp.ClientSession() as session, session.get(f"{self.daemon.admin_url}/metrics") as answer:
            return Metrics(await answer.text())

    async def _status(self) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{self.daemon.admin_url}/-/status") as answer:
            return await answer.json()


def rising(points: list[tuple[int, float]]) -> float:
    """The slope of the line through them."""
    if len(points) < 2:
        return 0.0
    middle_x, middle_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


async def eventually(fact: Callable[[], Any], seconds: float) -> bool:
    """Waits until it is so; False when it does not become so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await fact():
                await asyncio.sleep(0.1)
            return True
    return False


async def main(options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    providers = {dialect.name: Provider(dialect, at_random(chance)) for dialect in (CHAT, MESSAGES)}
    async with contextlib.AsyncExitStack() as stack:
        for provider in providers.values():
            await stack.enter_async_context(provider)
        yaml = YAML.replace("PROVIDERS\n", "".join(provider.yaml(name, PROBE) for name, provider in providers.items()))
        environ = {f"KEY_{name.upper()}": f"sk-{name}-canary" for name in providers}
        with tempfile.TemporaryDirectory(prefix="router-soak-") as folder, Daemon(Path(folder), yaml, environ) as daemon:
            soak = Soak(daemon, providers, options)
            await soak.run()
    soak.table.show()
    print("soak: " + ("ok" if not soak.table.failed else f"{soak.table.failed} failed"))
    return 1 if soak.table.failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="half as many come before them, to fill pools and caches")
    parser.add_argument("--seconds", type=float, default=180.0, help="end it as failed after so long")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(parser.parse_args())))
