"""Streams: nothing is seen before the gate, and what breaks behind it never looks complete."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import DONE, FINISH, ROLE, USAGE, Remembering, Script, ask, bench, run, text, words

from router.errors import UpstreamUnavailable

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 2}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none, price: {input: 10, output: 20}}
"""
TWO = PROVIDERS + "models: {fast: {targets: [a/m, b/m], retries: 0}}"
GOOD = [ROLE, text("Hel"), text("lo"), FINISH, USAGE, DONE]
RESET = UpstreamUnavailable("reset")


def test_a_stream_is_relayed_as_it_comes_with_its_cost_before_the_end():
    async def main():
        made = bench(TWO, a=[Script(pieces=list(GOOD))], b=[])
        client, x = await made.ask(ask(stream=True, stream_options={"include_usage": True}))
        assert client.body == b"".join(GOOD[:-1]) + b": x-router-cost-usd: 0.00002\n\n" + DONE
        assert client.headers["x-router-served"] == "a/m"
        assert client.headers["x-router-attempts"] == "a/m:200"
        assert (x.outcome, x.cost, x.usage.output, x.reported_model, x.partial) == ("ok", 20_000, 5, "m-1", False)
        assert made.transport.replies[0].closed
        assert made.transport.replies[0].linger
        assert (client.ended, client.closed) == (1, False)
        assert [str(attempt) for attempt in x.attempts] == ["a/m:200"]

    run(main())


def test_usage_is_always_asked_for_and_hidden_from_a_client_that_did_not():
    async def main():
        made = bench(TWO, a=[Script(pieces=list(GOOD))], b=[])
        client, x = await made.ask(ask(stream=True))
        assert json.loads(made.transport.requests[0].body)["stream_options"] == {"include_usage": True}
        assert b'"usage"' not in client.body
        assert x.usage.output == 5

    run(main())


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b": ping\n\n"],
        [ROLE, RESET],
        [ROLE],
        [ROLE, b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'],
        [b"data: nonsense\n\n"],
        [b'{"error": {"message": "no stream today"}}'],
        [DONE],
    ],
)
def test_what_fails_before_the_gate_is_invisible(pieces):
    async def main():
        made = bench(TWO, a=[Script(pieces=pieces)], b=[Script(pieces=list(GOOD))])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello"
        assert client.body.endswith(DONE)
        assert x.target == "b/m"
        assert x.outcome == "ok"
        assert client.headers["x-router-served"] == "b/m"

    run(main())


@pytest.mark.parametrize(
    "broken", [RESET, None, b'data: {"error": {"message": "gone"}}\n\n', b"data: x\n\ndata: y\n\ndata: z\n\n"]
)
def test_what_breaks_behind_the_gate_ends_with_an_error_and_without_done(broken):
    async def main():
        pieces = [ROLE, text("Hel"), *([broken] if broken is not None else [])]
        made = bench(TWO, a=[Script(pieces=pieces)], b=[Script(pieces=list(GOOD))])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hel"
        assert b"[DONE]" not in client.body
        assert b'"finish_reason": "stop"' not in client.body
        assert client.body.count(b'"error"') == 1
        assert client.closed
        assert (x.outcome, x.partial, x.status, x.target) == ("stream_error", True, 200, "a/m")
        assert [attempt.outcome for attempt in x.attempts] == ["broken_stream"]
        assert len(made.transport.sent) == 1

    run(main())


def test_a_finish_without_done_is_complete():
    async def main():
        made = bench(TWO, a=[Script(pieces=[ROLE, text("Hi"), FINISH])], b=[])
        client, x = await made.ask(ask(stream=True))
        assert client.body.endswith(DONE)
        assert x.outcome == "ok"

    run(main())


def test_first_token_idle_and_total_each_end_a_stream_that_hangs():
    async def main():
        yaml = PROVIDERS + (
            "models: {fast: {targets: [a/m, b/m], timeouts: {first_token: 2s, last_first_token: 9s, idle: 3s, total: 60s}}}"
        )
        made = bench(yaml, a=[Script(late=1000)], b=[Script(late=8.0, pieces=[ROLE, text("Hel"), 2.5, text("lo"), 1000.0])])
        client, x = await made.ask(ask(stream=True))
        assert made.transport.sent == [("a", 0.0), ("b", 2.0)]
        assert words(client.body) == "Hello"
        assert asyncio.get_running_loop().time() == 2 + 8 + 2.5 + 3
        assert client.body.count(b'"error"') == 1
        assert b"[DONE]" not in client.body
        assert x.outcome == "stream_error"
        assert [str(attempt) for attempt in x.attempts] == ["a/m:timeout", "b/m:timeout"]

        slow = bench(yaml, a=[Script(pieces=[ROLE, *[text("x"), 2.0] * 100])], b=[])
        began = asyncio.get_running_loop().time()
        client, _ = await slow.ask(ask(stream=True))
        assert asyncio.get_running_loop().time() - began == 60.0
        assert b"the answer did not end in time" in client.body

    run(main())


def test_upstream_comments_do_not_count_as_a_first_token():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m], timeouts: {first_token: 2s}}}"
        made = bench(yaml, a=[Script(pieces=[b": still here\n\n", 1.0] * 50)], b=[Script(pieces=list(GOOD))])
        client, _ = await made.ask(ask(stream=True))
        assert made.transport.sent[1] == ("b", 2.0)
        assert words(client.body) == "Hello"

    run(main())


def test_headers_are_held_and_then_pings_go_out_while_fallback_stays_possible():
    async def main():
        yaml = PROVIDERS + (
            "models: {fast: {targets: [a/m, b/m], retries: 0, timeouts: {first_token: 20s},"
            " stream: {hold_headers: 8s, ping: 5s}}}"
        )
        made = bench(yaml, a=[Script(late=1000)], b=[Script(late=4.0, pieces=list(GOOD))])
        client, x = await made.ask(ask(stream=True))
        assert [at for at, data in client.times if data == b": ping\n\n"] == [8.0, 13.0, 18.0, 23.0]
        assert words(client.body) == "Hello"
        assert "x-router-served" not in client.headers
        said = client.body[client.body.index(b": x-router") :].split(b"\n")[0].decode()
        assert "x-router-served: b/m" in said
        assert "x-router-attempts: a/m:timeout,b/m:200" in said
        assert "x-router-cost-usd: 0.0002" in said
        assert x.first_token == 24.0

    run(main())


def test_an_error_after_the_headers_left_is_told_in_band():
    async def main():
        yaml = PROVIDERS + (
            "models: {fast: {targets: [a/m], retries: 0, timeouts: {last_first_token: 20s},"
            " stream: {hold_headers: 1s, ping: 30s}}}"
        )
        made = bench(yaml, a=[Script(late=1000)])
        client, x = await made.ask(ask(stream=True))
        assert client.status == 200
        assert client.body.startswith(b": ping\n\n")
        assert json.loads(client.body.split(b"data: ")[1])["error"]["code"] == "upstream_timeout"
        assert b"[DONE]" not in client.body
        assert client.closed
        assert (x.outcome, x.error_code) == ("timeout", "upstream_timeout")

    run(main())


def test_a_slow_client_is_waited_for_and_does_not_make_the_upstream_idle():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m], timeouts: {idle: 2s}}}"
        made = bench(yaml, a=[Script(pieces=list(GOOD))])
        client = Remembering()
        client.blocked = True
        x = made.exchange(ask(stream=True))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(30)
        assert not task.done()
        client.blocked = False
        await task
        assert words(client.body) == "Hello"
        assert x.outcome == "ok"

    run(main())


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 4.0])
def test_a_client_that_leaves_in_any_phase_closes_the_upstream(seconds):
    async def main():
        script = Script(late=1.0, pieces=[1.0, ROLE, text("Hel"), 1.0, text("lo"), 100.0])
        made = bench(TWO, a=[script], b=[])
        client, x = Remembering(), made.exchange(ask(stream=True))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert all(reply.closed and not reply.linger for reply in made.transport.replies)
        assert x.outcome == "client_gone"
        assert made.settled == [x]
        assert [attempt.outcome for attempt in x.attempts] == ["client_gone"]
        loop = asyncio.get_running_loop()
        assert not [handle for handle in loop._scheduled if not handle.cancelled() and "Pings" in repr(handle)]

    run(main())


def test_a_client_that_breaks_while_it_is_written_to_is_settled_as_gone():
    async def main():
        made = bench(TWO, a=[Script(pieces=list(GOOD))], b=[])
        client, x = Remembering(), made.exchange(ask(stream=True))
        client.blocked = client.gone = True
        with pytest.raises(ConnectionResetError):
            await made.engine.handle(x, client)
        assert (x.outcome, x.attempts[-1].outcome) == ("client_gone", "client_gone")
        assert made.transport.replies[0].closed

    run(main())


def test_another_formats_stream_is_translated():
    async def main():
        made = bench(TWO, a=[Script(pieces=list(GOOD))], b=[])
        client, _ = await made.ask(ask(stream=True, max_tokens=9), api="anthropic_messages")
        names = [line[7:] for line in client.body.decode().split("\n") if line.startswith("event: ")]
        assert names[0] == "message_start"
        assert names[-2:] == ["message_delta", "message_stop"]
        assert ": x-router-cost-usd: 0.00002" in client.body.decode()

    run(main())


PIECES = st.sampled_from(
    [
        ROLE,
        text("Hel"),
        text("lo"),
        FINISH,
        USAGE,
        DONE,
        b": ping\n\n",
        b"data: broken\n\n",
        RESET,
        0.5,
        50.0,
        b"data: {",
        b"\n\n",
    ]
)
SCRIPTS = st.builds(
    Script,
    status=st.sampled_from([200, 200, 200, 200, 429, 500, 400, 401]),
    pieces=st.lists(PIECES, max_size=8).map(list),
    late=st.sampled_from([0.0, 0.0, 0.3, 70.0]),
    refuse=st.sampled_from([None, None, None, RESET]),
)


@given(
    st.lists(SCRIPTS, min_size=12, max_size=12),
    st.sampled_from([None, 0.2, 3.0, 40.0]),
    st.sampled_from(["openai_chat", "anthropic_messages"]),
)
def test_whatever_happens_an_exchange_ends_once_and_leaks_nothing(scripts, leave, api):
    """Random upstreams, random clients: one settle, every reply closed, the attempts bounded, the end honest."""

    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, b/m, a/n], deadline: 100s}}"
        made = bench(
            yaml,
            a=[Script(s.status, list(s.pieces), {}, s.refuse, s.late) for s in scripts],
            b=[Script(s.status, list(s.pieces), {}, s.refuse, s.late) for s in reversed(scripts)],
        )
        client, x = Remembering(), made.exchange(ask(stream=True, max_tokens=5), api=api)
        task = asyncio.ensure_future(made.engine.handle(x, client))
        if leave is not None:
            await asyncio.sleep(leave)
            task.cancel()
        await asyncio.wait([task])
        assert made.settled == [x]
        assert made.engine.open == set()
        assert x.trying is None
        assert all(reply.closed for reply in made.transport.replies)
        assert len(x.attempts) <= 4
        assert x.duration <= 100.0
        complete = client.body.endswith((DONE, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'))
        assert complete == (x.outcome == "ok" and bool(client.body))
        if x.outcome == "client_gone":
            assert task.cancelled()
        else:
            assert client.ended == 1
        live = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
        assert len(live) <= 1, live  # The test's own bound.

    run(main())


def test_pings_go_out_before_a_client_loses_its_patience_with_silence():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m], timeouts: {last_first_token: 60s}}}"
        made = bench(yaml, a=[Script(late=20.0, pieces=list(GOOD))])
        x = made.exchange(ask(stream=True))
        x.silence = 5.0
        client = Remembering()
        await made.engine.handle(x, client)
        moments = [0.0, *(at for at, _ in client.times)]
        assert max(later - before for before, later in itertools.pairwise(moments)) < 5.0
        assert words(client.body) == "Hello"

    run(main())
