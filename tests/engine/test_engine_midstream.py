"""`midstream: continue`: a stream that broke in plain text goes on at another target, and the client sees one answer."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import DONE, FINISH, ROLE, USAGE, Remembering, Script, ask, bench, error, event, run, text, words

from router.errors import UpstreamUnavailable

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 2}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none, price: {input: 10, output: 20}}
  c: {type: anthropic_compatible, base_url: "http://c/v1", api_key: none, price: {input: 100, output: 200}}
"""
RESET = UpstreamUnavailable("reset")
REST = [ROLE, text("lo"), text(" you"), FINISH, USAGE, DONE]


def models(targets="a/m, {target: b/m, prefill: true}", more=""):
    return PROVIDERS + f"models: {{fast: {{targets: [{targets}], retries: 0{more}}}}}"


def sse(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = sse("message_start", message={"id": "msg_1", "model": "c-1", "usage": {"input_tokens": 7, "output_tokens": 1}})
BLOCK = sse("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = sse("content_block_stop", index=0)
MESSAGE_END = [
    STOP,
    sse("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}),
    sse("message_stop"),
]


def said(word):
    return sse("content_block_delta", index=0, delta={"type": "text_delta", "text": word})


MESSAGE_REST = [START, BLOCK, said("lo"), said(" you"), *MESSAGE_END]


def chunks(body):
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]


def comment_of(body):
    lines = [line for line in body.decode().split("\n") if line.startswith(": x-router")]
    assert len(lines) == 1
    return dict(pair.split(": ") for pair in lines[0][2:].split("; "))


def message_of(body):
    """What Anthropic's SDK makes of a stream; refuses what it refuses."""
    text_, open_, index, stopped, started = "", None, -1, None, 0
    for each in chunks(body):
        match each["type"]:
            case "message_start":
                started += 1
            case "content_block_start":
                assert open_ is None
                assert each["index"] == index + 1
                open_ = index = each["index"]
            case "content_block_delta":
                assert each["index"] == open_
                text_ += each["delta"]["text"]
            case "content_block_stop":
                assert each["index"] == open_
                open_ = None
            case "message_delta":
                assert stopped is None
                assert open_ is None
                stopped = each["delta"]["stop_reason"], each["usage"]["input_tokens"], each["usage"]["output_tokens"]
    assert started == 1
    return text_, index, stopped


def test_a_chat_stream_goes_on_as_one_answer_with_everything_added_up():
    async def main():
        made = bench(models(), a=[Script(pieces=[ROLE, text("Hel"), USAGE, RESET])], b=[Script(pieces=list(REST))])
        client, x = await made.ask(ask(stream=True, max_tokens=50, stream_options={"include_usage": True}))
        seen = chunks(client.body)
        assert words(client.body) == "Hello you"
        assert {each["id"] for each in seen} == {"chatcmpl-1"}
        finishes = [c["finish_reason"] for each in seen for c in each["choices"] if c.get("finish_reason")]
        assert finishes == ["stop"]
        assert [c["delta"]["role"] for each in seen for c in each["choices"] if "role" in c["delta"]] == ["assistant"]
        assert client.body.endswith(DONE)
        assert client.body.count(b"[DONE]") == 1
        sent = json.loads(made.transport.requests[1].body)
        assert sent["messages"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hel"}]
        assert sent["max_tokens"] == 45
        assert (seen[-1]["usage"]["prompt_tokens"], seen[-1]["usage"]["completion_tokens"]) == (20, 10)
        assert (x.usage.input, x.usage.output) == (20, 10)
        assert x.cost == 20_000 + 200_000
        assert comment_of(client.body) == {
            "x-router-served": "b/m",
            "x-router-attempts": "a/m:broken_stream,b/m:200",
            "x-router-cost-usd": "0.00022",
            "x-router-generation": "7",
        }
        assert client.headers["x-router-served"] == "a/m"
        assert (x.outcome, x.partial, x.target, x.error_code) == ("ok", False, "b/m", None)
        assert [reply.closed for reply in made.transport.replies] == [True, True]
        assert [reply.linger for reply in made.transport.replies] == [False, True]
        assert (client.ended, client.closed) == (1, False)

    run(main())


@pytest.mark.parametrize(
    "broken",
    [
        [RESET],
        [],
        [b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'],
        [b"data: x\n\ndata: y\n\ndata: z\n\n"],
        [1000.0],
    ],
)
def test_however_it_broke_another_goes_on(broken):
    async def main():
        made = bench(models(), a=[Script(pieces=[ROLE, text("Hel"), *broken])], b=[Script(pieces=list(REST))])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello you"
        assert client.body.endswith(DONE)
        assert x.outcome == "ok"

    run(main())


def test_what_came_with_the_error_is_not_lost_and_not_asked_for_again():
    async def main():
        last = text("lo") + text(",") + b'data: {"error": {"message": "gone"}}\n\n'
        made = bench(models(), a=[Script(pieces=[ROLE, text("Hel"), last])], b=[Script(pieces=[text(" you"), FINISH, DONE])])
        client, _ = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello, you"
        assert json.loads(made.transport.requests[1].body)["messages"][-1]["content"] == "Hello,"

    run(main())


@pytest.mark.parametrize("first", ["a/m", "c/m"])
@pytest.mark.parametrize("second", ["b/m", "c/n"])
def test_a_messages_client_sees_one_message_whoever_speaks_what(first, second):
    async def main():
        begun = {"a/m": [ROLE, text("Hel"), RESET], "c/m": [START, BLOCK, said("Hel"), RESET]}
        rest = {"b/m": REST, "c/n": MESSAGE_REST}
        scripts = {name: [] for name in "abc"}
        scripts[first[0]].append(Script(pieces=begun[first]))
        scripts[second[0]].append(Script(pieces=list(rest[second])))
        made = bench(models(f"{first}, {{target: {second}, prefill: true}}"), **scripts)
        client, x = await made.ask(ask(stream=True, max_tokens=50), api="anthropic_messages")
        usage = {"b/m": (10, 5), "c/n": (7, 3)}[second]
        before = (7, 1) if first == "c/m" else (0, 0)
        total = (usage[0] + before[0], usage[1] + before[1])
        assert message_of(client.body) == ("Hello you", 0, ("end_turn", *total))
        assert client.body.endswith(b'data: {"type":"message_stop"}\n\n')
        assert (x.outcome, x.target, x.usage.input, x.usage.output) == ("ok", second, *total)
        assert json.loads(made.transport.requests[1].body)["messages"][-1] == {"role": "assistant", "content": "Hel"}

    run(main())


@pytest.mark.parametrize("second", ["b/m", "c/n"])
def test_a_chat_client_whose_first_server_spoke_another_format(second):
    async def main():
        rest = {"b/m": REST, "c/n": MESSAGE_REST}
        scripts = {"a": [], "b": [], "c": [Script(pieces=[START, BLOCK, said("Hel"), RESET])]}
        scripts[second[0]].append(Script(pieces=list(rest[second])))
        made = bench(models(f"c/m, {{target: {second}, prefill: true}}"), **scripts)
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello you"
        assert {each["id"] for each in chunks(client.body)} == {"chatcmpl-0123456789abcdef01234567"}
        assert {each["model"] for each in chunks(client.body)} == {"c-1"}
        assert client.body.count(b'"role"') == 1
        assert x.outcome == "ok"

    run(main())


@pytest.mark.parametrize("again", [text("Hello there, dear") + text(" you"), text("Hello there, dear you"), text(" you")])
def test_a_server_that_repeats_the_text_does_not_double_it(again):
    async def main():
        begun = [ROLE, text("Hello there,"), text(" dear"), RESET]
        made = bench(models(), a=[Script(pieces=begun)], b=[Script(pieces=[ROLE, again, FINISH, DONE])])
        client, _ = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello there, dear you"

    run(main())


TOOL = event({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]})
SECOND = event({"content": "x"}).replace(b'"index": 0', b'"index": 1')


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        ([TOOL], {}),
        ([text("Hel"), TOOL], {}),
        ([event({"reasoning_content": "Hm"})], {}),
        ([text("Hel"), SECOND], {}),
        ([text("{")], {"response_format": {"type": "json_object"}}),
        ([text("Hel")], {"n": 2}),
        ([text(" ")], {}),
        ([text("Hel"), USAGE], {"max_tokens": 5}),
    ],
)
def test_what_is_not_plain_text_ends_with_the_error(begun, more):
    async def main():
        made = bench(models(), a=[Script(pieces=[ROLE, *begun, RESET])], b=[])
        client, x = await made.ask(ask(stream=True, **more))
        assert len(made.transport.sent) == 1
        assert client.body.count(b'"error"') == 1
        assert b"[DONE]" not in client.body
        assert client.closed
        assert (x.outcome, x.partial, x.target, x.error_code) == ("stream_error", True, "a/m", "upstream_unavailable")
        assert [str(attempt) for attempt in x.attempts] == ["a/m:broken_stream"]

    run(main())


def test_text_after_reasoning_goes_on():
    async def main():
        begun = [ROLE, event({"reasoning_content": "Hm"}), text("Hel"), RESET]
        made = bench(models(), a=[Script(pieces=begun)], b=[Script(pieces=list(REST))])
        client, _ = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello you"

    run(main())


@pytest.mark.parametrize("midstream", ["error", "continue"])
@pytest.mark.parametrize("targets", ["a/m", "a/m, b/m", "{target: a/m, prefill: true}, b/m"])
def test_nobody_goes_on_who_was_not_said_to_be_able(midstream, targets):
    async def main():
        made = bench(models(targets, f", midstream: {midstream}"), a=[Script(pieces=[ROLE, text("Hel"), RESET])], b=[])
        client, x = await made.ask(ask(stream=True))
        assert len(made.transport.sent) == 1
        assert words(client.body) == "Hel"
        assert client.body.count(b'"error"') == 1
        assert x.outcome == "stream_error"

    run(main())


def test_error_is_error_even_beside_one_who_could():
    async def main():
        made = bench(models(more=", midstream: error"), a=[Script(pieces=[ROLE, text("Hel"), RESET])], b=[])
        client, _ = await made.ask(ask(stream=True))
        assert len(made.transport.sent) == 1
        assert client.body.count(b'"error"') == 1

    run(main())


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Script(400, [error("prefill is not supported", kind="invalid_request_error")]), "client"),
        (Script(529, [error("overloaded")]), "server"),
        (Script(refuse=RESET), "server"),
        (Script(late=1000.0), "timeout"),
        (Script(pieces=[ROLE, FINISH, DONE]), "empty"),
        (Script(pieces=[ROLE, event({"reasoning_content": "Hm"}), text("lo"), FINISH, DONE]), "server"),
        (Script(pieces=[ROLE]), "server"),
    ],
)
def test_a_continuation_that_is_refused_leaves_the_first_error(script, outcome):
    async def main():
        broken = b'data: {"error": {"message": "the first one"}}\n\n'
        made = bench(models(), a=[Script(pieces=[ROLE, text("Hel"), broken])], b=[script])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hel"
        assert client.body.count(b'"error"') == 1
        assert b"the first one" in client.body
        assert b"[DONE]" not in client.body
        assert b'"finish_reason": "stop"' not in client.body
        assert (client.ended, client.closed) == (1, True)
        assert (x.outcome, x.partial, x.target) == ("stream_error", True, "a/m")
        assert [attempt.outcome for attempt in x.attempts] == ["broken_stream", outcome]
        assert all(reply.closed for reply in made.transport.replies)

    run(main())


def test_the_next_one_that_can_is_asked_when_one_refuses_and_a_second_break_goes_on_too():
    async def main():
        able = "a/m, {target: b/m, prefill: true}, {target: a/n, prefill: true}, {target: b/n, prefill: true}"
        made = bench(
            models(able),
            a=[Script(pieces=[ROLE, text("On"), RESET]), Script(pieces=[ROLE, text("ce "), USAGE, RESET])],
            b=[Script(500, [error()]), Script(pieces=[text("upon"), FINISH, USAGE, DONE])],
        )
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Once upon"
        asked = [json.loads(request.body)["messages"][-1]["content"] for request in made.transport.requests]
        assert asked == ["Hi", "On", "On", "Once"]
        assert [str(each) for each in x.attempts] == ["a/m:broken_stream", "b/m:500", "a/n:broken_stream", "b/n:200"]
        assert (x.outcome, x.usage.output, x.cost) == ("ok", 10, 20_000 + 200_000)

    run(main())


def test_pings_go_out_while_another_is_asked_and_the_client_may_leave_meanwhile():
    async def main():
        yaml = models(more=", stream: {hold_headers: 8s, ping: 5s}, timeouts: {last_first_token: 60s}")
        script = Script(late=12.0, pieces=list(REST))
        made = bench(yaml, a=[Script(pieces=[ROLE, text("Hel"), RESET])], b=[script])
        client, x = await made.ask(ask(stream=True))
        assert [at for at, data in client.times if data == b": ping\n\n"] == [8.0]
        assert words(client.body) == "Hello you"

        made = bench(yaml, a=[Script(pieces=[ROLE, text("Hel"), USAGE, RESET])], b=[Script(late=12.0)])
        client, x = Remembering(), made.exchange(ask(stream=True))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(3.0)
        task.cancel()
        await asyncio.wait([task])
        assert made.settled == [x]
        assert (x.outcome, x.cost, x.usage.output) == ("client_gone", 20_000, 5)
        assert [attempt.outcome for attempt in x.attempts] == ["broken_stream", "client_gone"]

    run(main())


def test_beyond_the_deadline_nobody_is_asked():
    async def main():
        made = bench(models(more=", deadline: 20s"), a=[Script(pieces=[ROLE, *[text("x"), 1.0] * 30])], b=[])
        client, x = await made.ask(ask(stream=True))
        assert client.body.count(b'"error"') == 1
        assert x.duration == 20.0
        assert len(made.transport.sent) == 1

    run(main())


def test_a_stream_too_long_to_be_read_again_ends_with_the_error(monkeypatch):
    monkeypatch.setattr("router.engine.midstream.MAX_SENT", 1000)

    async def main():
        made = bench(models(), a=[Script(pieces=[ROLE, *[text("word")] * 20, RESET])], b=[])
        client, _ = await made.ask(ask(stream=True))
        assert client.body.count(b'"error"') == 1
        assert len(made.transport.sent) == 1

    run(main())


@pytest.mark.parametrize("behind", [RESET, 1000.0, None])
def test_what_breaks_behind_the_finish_is_whole(behind):
    """The mark of the end has come: a connection that breaks or hangs after it takes nothing from the client."""

    async def main():
        pieces = [ROLE, text("Hello"), FINISH, *([behind] if behind is not None else [])]
        made = bench(models("a/m"), a=[Script(pieces=pieces)])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello"
        assert client.body.endswith(DONE)
        assert [str(attempt) for attempt in x.attempts] == ["a/m:200"]
        assert (x.outcome, x.partial, client.closed) == ("ok", False, False)
        assert made.transport.replies[0].linger is (behind is None)

    run(main())


def test_an_error_that_is_said_behind_the_finish_is_one():
    async def main():
        pieces = [ROLE, text("Hello"), FINISH, b'data: {"error": {"message": "filtered"}}\n\n']
        made = bench(models("a/m"), a=[Script(pieces=pieces)])
        client, x = await made.ask(ask(stream=True))
        assert b"filtered" in client.body
        assert b"[DONE]" not in client.body
        assert x.outcome == "stream_error"

    run(main())


def told(*words):
    return st.lists(st.sampled_from([*words, "\n", " \U0001f600"]), min_size=1, max_size=6)


# Nothing that is said twice: whether somebody repeats himself or goes on in the same words nobody can tell.
@settings(max_examples=60)
@given(
    before=told("Once", " upon"),
    after=told("there", " was", "."),
    api=st.sampled_from(["openai_chat", "anthropic_messages"]),
    data=st.data(),
)
def test_the_client_gets_the_text_of_both_and_one_end(before, after, api, data):
    async def main():
        first = b"".join([ROLE, *map(text, before)])
        second = b"".join([ROLE, *map(text, after), FINISH, USAGE, DONE])
        pieces = []
        for raw in (first, second):
            cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=5)))
            pieces.append([raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)])
        made = bench(models(), a=[Script(pieces=[*pieces[0], RESET])], b=[Script(pieces=pieces[1])])
        client, x = await made.ask(ask(stream=True, max_tokens=99), api=api)
        had, more = "".join(before), "".join(after)
        if not had.strip():
            assert x.outcome == "stream_error"
            return
        blanks = had[len(had.rstrip()) :]
        while blanks and more.startswith(blanks[:1]):
            blanks, more = blanks[1:], more[1:]
        got = words(client.body) if api == "openai_chat" else message_of(client.body)[0]
        if more:
            assert (got, x.outcome) == (had + more, "ok")
        else:
            assert (got, x.outcome) == (had, "stream_error")

    run(main())
