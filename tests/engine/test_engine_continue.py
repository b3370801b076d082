"""A stream that broke in plain text goes on at a target that can continue it; when none can, the client is told."""

import json

from scripted import DONE, FINISH, ROLE, USAGE, Script, ask, bench, error, event, run, text, words

from router.errors import UpstreamUnavailable

YAML = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 1}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none, price: {input: 1, output: 1}}
  c: {type: openai_compatible, base_url: "http://c/v1", api_key: none, price: {input: 1, output: 1}}
models:
  fast: {targets: [a/m, b/plain, {target: b/m, prefill: true}, {target: c/m, prefill: true}], retries: 0}
"""
RESET = UpstreamUnavailable("reset")
BROKEN = [ROLE, text("Hello "), text("dear"), RESET]


def asked(made, number):
    return json.loads(made.transport.requests[number].body)


def test_the_rest_comes_from_the_next_target_that_can_continue():
    async def main():
        made = bench(
            YAML, a=[Script(pieces=list(BROKEN))], b=[Script(pieces=[ROLE, text(" wor"), text("ld"), FINISH, USAGE, DONE])]
        )
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello dear world"
        assert client.body.endswith(DONE)
        assert client.body.count(b'"finish_reason": "stop"') + client.body.count(b'"finish_reason":"stop"') == 1
        assert len({json.loads(line[6:])["id"] for line in client.body.split(b"\n") if line.startswith(b"data: {")}) == 1
        assert asked(made, 1)["messages"][-1] == {"role": "assistant", "content": "Hello dear"}
        assert (x.outcome, x.target, client.closed) == ("ok", "b/m", False)
        assert [str(attempt) for attempt in x.attempts] == ["a/m:broken_stream", "b/m:200"]

    run(main())


def test_a_second_break_is_continued_too_and_a_third_is_told():
    async def main():
        made = bench(
            YAML,
            a=[Script(pieces=list(BROKEN))],
            b=[Script(pieces=[ROLE, text(" wor"), RESET])],
            c=[Script(pieces=[ROLE, text("ld"), RESET])],
        )
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello dear world"
        assert b"[DONE]" not in client.body
        assert client.body.count(b'"error"') == 1
        assert client.closed
        assert (x.outcome, x.partial, len(x.attempts)) == ("stream_error", True, 3)

    run(main())


def test_who_refuses_to_continue_is_passed_over_and_the_first_error_is_told_when_nobody_is_left():
    async def main():
        made = bench(YAML, a=[Script(pieces=list(BROKEN))], b=[Script(400, [error("no prefill")])], c=[Script(503, [error()])])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello dear"
        assert b"reset" in client.body
        assert client.closed
        assert [attempt.outcome for attempt in x.attempts] == ["broken_stream", "client", "server"]

    run(main())


def test_a_tool_call_is_never_continued():
    async def main():
        call = event({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}]})
        made = bench(YAML, a=[Script(pieces=[ROLE, call, RESET])], b=[], c=[])
        client, x = await made.ask(ask(stream=True))
        assert client.body.count(b'"error"') == 1
        assert (x.outcome, len(x.attempts)) == ("stream_error", 1)

    run(main())


def test_a_server_that_must_be_told_to_continue_is_told():
    async def main():
        yaml = YAML.replace(
            'b: {type: openai_compatible, base_url: "http://b/v1", api_key: none', 'b: {type: vllm, base_url: "http://b/v1"'
        ).replace(
            'c: {type: openai_compatible, base_url: "http://c/v1", api_key: none',
            'c: {type: mistral, base_url: "http://c/v1", api_key: none',
        )
        made = bench(
            yaml,
            a=[Script(pieces=list(BROKEN))],
            b=[Script(503, [error()])],
            c=[Script(pieces=[ROLE, text(" wor"), text("ld"), FINISH, DONE])],
        )
        client, _ = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello dear world"
        assert (asked(made, 1)["continue_final_message"], asked(made, 1)["add_generation_prompt"]) == (True, False)
        assert asked(made, 2)["messages"][-1] == {"role": "assistant", "content": "Hello dear", "prefix": True}

    run(main())
