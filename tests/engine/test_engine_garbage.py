"""What is left of an exchange for the collector: nothing. A ring of an error and its frames would keep the request's body until
the collector looks, which it does seldom, and a provider that is down makes thousands of them."""

import asyncio
import contextlib
import gc
from collections import Counter

import pytest
from scripted import DONE, FINISH, ROLE, USAGE, Bench, Remembering, Script, answer, ask, bench, error, run, text

from router.engine.exchange import Exchange
from router.errors import UpstreamUnavailable

GOOD = [ROLE, text("Hel"), text("lo"), FINISH, USAGE, DONE]
IN_BAND = b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
YAML = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none}
models:
  fast: {targets: [TARGETS], retries: 0, breaker: none, timeouts: {first_token: 1s, idle: 1s, answer: 1s, total: 5s}, MORE}
"""


def whole(*pieces: bytes) -> Script:
    return Script(pieces=list(pieces))


CASES = {
    "a good answer": (whole(answer()), None, False),
    "a good stream": (whole(*GOOD), None, True),
    "a failure, then an answer": (Script(500, [error()]), whole(answer()), False),
    "failures": (Script(500, [error()]), Script(503, [error()]), False),
    "refusals": (Script(400, [error()]), Script(400, [error()]), False),
    "no connections": (Script(refuse=UpstreamUnavailable("a")), Script(refuse=UpstreamUnavailable("b")), False),
    "silence, then a stream": (Script(late=1000), whole(*GOOD), True),
    "silence": (Script(late=1000), Script(late=1000), True),
    "half a JSON, then an answer": (whole(b"{"), whole(answer()), False),
    "half a JSON": (whole(b"{"), whole(b"{"), False),
    "an error in a stream, then a stream": (whole(ROLE, IN_BAND), whole(*GOOD), True),
    "errors in streams": (whole(ROLE, IN_BAND), whole(ROLE, IN_BAND), True),
    "a stream that ends early": (whole(ROLE, text("a")), whole(*GOOD), True),
    "a stream that breaks": (whole(ROLE, text("a"), IN_BAND), whole(*GOOD), True),
    "a stream that stalls": (Script(pieces=[ROLE, text("a"), 1000.0]), whole(*GOOD), True),
    "a reset, then a stream": (Script(pieces=[ROLE, UpstreamUnavailable("reset")]), whole(*GOOD), True),
}


def made(more: str, targets: str = "a/m, b/m", **scripts: list[Script]) -> Bench:
    return bench(YAML.replace("TARGETS", targets).replace("MORE", more), **scripts)


async def left_over(on: Bench, *requests: Exchange, leaves: float | None = None) -> Counter[str]:
    """Types of the objects that only the collector can free, once the requests are over. `leaves`: when their client does."""
    gc.collect()
    gc.disable()
    try:
        for x in requests:
            asking = asyncio.ensure_future(on.engine.handle(x, Remembering()))
            if leaves is not None:
                await asyncio.sleep(leaves)
                asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        await asyncio.sleep(10)  # Whatever outlasts its client is over.
        del asking, x, requests
        for kept in (on.settled, on.transport.scripts, on.transport.requests, on.transport.replies):
            kept.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return Counter(type(thing).__name__ for thing in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def again(script: Script | None) -> list[Script]:
    """Scripts are used up."""
    return [] if script is None else [Script(script.status, list(script.pieces), script.headers, script.refuse, script.late)]


@pytest.mark.parametrize("more", ["midstream: error", "midstream: guard", "midstream: buffer", "on_disconnect: drain"])
@pytest.mark.parametrize("case", CASES)
def test_an_exchange_leaves_nothing_to_the_collector(case, more):
    first, second, stream = CASES[case]

    async def main():
        on = made(more, a=again(first), b=again(second))
        assert await left_over(on, on.exchange(ask(stream=stream))) == {}

    run(main())


@pytest.mark.parametrize(
    "second", [whole(*GOOD), Script(500, [error()]), whole(ROLE, text("b"))], ids=["does", "fails", "breaks"]
)
def test_a_stream_that_goes_on_elsewhere_leaves_nothing(second):
    async def main():
        targets = "a/m, {target: b/m, prefill: true}, {target: b/n, prefill: true}"
        on = made("midstream: continue", targets, a=[whole(ROLE, text("a"))], b=again(second) * 2)
        x = on.exchange(ask(stream=True))
        assert await left_over(on, x) == {}
        assert len(on.transport.sent) > 1

    run(main())


@pytest.mark.parametrize("how", ["on_disconnect: cancel", "on_disconnect: drain"])
@pytest.mark.parametrize("script", [Script(late=0.9, pieces=list(GOOD)), whole(ROLE, text("a"), 0.7, FINISH, DONE)])
def test_a_client_that_leaves_leaves_nothing(how, script):
    async def main():
        on = made(how, a=again(script), b=[])
        assert await left_over(on, on.exchange(ask(stream=True)), leaves=0.5) == {}

    run(main())


def test_what_cannot_be_read_or_served_leaves_nothing():
    async def main():
        on = made("midstream: error", a=[], b=[])
        bodies = (b"{", b'{"model": "slow", "messages": []}', b'{"model": 1}')
        assert await left_over(on, *map(on.exchange, bodies)) == {}

    run(main())
