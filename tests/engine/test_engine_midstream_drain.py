"""`on_disconnect: drain`: the client leaves, the upstream finishes, and what it used is known."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import DONE, FINISH, ROLE, USAGE, Remembering, Script, answer, ask, bench, error, run, text, words

from router.errors import UpstreamUnavailable

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none, price: {input: 1, output: 2}}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none, price: {input: 10, output: 20}}
"""
RESET = UpstreamUnavailable("reset")


def models(more="retries: 0", on_disconnect="drain"):
    return PROVIDERS + f"models: {{fast: {{targets: [a/m, b/m], on_disconnect: {on_disconnect}, {more}}}}}"


async def left(made, body, after, client=None):
    """A client that leaves `after` seconds. Gives its exchange; the handler has returned at that moment."""
    client = client or Remembering()
    x = made.exchange(body)
    task = asyncio.ensure_future(made.engine.handle(x, client))
    await asyncio.sleep(after)
    began = asyncio.get_running_loop().time()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert asyncio.get_running_loop().time() == began
    return client, x


async def over(made):
    """Until nothing is open. Seconds since the loop began."""
    await made.engine.drained()
    await asyncio.sleep(0)
    return asyncio.get_running_loop().time()


def test_a_stream_is_read_to_its_end_and_charged():
    async def main():
        pieces = [ROLE, text("Hel"), 3.0, text("lo"), 4.0, FINISH, USAGE, DONE]
        made = bench(models(), a=[Script(pieces=pieces)], b=[])
        client, x = await left(made, ask(stream=True), 1.0)
        assert made.settled == []
        assert made.engine.open == {x}
        assert await over(made) == 7.0
        assert made.settled == [x]
        assert words(client.body) == "Hel"
        assert (client.ended, made.transport.replies[0].closed) == (0, True)
        assert (x.outcome, x.status, x.usage.output, x.cost, x.target) == ("client_gone", 499, 5, 20_000, "a/m")
        assert [str(attempt) for attempt in x.attempts] == ["a/m:200"]
        assert x.ended == 7.0

    run(main())


@pytest.mark.parametrize("after", [1.0, 3.0])
def test_a_whole_answer_is_waited_for_whether_its_head_came_or_not(after):
    async def main():
        made = bench(models(), a=[Script(late=2.0, pieces=[5.0, answer()])], b=[])
        client, x = await left(made, ask(), after)
        assert await over(made) == 7.0
        assert made.settled == [x]
        assert client.body == b""
        assert (x.outcome, x.status, x.usage.output, x.cost) == ("client_gone", 499, 5, 20_000)

    run(main())


@pytest.mark.parametrize(
    "script", [Script(late=2.0, refuse=RESET), Script(500, [2.0, error()]), Script(pieces=[2.0, ROLE, RESET])]
)
@pytest.mark.parametrize("stream", [True, False])
def test_nothing_is_tried_again_for_a_client_that_left(script, stream):
    async def main():
        made = bench(models("retries: 2"), a=[Script(script.status, list(script.pieces), {}, script.refuse, script.late)], b=[])
        _, x = await left(made, ask(stream=stream), 1.0)
        assert await over(made) == 2.0
        assert made.settled == [x]
        assert (x.outcome, len(made.transport.sent), len(x.attempts)) == ("client_gone", 1, 1)

    run(main())


def test_a_broken_stream_is_not_continued_for_nobody():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m, {target: b/m, prefill: true}], retries: 0, on_disconnect: drain}}"
        made = bench(yaml, a=[Script(pieces=[ROLE, text("Hel"), USAGE, 2.0, RESET])], b=[])
        _, x = await left(made, ask(stream=True), 1.0)
        await over(made)
        assert len(made.transport.sent) == 1
        assert (x.outcome, x.cost) == ("client_gone", 20_000)

    run(main())


def test_the_clocks_of_the_target_bound_it():
    async def main():
        pieces = [ROLE, *[text("x"), 2.0] * 100]
        made = bench(models("retries: 0, timeouts: {total: 30s}"), a=[Script(pieces=pieces)], b=[])
        _, x = await left(made, ask(stream=True), 1.0)
        assert await over(made) == 30.0
        made = bench(models("retries: 0, timeouts: {idle: 5s}"), a=[Script(pieces=[ROLE, text("x"), 1000.0])], b=[])
        began = asyncio.get_running_loop().time()
        _, x = await left(made, ask(stream=True), 1.0)
        assert await over(made) == began + 5.0
        assert x.outcome == "client_gone"

    run(main())


def test_who_leaves_while_nobody_is_asked_is_gone_at_once():
    async def main():
        yaml = models("retries: 1, backoff: {base: 8s, max: 8s}, max_attempts: 3")
        made = bench(yaml, a=[Script(500, [error()])], b=[])
        _, x = await left(made, ask(), 1.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert made.settled == [x]
        assert (x.outcome, x.ended, len(made.transport.sent)) == ("client_gone", 1.0, 1)
        assert made.engine.open == set()

    run(main())


class Breaking(Remembering):
    """Its connection breaks when the second word is written."""

    def write(self, data):
        if b"lo" in data:
            raise ConnectionResetError("gone")
        super().write(data)


def test_a_connection_that_breaks_while_it_is_written_to_is_a_client_that_left():
    async def main():
        pieces = [ROLE, text("Hel"), 1.0, text("lo"), 1.0, FINISH, USAGE, DONE]
        made = bench(models(), a=[Script(pieces=pieces)], b=[])
        client, x = Breaking(), made.exchange(ask(stream=True))
        with pytest.raises(ConnectionResetError):
            await made.engine.handle(x, client)
        assert made.settled == [x]
        assert (x.outcome, x.usage.output, x.cost, client.ended) == ("client_gone", 5, 20_000, 0)

    run(main())


def test_a_slow_client_that_leaves_holds_nothing_up():
    async def main():
        pieces = [ROLE, text("Hel"), 1.0, text("lo"), 1.0, FINISH, USAGE, DONE]
        made = bench(models(), a=[Script(pieces=pieces)], b=[])
        client = Remembering()
        client.blocked = True
        _, x = await left(made, ask(stream=True), 50.0, client)
        assert await over(made) == 52.0
        assert (x.outcome, x.usage.output) == ("client_gone", 5)

    run(main())


def test_a_slow_client_that_stays_gets_everything_and_leaves_no_task_behind():
    async def main():
        made = bench(models(), a=[Script(pieces=[ROLE, text("Hel"), text("lo"), FINISH, USAGE, DONE])], b=[])
        client, x = Remembering(), made.exchange(ask(stream=True))
        client.blocked = True
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(30)
        client.blocked = False
        await task
        await asyncio.sleep(0)
        assert (words(client.body), x.outcome) == ("Hello", "ok")
        assert not {"drain", "departure"} & {each.get_name() for each in asyncio.all_tasks()}

    run(main())


@pytest.mark.parametrize("on_disconnect", ["cancel", "drain"])
def test_who_stays_notices_nothing(on_disconnect):
    async def main():
        pieces = [ROLE, text("Hel"), 1.0, text("lo"), FINISH, USAGE, DONE]
        made = bench(models(on_disconnect=on_disconnect), a=[Script(pieces=pieces)], b=[])
        client, x = await made.ask(ask(stream=True))
        assert (words(client.body), x.outcome, client.ended) == ("Hello", "ok", 1)
        made = bench(models(on_disconnect=on_disconnect), a=[Script(500, [error()])], b=[Script(400, [error("no")])])
        client, x = await made.ask(ask())
        assert (client.status, x.outcome) == (500, "upstream_error")
        assert json.loads(client.body)["error"]["message"].startswith("no")
        assert made.settled == [x]

    run(main())


def test_without_it_the_upstream_is_cut_at_once():
    async def main():
        made = bench(models(on_disconnect="cancel"), a=[Script(pieces=[ROLE, text("Hel"), 100.0])], b=[])
        _, x = await left(made, ask(stream=True), 1.0)
        assert made.settled == [x]
        assert (made.transport.replies[0].closed, made.transport.replies[0].linger) == (True, False)

    run(main())


PIECES = st.lists(st.sampled_from([ROLE, text("x"), FINISH, USAGE, DONE, RESET, 0.5, 3.0, 50.0]), max_size=8)
SCRIPTS = st.builds(
    Script,
    status=st.sampled_from([200, 200, 200, 500]),
    pieces=PIECES,
    late=st.sampled_from([0.0, 0.3, 4.0]),
    refuse=st.sampled_from([None, None, None, RESET]),
)


@settings(max_examples=100)
@given(
    st.lists(SCRIPTS, min_size=6, max_size=6),
    st.sampled_from([0.0, 0.2, 1.0, 3.0, 20.0]),
    st.sampled_from(["error", "guard", "buffer"]),
    st.booleans(),
)
def test_whenever_somebody_leaves_an_exchange_is_settled_once_and_nothing_stays(scripts, leave, midstream, stream):
    async def main():
        copies = [Script(s.status, list(s.pieces), {}, s.refuse, s.late) for s in scripts]
        made = bench(models(f"midstream: {midstream}, deadline: 100s"), a=copies[:3], b=copies[3:])
        client, x = Remembering(), made.exchange(ask(stream=stream))
        task = asyncio.ensure_future(made.engine.handle(x, client))
        await asyncio.sleep(leave)
        ended = task.done()
        asked = len(made.transport.sent)
        task.cancel()
        await asyncio.wait([task])
        if not ended:
            await over(made)
            assert len(made.transport.sent) <= asked + 1  # Cancelled before it had begun to ask.
            assert x.outcome == "client_gone"
            assert not client.ended
        assert made.settled == [x]
        assert made.engine.open == set()
        assert all(reply.closed for reply in made.transport.replies)
        assert x.trying is None
        assert x.duration <= 100.0
        live = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
        assert len(live) <= 1, live  # The test's own bound.

    run(main())
