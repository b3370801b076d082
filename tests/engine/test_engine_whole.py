"""Plain answers: who is asked, how often, how long, and what the client is told."""

import asyncio
import json

import pytest
from scripted import Remembering, Script, answer, ask, bench, error, run

from router.errors import UpstreamTimeout, UpstreamUnavailable

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 2}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none}
  c: {type: anthropic_compatible, base_url: "http://c", api_key: none}
"""
TWO = PROVIDERS + "models: {fast: {targets: [a/m, b/m]}}"


def test_the_first_target_answers_and_the_client_gets_its_bytes():
    async def main():
        made = bench(TWO, a=[Script(pieces=[answer("Hello")])], b=[])
        client, x = await made.ask(ask())
        assert client.status == 200
        assert client.body == answer("Hello")
        assert client.headers == {
            "x-request-id": "req_0123456789abcdef01234567",
            "x-router-generation": "7",
            "x-router-served": "a/m",
            "x-router-attempts": "a/m:200",
            "x-router-cost-usd": "0.00002",
        }
        assert json.loads(made.transport.requests[0].body)["model"] == "m"
        assert (x.outcome, x.model, x.asked, x.reported_model, x.cost) == ("ok", "fast", "fast", "m-1", 20_000)
        assert made.settled == [x]
        assert made.engine.open == set()
        assert made.transport.replies[0].closed

    run(main())


def test_a_failing_target_is_tried_again_after_the_backoff_and_then_left():
    async def main():
        down = UpstreamUnavailable("refused", kind="connect")
        made = bench(TWO, a=[Script(refuse=down), Script(503, [error()])], b=[Script(pieces=[answer()])])
        client, x = await made.ask(ask())
        assert client.status == 200
        assert made.transport.sent == [("a", 0.0), ("a", 0.25), ("b", 0.25)]
        assert client.headers["x-router-attempts"] == "a/m:connect,a/m:503,b/m:200"
        assert [attempt.outcome for attempt in x.attempts] == ["connect", "server", "ok"]
        assert all(reply.closed for reply in made.transport.replies)

    run(main())


def test_a_retry_never_takes_the_attempt_an_untried_target_needs():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], max_attempts: 2, retries: 5}}"
        made = bench(yaml, a=[Script(500, [error()])], b=[Script(500, [error()])])
        client, _ = await made.ask(ask())
        assert [host for host, _ in made.transport.sent] == ["a", "b"]
        assert client.status == 500

    run(main())


def test_max_attempts_is_raised_to_the_number_of_targets_and_bounds_the_rest():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], max_attempts: 3, retries: 9}}"
        made = bench(yaml, a=[Script(500, [error()])] * 9, b=[Script(500, [error()])] * 9)
        await made.ask(ask())
        assert len(made.transport.sent) == 3

    run(main())


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        ("2", [("a", 0.0), ("a", 2.0)]),  # Short: waited for.
        ("9", [("a", 0.0), ("b", 0.0)]),  # Long: moves on.
        ("Tue, 14 Nov 2023 22:13:22 GMT", [("a", 0.0), ("a", 2.0)]),  # A date two seconds after the request's.
        ("nonsense", [("a", 0.0), ("a", 0.25)]),
    ],
)
def test_a_short_retry_after_is_waited_for_and_a_long_one_moves_on(retry_after, expected):
    async def main():
        limited = Script(429, [error(kind="rate_limit_error")], {"retry-after": retry_after})
        made = bench(TWO, a=[limited, Script(pieces=[answer()])], b=[Script(pieces=[answer()])])
        client, _ = await made.ask(ask())
        assert client.status == 200
        assert made.transport.sent == expected

    run(main())


def test_a_request_that_the_upstream_refuses_is_tried_once_per_provider_and_the_first_error_goes_back():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, a/n, b/m]}}"
        first = json.dumps(
            {"error": {"message": "bad top_p", "type": "invalid_request_error", "code": "x", "param": "top_p"}}
        ).encode()
        made = bench(yaml, a=[Script(400, [first])], b=[Script(422, [error("other")])])
        client, x = await made.ask(ask())
        assert [host for host, _ in made.transport.sent] == ["a", "b"]
        assert client.status == 400
        told = json.loads(client.body)["error"]
        assert (told["message"], told["type"], told["code"]) == ("bad top_p", "invalid_request_error", "x")
        assert client.headers["x-router-error-source"] == "upstream"
        assert x.outcome == "client_error"

    run(main())


def test_the_upstreams_trouble_with_our_key_is_never_the_clients_401():
    async def main():
        made = bench(TWO, a=[Script(401, [error("Incorrect API key provided")])], b=[Script(403, [error("no")])])
        client, _ = await made.ask(ask())
        assert client.status == 502
        assert json.loads(client.body)["error"]["code"] == "upstream_credentials"

    run(main())


def test_content_policy_is_the_clients_to_know_and_nobody_else_is_asked():
    async def main():
        made = bench(TWO, a=[Script(400, [error("flagged", "content_policy_violation")])], b=[])
        client, _ = await made.ask(ask())
        assert client.status == 400
        assert json.loads(client.body)["error"]["code"] == "content_policy_violation"

    run(main())


def test_an_error_in_a_200_body_is_an_error():
    async def main():
        inside = json.dumps({"error": {"message": "overloaded", "code": 529}}).encode()
        made = bench(TWO, a=[Script(pieces=[inside]), Script(pieces=[inside])], b=[Script(pieces=[answer("fine")])])
        client, x = await made.ask(ask())
        assert client.body == answer("fine")
        assert x.target == "b/m"

    run(main())


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"choices": "none"}', answer("")[:40]])
def test_an_unreadable_answer_moves_on(body):
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], retries: 0}}"
        made = bench(yaml, a=[Script(pieces=[body] if body else [])], b=[Script(pieces=[answer("fine")])])
        client, _ = await made.ask(ask())
        assert client.body == answer("fine")

    run(main())


def test_an_empty_answer_moves_on_without_a_retry():
    async def main():
        made = bench(TWO, a=[Script(pieces=[answer("", completion_tokens=0)])], b=[Script(pieces=[answer("fine")])])
        client, x = await made.ask(ask())
        assert client.body == answer("fine")
        assert [attempt.outcome for attempt in x.attempts] == ["empty", "ok"]

    run(main())


def test_each_clock_ends_its_wait_and_a_timeout_is_not_repeated_at_the_same_target():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], timeouts: {answer: 3s, total: 20s}}}"
        made = bench(yaml, a=[Script(late=1000)], b=[Script(pieces=[1000.0])])
        client, x = await made.ask(ask())
        assert made.transport.sent == [("a", 0.0), ("b", 3.0)]
        assert asyncio.get_running_loop().time() == 23.0
        assert client.status == 504
        assert json.loads(client.body)["error"]["code"] == "upstream_timeout"
        assert x.outcome == "timeout"
        assert client.headers["x-router-attempts"] == "a/m:timeout,b/m:timeout"

    run(main())


def test_the_deadline_bounds_the_chain_backoff_included():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], deadline: 5s, retries: 3, backoff: {base: 2s, max: 2s}}}"
        made = bench(yaml, a=[Script(500, [error()])] * 9, b=[Script(500, [error()])] * 9)
        await made.ask(ask())
        assert asyncio.get_running_loop().time() <= 5.0
        silent = bench(yaml, a=[Script(late=1000)], b=[Script(late=1000)])
        began = asyncio.get_running_loop().time()
        client, _ = await silent.ask(ask())
        assert asyncio.get_running_loop().time() - began == 5.0
        assert client.status == 504

    run(main())


def test_an_idle_connection_that_broke_is_tried_again_for_free():
    async def main():
        broken = UpstreamUnavailable("closed", kind="connect", reused=True)
        made = bench(TWO, a=[Script(refuse=broken), Script(pieces=[answer()])], b=[])
        client, _ = await made.ask(ask())
        assert client.headers["x-router-attempts"] == "a/m:200"
        assert made.transport.sent == [("a", 0.0), ("a", 0.0)]

    run(main())


def test_a_connect_timeout_moves_on():
    async def main():
        slow = UpstreamTimeout("no connection", clock="connect")
        made = bench(TWO, a=[Script(refuse=slow)], b=[Script(pieces=[answer()])])
        client, _ = await made.ask(ask())
        assert client.headers["x-router-attempts"] == "a/m:timeout,b/m:200"

    run(main())


def test_fallback_models_follow_the_tiers_and_their_own_fallbacks_are_not_followed():
    async def main():
        yaml = PROVIDERS + (
            "models:\n"
            "  fast: {targets: [{target: b/m, tier: 2}, a/m], fallback: [smart]}\n"
            "  smart: {targets: [a/big, a/m], fallback: [fast, other]}\n"
            "  other: {targets: [c/x]}\n"
        )
        down = [Script(503, [error()])] * 9
        made = bench(yaml, a=list(down), b=list(down), c=list(down))
        _, x = await made.ask(ask(), api="openai_chat")
        assert list(dict.fromkeys(attempt.target for attempt in x.attempts)) == ["a/m", "b/m", "a/big"]

    run(main())


def test_another_format_behind_the_model_is_translated_both_ways():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [c/claude]}}"
        said = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "Bonjour"}], "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }  # fmt: skip
        made = bench(yaml, c=[Script(pieces=[json.dumps(said).encode()])])
        client, x = await made.ask(ask())
        told = json.loads(client.body)
        assert told["choices"][0]["message"]["content"] == "Bonjour"
        assert told["id"].startswith("chatcmpl-")
        assert client.headers["x-router-defaulted"] == "max_tokens=4096"
        assert x.usage.output == 2

    run(main())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b'{"messages": []}', 400, "invalid_request"),
        ({"model": "fst", "messages": []}, 404, "model_not_found"),
    ],
)
def test_bad_input_is_refused_before_anybody_is_asked(body, status, code):
    async def main():
        made = bench(TWO, a=[], b=[])
        client, x = await made.ask(body)
        assert client.status == status
        assert json.loads(client.body)["error"]["code"] == code
        assert made.transport.sent == []
        assert x.outcome == "client_error"
        assert made.settled == [x]

    run(main())


def test_an_unknown_model_is_answered_with_the_nearest_name():
    async def main():
        made = bench(TWO, a=[], b=[])
        client, _ = await made.ask(ask() | {"model": "fasst"})
        assert json.loads(client.body)["error"]["message"] == "no model is named 'fasst'; did you mean 'fast'?"

    run(main())


def test_a_client_that_leaves_closes_the_upstream_and_is_settled_once():
    async def main():
        made = bench(TWO, a=[Script(pieces=[1000.0])], b=[])

        x = made.exchange(ask())
        task = asyncio.ensure_future(made.engine.handle(x, Remembering()))
        await asyncio.sleep(1)
        assert made.engine.open == {x}
        assert x.trying == "a/m"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert made.transport.replies[0].closed
        assert (x.outcome, x.status) == ("client_gone", 499)
        assert made.settled == [x]
        assert made.engine.open == set()
        assert [str(attempt) for attempt in x.attempts] == ["a/m:client_gone"]

    run(main())


def test_a_bug_is_an_internal_error_and_is_settled(caplog):
    async def main():
        made = bench(TWO, a=[], b=[])  # No script left: the transport raises IndexError.
        client, x = await made.ask(ask())
        assert client.status == 500
        assert json.loads(client.body)["error"]["code"] == "internal_error"
        assert x.outcome == "router_error"

    run(main())
    assert "request_failed" in caplog.text


def test_a_secret_that_an_upstream_quotes_is_cleaned_out():
    async def main():
        yaml = TWO.replace('"http://a/v1", api_key: none', '"http://a/v1", api_key: "${env:KEY}"')
        from scripted import Bench, ScriptedTransport, compiled

        snapshot = compiled(yaml, {"KEY": "sk-canary-0123456789"})
        quoted = error("bad value; you sent sk-canary-0123456789", kind="invalid_request_error")
        made = Bench(snapshot, ScriptedTransport({"a": [Script(400, [quoted])], "b": [Script(400, [quoted])]}))
        client, _ = await made.ask(ask())
        assert b"canary" not in client.body
        assert "canary" not in str(client.headers)

    run(main())


def test_allowed_headers_reach_a_target_of_the_same_format_only():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [c/claude, a/m], retries: 0}}"
        down = UpstreamUnavailable("down", kind="connect")
        made = bench(yaml, c=[Script(refuse=down)], a=[Script(pieces=[answer()])])
        body = ask(max_tokens=5)
        await made.ask(body, api="anthropic_messages", passed=(("anthropic-beta", "x-1"), ("anthropic-version", "2026-10-21")))
        sent = [dict(request.headers) for request in made.transport.requests]
        assert sent == [{"anthropic-beta": "x-1", "anthropic-version": "2026-10-21"}, {}]

    run(main())


def test_pacing_spreads_the_calls_to_a_provider():
    async def main():
        yaml = TWO.replace("price: {input: 1, output: 2}", "pacing: {rate: 1/1s, burst: 2}")
        made = bench(yaml, a=[Script(pieces=[answer()]) for _ in range(4)], b=[])
        await asyncio.gather(*(made.ask(ask()) for _ in range(4)))
        assert [round(at) for _, at in made.transport.sent] == [0, 0, 1, 2]

    run(main())


@pytest.mark.parametrize(
    ("deadline", "silence", "expected"), [(2.0, None, 2.0), (None, 3.0, 3.0), (9.0, 4.0, 4.0), (900.0, 900.0, 30.0)]
)
def test_a_client_can_only_shorten_the_wait(deadline, silence, expected):
    async def main():
        made = bench(PROVIDERS + "models: {fast: {targets: [a/m], deadline: 30s}}", a=[Script(late=1000)])
        x = made.exchange(ask())
        x.deadline, x.silence = deadline, silence
        client = Remembering()
        await made.engine.handle(x, client)
        assert asyncio.get_running_loop().time() == expected
        assert client.status == 504

    run(main())
