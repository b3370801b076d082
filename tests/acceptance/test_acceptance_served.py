"""T24: who answered is said alike wherever it is said."""

from __future__ import annotations

import json

import pytest

from router.observe.lines import request_fields
from tests.acceptance.dialects import TEXT, Dialect
from tests.acceptance.stage import QUICK, for_each_pair, stage
from tests.acceptance.upstreams import Provider, good, in_turn, silent, stalls, status

MODELS = "models: {fast: {targets: [a/first, b/second], backoff: {base: 1ms, max: 1ms}}}\n"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@for_each_pair
async def test_after_a_fallback_everything_names_the_same_target(tmp_path, pair: tuple[Dialect, Dialect], stream: bool) -> None:
    """T24: the answer's model, the headers, the log line and the metrics agree, attempt by attempt."""
    client, upstream = pair
    failing = in_turn(status(500), status(503))
    async with stage(tmp_path, MODELS, a=Provider(upstream, failing), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=stream)
        assert (answer.heard.text, answer.heard.complete, answer.heard.model) == (TEXT, True, "second")
        assert answer.headers["x-router-served"] == "b/second"
        assert answer.attempts == ["a/first:500", "a/first:503", "b/second:200"]
        (x,) = on.router.settled
        line = request_fields(x, "now")
        assert (line["model"], line["target"], line["reported_model"]) == ("fast", "b/second", "second")
        assert (line["outcome"], line["status"], line["stream"]) == ("ok", 200, stream)
        tried = [(at["target"], at["outcome"], at["status"]) for at in line["attempts"]]
        assert tried == [("a/first", "server", 500), ("a/first", "server", 503), ("b/second", "ok", 200)]
        metrics = await on.metrics()
        assert metrics.value("router_attempts_total", target="a/first", outcome="server") == 2
        assert metrics.value("router_attempts_total", target="b/second", outcome="ok") == 1
        assert metrics.value("router_attempts_total") == 3
        assert metrics.value("router_requests_total", model="fast", outcome="ok") == 1
        assert metrics.value("router_tokens_total", target="b/second", kind="output") == 60
        assert metrics.value("router_tokens_total", target="a/first") == 0
        assert metrics.value("router_cost_usd_total", target="b/second") == pytest.approx(130e-6)
        assert line["input_tokens"] + line["output_tokens"] == 70
        cost = answer.headers.get("x-router-cost-usd") or _said(answer.body, "x-router-cost-usd")
        assert cost == "0.00013"


@for_each_pair
async def test_what_the_headers_were_too_early_for_is_said_at_the_end(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T24 in a stream whose headers left before anybody answered: the last comment says what they would have."""
    client, upstream = pair
    more = QUICK + "  stream: {hold_headers: 100ms, ping: 1s}\n"
    async with stage(tmp_path, MODELS, more=more, a=Provider(upstream, silent), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.heard.complete
        assert answer.heard.model == "second"
        assert _said(answer.body, "x-router-served") == "b/second"
        assert _said(answer.body, "x-router-attempts") == "a/first:timeout,b/second:200"
        assert _said(answer.body, "x-router-cost-usd") == "0.00013"
        assert answer.body.rstrip().endswith(client.terminal.rstrip())


@for_each_pair
async def test_a_broken_stream_names_who_broke_it(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T24 where there was no good end: the headers have named the target, log and metrics count one broken attempt of it."""
    client, upstream = pair
    async with stage(tmp_path, MODELS, a=Provider(upstream, status(500)), b=Provider(upstream, stalls())) as on:
        answer = await on.ask(client, stream=True)
        assert answer.heard.clean_error
        assert answer.headers["x-router-served"] == "b/second"
        (x,) = on.router.settled
        line = json.loads(json.dumps(request_fields(x, "now"), default=str))
        assert (line["target"], line["outcome"], line["partial"], line["error_source"]) == (
            "b/second", "stream_error", True, "upstream",
        )  # fmt: skip
        assert [at["outcome"] for at in line["attempts"]] == ["server", "server", "timeout"]
        metrics = await on.metrics()
        assert metrics.value("router_attempts_total", target="b/second", outcome="timeout") == 1
        assert metrics.value("router_attempts_total", outcome="ok") == 0


def _said(body: bytes, name: str) -> str:
    """What the stream's last comment says under `name`."""
    comment = next(line for line in reversed(body.decode().splitlines()) if line.startswith(": ") and name in line)
    return dict(part.split(": ", 1) for part in comment[2:].split("; "))[name]
