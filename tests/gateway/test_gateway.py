"""The library: the same answers in process and through a daemon."""

import sys
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
from running import SERVER, running, until

from router import Gateway, GatewayConfig, GatewayError, Usage
from router.config.diagnostics import ConfigError

YAML = SERVER + (
    "providers:\n"
    "  sandbox: {type: sandbox, first_token: 1ms, tokens_per_second: 5000}\n"
    "  broken: {type: sandbox, first_token: 1ms, faults: [{status: 503, share: 100%}]}\n"
    "  cut: {type: sandbox, first_token: 1ms, tokens_per_second: 5000, faults: [{stream: cut, after_tokens: 2, share: 100%}]}\n"
    "  slow: {type: sandbox, first_token: 30s}\n"
    "models:\n"
    "  fast:\n"
    "    targets: [broken/x, {target: sandbox/echo, price: {input: 1, output: 2, above: {200k: {input: 3}}}}]\n"
    "    retries: 0\n"
    "  half: {targets: [cut/x]}\n"
    "  slow: {targets: [slow/x]}\n"
    "  unpriced: {targets: [sandbox/unknown]}\n"
)
MODES = pytest.mark.parametrize("mode", ["embedded", "client"])


@asynccontextmanager
async def gateway(mode, tmp_path):
    async with running(tmp_path, YAML) as router:
        made = (
            Gateway.from_config(router.path, environ={}) if mode == "embedded" else Gateway(GatewayConfig(router.url, timeout=10))
        )
        async with made:
            yield made, router


@MODES
async def test_complete_falls_back_and_says_who_answered_and_what_it_cost(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, _):
        answer = await made.complete("fast", "Hello you", max_tokens=50)
        assert (answer.text, answer.target, answer.finish_reason, answer.asked) == ("Hello you", "sandbox/echo", "stop", "fast")
        assert answer.usage == Usage(input_uncached=3, output=3)
        assert answer.cost == Decimal("0.000009") == await made.calculate_cost(answer)
        assert answer.raw["object"] == "chat.completion"
        assert answer.request_id.startswith("req_")


@MODES
async def test_stream_gives_pieces_and_ends_with_usage_and_cost(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, _):
        chunks = [chunk async for chunk in made.stream("fast", [{"role": "user", "content": "Hello you"}])]
        assert "".join(chunk.text for chunk in chunks) == "Hello you"
        assert len(chunks) > 2
        last = chunks[-1]
        assert (last.usage, last.cost, last.target) == (Usage(input_uncached=3, output=3), Decimal("0.000009"), "sandbox/echo")
        assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]


@MODES
async def test_tool_calls_come_whole_and_in_pieces(tmp_path, mode):
    tool = {
        "type": "function",
        "function": {
            "name": "get",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    async with gateway(mode, tmp_path) as (made, _):
        answer = await made.complete("fast", "weather", tools=[tool], tool_choice="required")
        assert [call.name for call in answer.tool_calls] == ["get"]
        chunks = [chunk async for chunk in made.stream("fast", "weather", tools=[tool], tool_choice="required")]
        pieces = [call for chunk in chunks for call in chunk.tool_calls]
        assert "".join(call["function"].get("arguments", "") for call in pieces) == answer.tool_calls[0].arguments


@MODES
async def test_a_stream_that_breaks_raises_after_its_text(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, _):
        seen = []
        with pytest.raises(GatewayError) as raised:
            async for chunk in made.stream("half", "one two three four five"):
                seen += [chunk.text]
        assert "".join(seen) != ""
        assert raised.value.code == "upstream_unavailable"


@MODES
async def test_errors_carry_status_code_and_who_is_to_blame(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, _):
        with pytest.raises(GatewayError) as raised:
            await made.complete("fsat", "x")
        assert (raised.value.status, raised.value.code, raised.value.source) == (404, "model_not_found", "client")
        assert "did you mean 'fast'?" in raised.value.message
        with pytest.raises(GatewayError) as raised:
            async for _ in made.stream("fsat", "x"):
                raise AssertionError
        assert raised.value.status == 404
        with pytest.raises(GatewayError) as raised:
            await made.get_cost("fsat")
        assert raised.value.code == "model_not_found"


@MODES
async def test_models_and_prices(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, _):
        assert [model.name for model in await made.list_models()] == ["fast", "half", "slow", "unpriced"]
        broken, echo = await made.get_cost("fast")
        assert broken is None
        assert (echo.target, echo.input, echo.output, echo.request, echo.source) == ("sandbox/echo", 1, 2, 0, "file")
        assert await made.calculate_cost("unpriced", Usage(output=5)) is None


@MODES
async def test_whoever_stops_early_closes_the_upstream(tmp_path, mode):
    async with gateway(mode, tmp_path) as (made, router):
        async with aclosing(made.stream("fast", "one two three four five six seven")) as chunks:
            async for _ in chunks:
                break
        engine = router.engine if mode == "client" else made._way._engine
        await until(lambda: not engine.open, 2.0)


async def test_a_price_survives_the_way_through_the_daemon_exactly(tmp_path):
    async with (
        running(tmp_path, YAML) as router,
        Gateway(GatewayConfig(router.url + "/v1")) as client,
        Gateway.from_config(router.path, environ={}) as embedded,
    ):
        big = Usage(input_uncached=300_000, output=7)
        for each in (client, embedded):
            assert await each.calculate_cost(await each.complete("fast", "x"), big) == Decimal("0.900014")


async def test_a_daemon_that_is_not_there_is_a_gateway_error():
    async with Gateway(GatewayConfig("http://127.0.0.1:9", timeout=2)) as made:
        with pytest.raises(GatewayError) as raised:
            await made.complete("fast", "x")
        assert (raised.value.status, raised.value.code) == (503, "router_unreachable")


async def test_a_timeout_bounds_the_wait(tmp_path):
    async with running(tmp_path, YAML) as router, Gateway(GatewayConfig(router.url, timeout=0.2)) as made:
        with pytest.raises(GatewayError, match="did not answer in time"):
            await made.complete("slow", "x")


def test_a_bad_file_raises_every_finding(tmp_path):
    (tmp_path / "router.yaml").write_text("version: 1\nprovidrs: {}\n")
    with pytest.raises(ConfigError) as raised:
        Gateway.from_config(tmp_path / "router.yaml", environ={})
    assert "RC101" in str(raised.value)


def test_a_config_never_shows_its_key():
    assert "sk-canary" not in repr(GatewayConfig(api_key="sk-canary"))
