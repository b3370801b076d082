"""T21, and what T04 says of the processor: the daemon as a process, whose end nobody notices."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import pytest

from tests.acceptance.dialects import CHAT, DIALECTS, MESSAGES, TEXT, Dialect
from tests.acceptance.process import Daemon
from tests.acceptance.stage import QUICK, Metrics
from tests.acceptance.upstreams import Provider, endless, good, in_turn, paced, silent, stalls, status
from tests.server.running import until

SERVER = "server: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', drain: {delay: DELAY, timeout: TIMEOUT}}\n"
MODELS = "models: {fast: {targets: [a/m]}}\n"
STREAMS = 50


def daemon(tmp_path, provider: Provider, *, delay: str = "300ms", timeout: str = "10s", **how: bool) -> Daemon:
    server = SERVER.replace("DELAY", delay).replace("TIMEOUT", timeout)
    return Daemon(tmp_path, server + QUICK + "providers:\n" + provider.yaml("a") + MODELS, {"KEY_A": "sk-a-canary"}, **how)


async def ask(router: Daemon, client: Dialect, *, stream: bool = True) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session:
        return await _post(session, router, client, stream=stream)


async def _post(session: aiohttp.ClientSession, router: Daemon, client: Dialect, *, stream: bool) -> tuple[int, bytes]:
    async with session.post(router.url + client.path, json=client.ask(stream=stream)) as answer:
        return answer.status, await answer.read()


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_drain_cuts_nobody(tmp_path) -> None:
    """T21: SIGTERM while 50 streams flow. All 50 complete, readyz is 503 at once while newcomers are still served; then the door
    is shut, and the daemon ends with 0 as soon as the last stream did."""
    provider = Provider(CHAT, paced(1.5))
    async with provider:
        with daemon(tmp_path, provider) as router:
            clients = [asyncio.ensure_future(ask(router, DIALECTS[n % 2])) for n in range(STREAMS)]
            await until(lambda: provider.busy == STREAMS)
            sent = router.terminate()
            router.wait_for("draining")
            assert await status_of(router.url + "/readyz") == 503
            assert await status_of(router.url + "/livez") == 200
            assert time.monotonic() - sent < 0.3
            newcomer = await ask(router, CHAT)
            answers = await asyncio.gather(*clients)
            for n, (status, body) in enumerate([*answers, newcomer]):
                heard = DIALECTS[n % 2].hear(body, stream=True)
                assert (status, heard.complete, heard.text) == (200, True, TEXT)
            with pytest.raises(aiohttp.ClientConnectorError):
                await ask(router, CHAT)
            assert await asyncio.to_thread(router.ended) == 0
            assert time.monotonic() - sent < 6
            assert [line["outcome"] for line in router.named("request")] == ["ok"] * (STREAMS + 1)
            assert router.wait_for("stopped")
            assert not router.named("drain_cut")


async def test_an_open_connection_learns_that_the_door_is_shut(tmp_path) -> None:
    """T21: a request on a connection that was kept open comes too late: it is cut off, it does not hang, and no provider
    is asked."""
    provider = Provider(CHAT, in_turn(good, paced(1.0)))
    async with provider:
        with daemon(tmp_path, provider, delay="100ms") as router:
            async with aiohttp.ClientSession() as session:
                assert (await _post(session, router, CHAT, stream=False))[0] == 200
                staying = asyncio.ensure_future(ask(router, CHAT))
                await until(lambda: len(provider.calls) == 2)
                router.terminate()
                router.wait_for("draining")
                await asyncio.sleep(0.3)
                with pytest.raises(aiohttp.ClientConnectionError):
                    await _post(session, router, CHAT, stream=False)
                assert (await staying)[0] == 200
            assert len(provider.calls) == 2
            assert await asyncio.to_thread(router.ended) == 0


async def test_what_does_not_end_is_cut_when_the_time_is_over(tmp_path) -> None:
    """T21: a stream that would go on for minutes holds nobody up longer than `drain.timeout`, and does not look whole."""
    provider = Provider(MESSAGES, endless)
    async with provider:
        with daemon(tmp_path, provider, delay="0s", timeout="700ms") as router:
            client = asyncio.ensure_future(ask(router, MESSAGES))
            await until(lambda: provider.busy == 1)
            sent = router.terminate()
            with pytest.raises(aiohttp.ClientError):
                await client
            assert await asyncio.to_thread(router.ended) == 0
            assert time.monotonic() - sent < 0.7 + 2
            assert router.wait_for("drain_cut")["open"] == 1
            assert [line["outcome"] for line in router.named("request")] == ["client_gone"]


async def test_a_hung_log_does_not_hold_up_answers_nor_the_end(tmp_path) -> None:
    """T21: nobody reads the log, its pipe is full. Answers come as ever, and the exit takes no longer than the drain and 2 s."""
    provider = Provider(CHAT, paced(0.0))
    async with provider:
        with daemon(tmp_path, provider, delay="0s", timeout="2s", reads=False) as router:
            async with aiohttp.ClientSession() as session:
                for _ in range(10):  # 400 lines of more than 400 bytes: a pipe takes 64 KiB.
                    answers = await asyncio.gather(*(_post(session, router, CHAT, stream=True) for _ in range(40)))
                    assert [status for status, _ in answers] == [200] * 40
            sent = router.terminate()
            assert await asyncio.to_thread(router.ended) == 0
            assert time.monotonic() - sent < 2 + 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_stalls_and_silence_cost_no_processor_time(tmp_path) -> None:
    """T03, T04: after 100 of them the process idles below 5 % and holds no descriptor more than before."""
    provider = Provider(CHAT, stalls())
    async with provider:
        with daemon(tmp_path, provider) as router:
            before = router.descriptors
            for do in (stalls(), silent):
                provider.do = do
                answers = await asyncio.gather(*(ask(router, DIALECTS[n % 2]) for n in range(STREAMS)))
                for n, (status, body) in enumerate(answers):
                    assert DIALECTS[n % 2].hear(body, stream=status == 200).error
            await until(lambda: router.descriptors == before)
            cpu, began = router.cpu, time.monotonic()
            await asyncio.sleep(1)
            assert (router.cpu - cpu) / (time.monotonic() - began) < 0.05
            router.terminate()
            assert await asyncio.to_thread(router.ended) == 0


async def test_what_the_daemon_learned_can_be_seen_and_reset(tmp_path) -> None:
    """T15, with the breaker as it is when nobody configures it: five failures open it, metrics and status of the process say so,
    `POST /-/reset` closes it."""
    provider = Provider(CHAT, status(500))
    async with provider:
        with daemon(tmp_path, provider) as router:
            for _ in range(3):  # Two attempts each.
                assert (await ask(router, CHAT))[0] >= 500
            assert await state_of(router, "a/m") == ("open", 2)
            async with (
                aiohttp.ClientSession() as session,
                session.post(router.admin_url + "/-/reset", json={"target": "a/m"}) as answer,
            ):
                assert answer.status == 200
            assert await state_of(router, "a/m") == ("closed", 0)
            opened = router.wait_for("breaker_open")
            assert (opened["target"], opened["level"]) == ("a/m", "warning")
            provider.do = good
            assert (await ask(router, CHAT))[0] == 200


async def state_of(router: Daemon, target: str) -> tuple[str, float]:
    """By `/-/status` and by `/metrics`."""
    async with aiohttp.ClientSession() as session:
        async with session.get(router.admin_url + "/-/status") as answer:
            models = (await answer.json())["models"]
        async with session.get(router.admin_url + "/metrics") as answer:
            metrics = Metrics(await answer.text())
    (row,) = [row for row in models["fast"] if row["target"] == target]
    return row["state"], metrics.value("router_breaker_state", target=target)
