"""`midstream: guard` and `buffer`: output that is held back, so that a failure need not be seen."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import DONE, FINISH, ROLE, USAGE, Remembering, Script, ask, bench, event, run, text, words

from router.errors import UpstreamUnavailable

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 2}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none, price: {input: 10, output: 20}}
"""
RESET = UpstreamUnavailable("reset")
GOOD = [ROLE, text("Hel"), text("lo"), FINISH, USAGE, DONE]
IN_BAND = b'data: {"error": {"message": "gone"}}\n\n'


def models(midstream, more=""):
    return PROVIDERS + f"models: {{fast: {{targets: [a/m, b/m], retries: 0, midstream: {midstream}{more}}}}}"


def at(client):
    """When which words left."""
    return [(when, words(data)) for when, data in client.times if words(data)]


# --- guard ---------------------------------------------------------------------


def test_output_lags_and_the_end_flushes_it_at_once():
    async def main():
        pieces = [ROLE, text("a"), 1.0, text("b"), 1.0, text("c"), 1.0, text("d"), FINISH, USAGE, DONE]
        made = bench(models("guard"), a=[Script(pieces=pieces)], b=[])
        client, x = await made.ask(ask(stream=True))
        # 1.5 s behind; only what arrives moves it on.
        assert at(client) == [(2.0, "a"), (3.0, "b"), (3.0, "cd")]
        assert client.headers["x-router-served"] == "a/m"
        assert client.body.endswith(DONE)
        assert (x.outcome, x.first_token, x.usage.output, x.cost) == ("ok", 0.0, 5, 20_000)
        assert made.transport.replies[0].linger

    run(main())


def test_a_complete_answer_that_is_faster_than_the_line_leaves_at_once():
    async def main():
        made = bench(models("guard"), a=[Script(pieces=list(GOOD))], b=[])
        client, x = await made.ask(ask(stream=True))
        assert x.duration == 0.0
        assert words(client.body) == "Hello"
        assert b": x-router-cost-usd: 0.00002" in client.body

    run(main())


BROKEN = [RESET, None, IN_BAND, b"data: x\n\ndata: y\n\ndata: z\n\n", 1000.0]


@pytest.mark.parametrize("midstream", ["guard", "buffer"])
@pytest.mark.parametrize("broken", BROKEN)
def test_what_breaks_before_anything_left_starts_again_elsewhere_unseen(midstream, broken):
    async def main():
        pieces = [ROLE, text("Bad"), 1.0, text(" start"), USAGE, *([broken] if broken is not None else [])]
        made = bench(models(midstream), a=[Script(pieces=pieces)], b=[Script(pieces=list(GOOD))])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello"
        assert b"Bad" not in client.body
        assert client.body.endswith(DONE)
        assert b'"error"' not in client.body
        kind = "timeout" if broken == 1000.0 else "broken_stream"
        assert [attempt.outcome for attempt in x.attempts] == [kind, "ok"]
        assert (x.outcome, x.partial, x.target, x.error_code) == ("ok", False, "b/m", None)
        assert all(reply.closed for reply in made.transport.replies)
        # What broke is paid for; what the client used is its answer.
        assert (x.usage.output, x.cost) == (5, 20_000 + 200_000)

    run(main())


@pytest.mark.parametrize("broken", BROKEN)
def test_what_breaks_after_something_left_is_said_and_nothing_arrived_is_lost(broken):
    async def main():
        pieces = [ROLE, text("a"), 2.0, text("b"), 0.5, text("c"), *([broken] if broken is not None else [])]
        made = bench(models("guard"), a=[Script(pieces=pieces)], b=[])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "abc"
        assert client.body.count(b'"error"') == 1
        assert b"[DONE]" not in client.body
        assert client.closed
        assert len(made.transport.sent) == 1
        assert (x.outcome, x.partial, x.target) == ("stream_error", True, "a/m")

    run(main())


@pytest.mark.parametrize("sign", [b": still here\n\n", b": one\n\n: two\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'])
def test_signs_of_life_of_a_server_whose_model_hangs_do_not_move_the_line(sign):
    async def main():
        pieces = [ROLE, text("Bad"), *[2.0, sign] * 20, RESET]
        made = bench(models("guard"), a=[Script(pieces=pieces)], b=[Script(pieces=list(GOOD))])
        client, x = await made.ask(ask(stream=True))
        assert words(client.body) == "Hello"
        assert x.target == "b/m"

    run(main())


def test_the_line_is_as_long_as_the_file_says():
    async def main():
        pieces = [ROLE, text("a"), 4.9, text("b"), 0.1, text("c"), FINISH, DONE]
        made = bench(models("guard", ", guard: 5s"), a=[Script(pieces=pieces)], b=[])
        client, _ = await made.ask(ask(stream=True))
        assert at(client) == [(5.0, "a"), (5.0, "bc")]

    run(main())


def test_what_leaves_the_line_is_a_sign_of_life():
    async def main():
        yaml = models("guard", ", stream: {hold_headers: 3s, ping: 3s}")
        made = bench(yaml, a=[Script(pieces=[ROLE, *[text("x"), 2.0] * 10, FINISH, DONE])], b=[])
        client, _ = await made.ask(ask(stream=True))
        assert b": ping" not in client.body

    run(main())


def test_a_line_that_holds_too_much_lags_less(monkeypatch):
    monkeypatch.setattr("router.engine.midstream.MAX_DELAYED", 3 * len(text("x")))

    async def main():
        pieces = [ROLE, *[text("x")] * 20, 1.0, FINISH, DONE]
        made = bench(models("guard"), a=[Script(pieces=pieces)], b=[])
        client, _ = await made.ask(ask(stream=True))
        assert at(client)[0] == (0.0, "x")
        assert words(client.body) == "x" * 20
        assert len("".join(word for when, word in at(client) if when == 0.0)) >= 17

    run(main())


# --- buffer --------------------------------------------------------------------


def test_the_whole_answer_leaves_in_one_burst_with_its_cost_in_the_headers():
    async def main():
        pieces = [ROLE, text("a"), 3.0, text("b"), 3.0, text("c"), FINISH, USAGE, DONE]
        made = bench(models("buffer"), a=[Script(pieces=pieces)], b=[])
        client, x = await made.ask(ask(stream=True))
        assert at(client) == [(6.0, "abc")]
        assert client.headers["x-router-cost-usd"] == "0.00002"
        assert client.headers["x-router-attempts"] == "a/m:200"
        assert (x.outcome, x.first_token) == ("ok", 0.0)

    run(main())


@pytest.mark.parametrize("midstream", ["buffer", "guard, guard: 60s"])
def test_pings_go_out_meanwhile_and_the_end_says_what_headers_could_not(midstream):
    async def main():
        yaml = models(midstream, ", stream: {hold_headers: 8s, ping: 5s}")
        pieces = [ROLE, *[text("x"), 2.0] * 10, FINISH, USAGE, DONE]
        made = bench(yaml, a=[Script(pieces=[ROLE, text("Bad"), RESET])], b=[Script(pieces=pieces)])
        client, _ = await made.ask(ask(stream=True))
        assert [when for when, data in client.times if data == b": ping\n\n"] == [8.0, 13.0, 18.0]
        assert at(client) == [(20.0, "x" * 10)]
        assert "x-router-served" not in client.headers
        assert b"x-router-served: b/m; x-router-attempts: a/m:broken_stream,b/m:200" in client.body

    run(main())


def test_an_answer_beyond_all_bounds_is_an_error(monkeypatch):
    monkeypatch.setattr("router.engine.midstream.MAX_BUFFERED", 1000)

    async def main():
        pieces = [ROLE, *[text("word")] * 20]
        made = bench(models("buffer"), a=[Script(pieces=list(pieces))], b=[Script(pieces=list(pieces))])
        client, x = await made.ask(ask(stream=True))
        assert client.status == 502
        assert "larger than 1000 bytes" in json.loads(client.body)["error"]["message"]
        assert [attempt.outcome for attempt in x.attempts] == ["broken_stream", "broken_stream"]

    run(main())


def test_all_broke_is_an_error_with_a_status():
    async def main():
        script = [ROLE, text("Bad"), RESET]
        made = bench(models("buffer"), a=[Script(pieces=list(script))], b=[Script(pieces=list(script))])
        client, x = await made.ask(ask(stream=True))
        assert (client.status, x.status, x.partial) == (502, 502, False)
        assert json.loads(client.body)["error"]["code"] == "upstream_unavailable"

    run(main())


# --- both ----------------------------------------------------------------------


@pytest.mark.parametrize("midstream", ["guard", "buffer"])
@pytest.mark.parametrize("api", ["openai_chat", "anthropic_messages"])
def test_a_finish_without_an_end_is_whole_here_too(midstream, api):
    async def main():
        made = bench(models(midstream), a=[Script(pieces=[ROLE, text("Hi"), FINISH, RESET])], b=[])
        client, x = await made.ask(ask(stream=True, max_tokens=9), api=api)
        assert client.body.endswith((DONE, b'data: {"type":"message_stop"}\n\n'))
        assert x.outcome == "ok"

    run(main())


@pytest.mark.parametrize("midstream", ["guard", "buffer"])
@pytest.mark.parametrize("seconds", [0.5, 1.5, 4.0])
def test_a_client_that_leaves_closes_the_upstream(midstream, seconds):
    async def main():
        pieces = [1.0, ROLE, text("Hel"), USAGE, 1.0, text("lo"), 1.0, text("!"), 100.0]
        made = bench(models(midstream), a=[Script(pieces=pieces)], b=[])
        client, x = Remembering(), made.exchange(ask(stream=True))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert (made.transport.replies[0].closed, made.transport.replies[0].linger) == (True, False)
        assert made.settled == [x]
        assert [attempt.outcome for attempt in x.attempts] == ["client_gone"]
        assert x.cost == (None if seconds == 0.5 else 20_000)

    run(main())


def test_a_slow_client_of_a_guarded_stream_is_waited_for():
    async def main():
        made = bench(models("guard"), a=[Script(pieces=[ROLE, text("a"), 2.0, text("b"), 2.0, text("c"), FINISH, DONE])], b=[])
        client = Remembering()
        client.blocked = True
        x = made.exchange(ask(stream=True))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(60)
        assert not task.done()
        client.blocked = False
        await task
        assert (words(client.body), x.outcome) == ("abc", "ok")

    run(main())


TOOL = event({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]})
PIECES = st.lists(
    st.sampled_from(
        [ROLE, text("x"), TOOL, FINISH, USAGE, DONE, RESET, IN_BAND, b": hm\n\n", b"data: broken\n\n", 0.4, 1.0, 2.0]
    ),
    max_size=9,
)


@settings(max_examples=150)
@given(first=PIECES, second=PIECES, midstream=st.sampled_from(["guard", "buffer", "error"]))
def test_held_or_not_the_answer_is_one_servers_and_ends_honestly(first, second, midstream):
    async def main():
        scripts = [Script(pieces=[p.replace(b"x", b"y") if isinstance(p, bytes) else p for p in second])]
        made = bench(models(midstream, ", timeouts: {idle: 5s}"), a=[Script(pieces=list(first))], b=scripts)
        client, x = await made.ask(ask(stream=True))
        assert made.settled == [x]
        assert client.ended == 1
        assert all(reply.closed for reply in made.transport.replies)
        said = words(client.body)
        assert set(said) <= {"x"} or set(said) <= {"y"}
        whole = client.body.endswith(DONE)
        assert whole == (x.outcome == "ok")
        if midstream == "buffer" and not whole:
            assert said == ""
        if said or whole:
            assert x.target == ("b/m" if "y" in said else x.target)
        live = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
        assert len(live) <= 1, live  # The test's own bound.

    run(main())
