"""Health as people see it and reset it: the admin port over a router that serves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from running import SERVER, Running, running

from router.observe.counts import Counts
from router.observe.metrics import Gauges, Metrics
from router.server.admin import AdminPort
from router.server.health import TargetHealth

FAILING = "{type: sandbox, first_token: 0ms, faults: [{status: 500, share: 100%}]}"
SLOW = "{type: sandbox, first_token: 800ms, tokens_per_second: 10000}"
YAML = (
    SERVER
    + """\
providers:
  bad: """
    + FAILING
    + """
  good: {type: sandbox, first_token: 0ms}
defaults: {retries: 0}
models:
  single: {targets: [bad/m]}
  backed: {targets: [bad/m, good/m]}
  sibling: {targets: [bad/n]}
  "gpt-*": {targets: ["good/gpt-*"]}
"""
)


@dataclass
class Watched:
    router: Running
    admin: TestClient

    async def ask(self, model: str) -> tuple[int, dict[str, str], Any]:
        status, headers, body = await self.router.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        )
        return status, headers, json.loads(body)

    async def row(self, model: str, number: int = 0) -> dict[str, Any]:
        return (await (await self.admin.get("/-/status")).json())["models"][model][number]

    async def reset(self, body: object) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body)
        response = await self.admin.post("/-/reset", data=data)
        return response.status, await response.json()

    async def reload(self, before: str, after: str) -> None:
        path = self.router.path
        path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")
        await self.router.runtime.reload("api")


@asynccontextmanager
async def watched(tmp_path, yaml: str = YAML, environ: dict[str, str] | None = None) -> AsyncIterator[Watched]:
    async with running(tmp_path, yaml, environ) as router:
        book = router.engine._health
        book.reconcile(router.runtime.snapshot)
        gauges = Gauges(lambda: (), lambda: 0, float, lambda: False, float, lambda: True, book.states)
        metrics = Metrics("0", Counts(), gauges)
        health = TargetHealth(book, time.time)
        admin = AdminPort(router.runtime, router.engine, router.probes, metrics, router.watch, health)
        async with TestClient(TestServer(admin.app())) as client:
            yield Watched(router, client)


async def test_status_and_metrics_tell_the_state_of_every_target(tmp_path):
    async with watched(tmp_path) as seen:
        assert await seen.row("single") == {
            "target": "bad/m",
            "tier": 1,
            "off": None,
            "in_flight": 0,
            "state": "closed",
            "since": None,
            "until": None,
            "failures": 0,
            "last_error": None,
            "last_error_at": None,
            "unavailable": None,
        }
        for _ in range(5):
            assert (await seen.ask("single"))[0] == 500
        row = await seen.row("backed")
        opened = row["since"]
        assert time.time() - 3 < opened <= time.time()
        expected = {"state": "open", "until": pytest.approx(opened + 5, abs=0.01), "failures": 5, "last_error": "server"}
        assert row.items() >= (expected | {"last_error_at": opened, "unavailable": "breaker open (server)"}).items()
        assert (await seen.row("sibling"))["state"] == (await seen.row("backed", 1))["state"] == "closed"
        text = await (await seen.admin.get("/metrics")).text()
        states = {line for line in text.splitlines() if line.startswith("router_breaker_state{")}
        assert states == {
            'router_breaker_state{target="bad/m"} 2.0',
            'router_breaker_state{target="bad/n"} 0.0',
            'router_breaker_state{target="good/m"} 0.0',
        }


async def test_what_is_out_is_not_asked_while_another_is_left(tmp_path):
    async with watched(tmp_path) as seen:
        for _ in range(5):
            assert (await seen.ask("backed"))[0] == 200
        _, headers, _ = await seen.ask("backed")
        assert headers["x-router-attempts"] == "good/m:200"


async def test_client_errors_take_nobody_out(tmp_path):
    async with watched(tmp_path, YAML.replace("status: 500", "status: 400")) as seen:
        for _ in range(100):
            assert (await seen.ask("single"))[0] == 400
        assert (await seen.row("single")).items() >= {"state": "closed", "failures": 0, "unavailable": None}.items()


async def test_a_reload_keeps_what_was_learned_and_recovery_takes_one_trial(tmp_path):
    async with watched(tmp_path) as seen:
        for _ in range(5):
            await seen.ask("single")
        await seen.reload(FAILING, SLOW)
        assert seen.router.runtime.snapshot.generation == 2
        assert (await seen.row("single"))["state"] == "open"
        trial = asyncio.ensure_future(seen.ask("single"))
        while (await seen.row("single"))["state"] != "trial":
            await asyncio.sleep(0.005)
        refused = await asyncio.gather(*(seen.ask("single") for _ in range(9)))
        assert not trial.done(), "nobody waits for the trial"
        assert [status for status, _, _ in refused] == [503] * 9
        for _, _, body in refused:
            assert body["error"]["code"] == "no_target_available"
            assert "bad/m: trial in flight" in body["error"]["message"]
        assert (await trial)[0] == 200
        assert [status for status, _, _ in await asyncio.gather(*(seen.ask("single") for _ in range(9)))] == [200] * 9
        assert (await seen.row("single")).items() >= {"state": "closed", "failures": 0}.items()


@pytest.mark.parametrize("body", [{"target": "bad/m"}, {"provider": "bad"}])
async def test_a_reset_lets_it_be_asked_again(tmp_path, body):
    async with watched(tmp_path) as seen:
        for _ in range(5):
            await seen.ask("single")
        assert await seen.reset(body) == (200, body | {"reset": 1})
        assert (await seen.row("single")).items() >= {"state": "closed", "failures": 0, "unavailable": None}.items()
        assert await seen.reset(body) == (200, body | {"reset": 0})


async def test_a_model_of_a_pattern_is_reset_by_its_own_name_or_the_patterns(tmp_path):
    async with watched(tmp_path, YAML.replace("good: {type: sandbox, first_token: 0ms}", f"good: {FAILING}")) as seen:
        for name in ("good/gpt-5", "good/gpt-*"):
            for _ in range(5):
                await seen.ask("gpt-5")
            assert 'router_breaker_state{target="good/gpt-*"} 2.0' in await (await seen.admin.get("/metrics")).text()
            assert await seen.reset({"target": name}) == (200, {"target": name, "reset": 1})


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"target": "bad/mm"}, 404, "no target is named 'bad/mm'; did you mean 'bad/m'?"),
        ({"provider": "godo"}, 404, "no provider is named 'godo'; did you mean 'good'?"),
        ({"target": "elsewhere"}, 404, "no target is named 'elsewhere'; /-/status lists them"),
        ({"target": "bad"}, 404, "no target is named 'bad'; /-/status lists them"),
        *((each, 400, 'send {"target": "PROVIDER/MODEL"} or {"provider": "PROVIDER"}') for each in (b"", b"{", b"[]", {}, None)),
        ({"target": 7}, 400, 'send {"target": "PROVIDER/MODEL"} or {"provider": "PROVIDER"}'),
        ({"target": "bad/m", "provider": "bad"}, 400, 'send {"target": "PROVIDER/MODEL"} or {"provider": "PROVIDER"}'),
    ],
)
async def test_what_cannot_be_reset_is_told_why(tmp_path, body, status, error):
    async with watched(tmp_path) as seen:
        assert await seen.reset(body) == (status, {"error": error})


async def test_a_reset_needs_the_token_and_a_post(tmp_path):
    async with watched(tmp_path, YAML.replace("admin: ", "admin_token: '${env:TOKEN}', admin: "), {"TOKEN": "let-me-in"}) as seen:
        assert (await seen.reset({"provider": "bad"}))[0] == 401
        with_token = {"authorization": "Bearer let-me-in"}
        assert (await seen.admin.post("/-/reset", data=b'{"provider":"bad"}', headers=with_token)).status == 200
        assert (await seen.admin.get("/-/reset", headers=with_token)).status == 405
