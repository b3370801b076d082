"""T15: a target that fails is left alone, and never for longer than it takes to see that it is back; nobody is shut out by our
own choice."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.dialects import CHAT, MESSAGES, TEXT, Dialect, pair_name
from tests.acceptance.stage import QUICK, Answer, Stage, for_each_pair, stage
from tests.acceptance.upstreams import Provider, after, cut, good, in_turn, resets, status
from tests.server.running import until

OPEN = 0.4
"""Seconds an open breaker stays open the first time."""
DEFAULTS = (
    QUICK + f"  breaker: {{failures: 3, min_requests: 3, window: 10s, open: {OPEN * 1000:g}ms, max_open: 800ms}}\n  retries: 0\n"
)
ONE = "models: {fast: {targets: [a/m1]}, sibling: {targets: [a/m2]}}\n"
TWO = "models: {fast: {targets: [a/m1, b/m2]}}\n"
AT_ONCE = 0.05
BUSY = 0.25
"""What AT_ONCE may become for a whole request on a machine that runs something else."""


async def breaks(on: Stage, client: Dialect, times: int, *, model: str = "fast") -> list[Answer]:
    return [await on.ask(client, stream=False, model=model) for _ in range(times)]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@for_each_pair
async def test_one_failure_takes_nothing_out(tmp_path, pair: tuple[Dialect, Dialect], stream: bool) -> None:
    """T15: one target, one 500, then it is well: the second request is served."""
    client, upstream = pair
    defaults = QUICK + "  retries: 0\n"
    async with stage(tmp_path, ONE, more=defaults, a=Provider(upstream, in_turn(status(500), good))) as on:
        assert (await on.ask(client, stream=stream)).status == 500
        answer = await on.ask(client, stream=stream)
        assert (answer.status, answer.heard.text, answer.heard.complete) == (200, TEXT, True)


async def test_refusals_of_requests_take_nothing_out(tmp_path) -> None:
    """T15: 100 client errors do not open the breaker, and do not hide a failure rate either."""
    async with stage(tmp_path, ONE, more=DEFAULTS, a=Provider(CHAT, status(400, kind="invalid_request_error"))) as on:
        answers = await asyncio.gather(*(on.ask((CHAT, MESSAGES)[n % 2], stream=n % 3 == 0) for n in range(100)))
        assert [answer.status for answer in answers] == [400] * 100
        assert (await on.metrics()).value("router_breaker_state", target="a/m1") == 0
        on.providers["a"].do = good
        assert (await on.ask(CHAT, stream=True)).heard.complete


async def test_an_open_target_is_passed_over_and_used_again_when_it_is_back(tmp_path) -> None:
    """T15: open after 3 failures; passed over while open, without an attempt; half-open lets one request through at a time; a
    success closes it. The provider's other model is not concerned."""
    slow = after(0.15, good)
    async with stage(tmp_path, TWO, more=DEFAULTS, a=Provider(CHAT, status(500)), b=Provider(CHAT, good)) as on:
        await breaks(on, CHAT, 3)
        assert on.asked == {"a": 3, "b": 3}
        answer = await on.ask(CHAT, stream=True)
        assert (answer.status, answer.attempts) == (200, ["b/m2:200"])
        assert on.asked == {"a": 3, "b": 4}
        assert (await on.metrics()).value("router_breaker_state", target="a/m1") == 2
        on.providers["a"].do = slow
        await asyncio.sleep(OPEN + 0.05)
        answers = await asyncio.gather(*(on.ask(CHAT, stream=False) for _ in range(20)))
        assert [answer.status for answer in answers] == [200] * 20
        assert sorted(answer.headers["x-router-served"] for answer in answers) == ["a/m1"] + ["b/m2"] * 19
        assert on.asked["a"] == 4
        answer = await on.ask(CHAT, stream=True)
        assert answer.attempts == ["a/m1:200"]
        assert (await on.metrics()).value("router_breaker_state", target="a/m1") == 0


async def test_a_siblings_failures_are_its_own(tmp_path) -> None:
    """T15: per provider, key and upstream model."""
    async with stage(tmp_path, ONE, more=DEFAULTS, a=Provider(CHAT, status(500))) as on:
        await breaks(on, CHAT, 3)
        on.providers["a"].do = good
        answer = await on.ask(CHAT, stream=False, model="sibling")
        assert (answer.status, answer.heard.text) == (200, TEXT)
        metrics = await on.metrics()
        assert metrics.value("router_breaker_state", target="a/m1") == 2
        assert metrics.value("router_breaker_state", target="a/m2") == 0


@pytest.mark.parametrize("client", [CHAT, MESSAGES], ids=pair_name)
async def test_when_all_are_open_each_is_tried_by_one_at_a_time(tmp_path, client: Dialect) -> None:
    """T15: two targets, both open. Of 20 requests at once two find out, 18 hear of it at once: 503, when to come back, and why,
    target by target."""
    async with stage(tmp_path, TWO, more=DEFAULTS, a=Provider(client, status(500)), b=Provider(client, status(500))) as on:
        await breaks(on, client, 3)
        assert on.asked == {"a": 3, "b": 3}
        for provider in on.providers.values():
            provider.do = after(0.3, status(500))
        answers = await asyncio.gather(*(on.ask(client, stream=n % 2 == 0) for n in range(20)))
        refused = [answer for answer in answers if not answer.attempts]
        assert on.asked == {"a": 4, "b": 4}
        assert len(refused) >= 18
        for answer in refused:
            assert answer.heard.error is not None
            assert (answer.status, answer.headers["x-router-error-source"]) == (503, "router")
            assert int(answer.headers["retry-after"]) >= 1
            assert "a/m1: " in answer.heard.error["message"] and "b/m2: " in answer.heard.error["message"]
        quick = sorted(answer.seconds for answer in refused)
        assert quick[0] < AT_ONCE
        assert quick[-1] < BUSY
        assert (await on.metrics()).open == 0


async def test_a_total_outage_is_over_when_the_provider_is_back(tmp_path) -> None:
    """T15: one target, open for good reasons, mended: the next request is the trial and is served, without any waiting."""
    async with stage(tmp_path, ONE, more=DEFAULTS, a=Provider(CHAT, resets)) as on:
        await breaks(on, CHAT, 4)
        on.providers["a"].do = good
        answer = await on.ask(CHAT, stream=True)
        assert (answer.status, answer.heard.text, answer.heard.complete) == (200, TEXT, True)
        assert (await on.ask(CHAT, stream=False)).status == 200


async def test_a_trial_whose_client_leaves_lets_the_next_one_try(tmp_path) -> None:
    """T06, T15: the place of the trial is a lease too."""
    async with stage(tmp_path, ONE, more=DEFAULTS, a=Provider(CHAT, status(500))) as on:
        await breaks(on, CHAT, 3)
        on.providers["a"].do = after(5, good)
        for reset in (True, False, True):
            asked = on.asked["a"]
            async with on.abandons(CHAT, stream=True) as leaving:
                await until(lambda asked=asked: on.asked["a"] == asked + 1)
                leaving.leave(reset=reset)
            await until(lambda: not on.router.engine.open)
        on.providers["a"].do = good
        assert (await on.ask(CHAT, stream=True)).heard.complete


@for_each_pair
async def test_who_asks_for_time_gets_it(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T15: 429 with a Retry-After that is too long to wait for parks the target, and is kept to even when nothing else is left;
    the client hears when to come back. Another target answers meanwhile."""
    client, upstream = pair
    defaults = QUICK + "  retry_after_max: 100ms\n"
    models = "models: {fast: {targets: [a/m1]}, two: {targets: [a/m1, b/m2]}}\n"
    busy = status(429, kind="rate_limit_error", extra="retry-after: 1\r\n")
    async with stage(
        tmp_path, models, more=defaults, a=Provider(upstream, in_turn(busy, good)), b=Provider(upstream, good)
    ) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        answer = await on.ask(client, stream=False)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.heard.error is not None and "a/m1: parked" in answer.heard.error["message"]
        assert (await on.metrics()).value("router_breaker_state", target="a/m1") == 3
        answer = await on.ask(client, stream=True, model="two")
        assert answer.attempts == ["b/m2:200"]
        assert on.asked["a"] == 1
        await asyncio.sleep(1.05)
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.attempts) == (200, ["a/m1:200"])


async def test_a_broken_stream_counts_as_a_failure(tmp_path) -> None:
    """T01, T15: what a client saw break is a failure of the target, although its status was 200."""
    async with stage(tmp_path, TWO, more=DEFAULTS, a=Provider(CHAT, cut(5)), b=Provider(CHAT, good)) as on:
        for _ in range(3):
            assert (await on.ask(CHAT, stream=True)).heard.clean_error
        answer = await on.ask(CHAT, stream=True)
        assert answer.attempts == ["b/m2:200"]
        assert answer.heard.complete


async def test_what_was_learned_survives_a_reload(tmp_path) -> None:
    """T15: a reload of something else neither closes a breaker nor forgets who asked for time."""
    async with stage(tmp_path, TWO, more=DEFAULTS, a=Provider(CHAT, status(500)), b=Provider(CHAT, good)) as on:
        await breaks(on, CHAT, 3)
        path = on.router.path
        path.write_text(path.read_text().replace("models: {fast", "models: {new: {targets: [b/m9]}, fast"))
        async with on.router.session.post(f"{on.router.admin}/-/reload") as answer:
            assert (answer.status, (await answer.json())["changed"]) == (200, True)
        answer = await on.ask(CHAT, stream=True)
        assert (answer.headers["x-router-generation"], answer.attempts) == ("2", ["b/m2:200"])
