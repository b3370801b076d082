"""Played providers: the sandbox in every place, disturbed as the test says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.rehearsal.scene import Trouble, covers
from router.rehearsal.upstreams import ANSWER, CALM, _beats, seconds_of
from router.upstream.sandbox_answer import tokens
from router.upstream.sandbox_script import Script, Step
from tests.rehearsal.staged import got

TIMES = st.lists(st.floats(0, 20), min_size=1, max_size=60).map(sorted)


@given(TIMES)
def test_a_stream_in_fewer_pieces_is_the_same_stream(times: list[float]) -> None:
    steps = [Step(at, b"%d;" % number) for number, at in enumerate(times)]
    merged = _beats(Script(200, {}, iter(steps)))
    assert b"".join(step.data for step in merged) == b"".join(step.data for step in steps)
    assert [step.at for step in merged] == sorted({step.at for step in merged})
    assert merged[-1].at == times[-1]
    due = 0
    for step in merged:  # No byte is there before its time.
        due += step.data.count(b";")
        assert times[due - 1] <= step.at
    first = next((at for at in times if at > 0), None)
    assert first is None or any(step.at == first for step in merged)


def test_an_undisturbed_answer_takes_as_long_as_its_tokens() -> None:
    assert sum(1 for _ in tokens(ANSWER)) == 100
    assert seconds_of(CALM, 100) == 2.18
    assert seconds_of(CALM, 1) == seconds_of(CALM, 0) == 0.2


@given(st.text("ab/-", max_size=8), st.text("ab/-", max_size=8), st.text("ab/-", max_size=8))
def test_a_star_stands_for_anything(before: str, star: str, after: str) -> None:
    assert covers(f"{before}*{after}", before + star + after)
    assert covers(before, before)
    assert not covers(before + "x", before)


def test_a_star_does_not_count_a_letter_twice() -> None:
    assert not covers("ab*ba", "aba")
    assert not covers("a*", "ba")


def test_trouble_lasts_from_its_beginning_to_before_its_end() -> None:
    trouble = Trouble("a", None, down=True, start=1.0, end=2.0)
    assert [trouble.lasts(at) for at in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]


def test_what_is_said_of_a_model_counts_before_what_is_said_of_its_provider() -> None:
    assert got("{model: wide}", "{a: {status: 401}, a/small: {status: 400}}")["status"] == 400
    assert got("{model: wide}", "{a/large: {latency: 1ms}, a: {down: true}}")["target"] == "a/large"


def test_a_vendors_own_name_is_known_by_the_files() -> None:
    """`b/claude` goes out as `claude-2026`."""
    out = '{a: {"off": true}, b/claude: {down: true}}'
    assert got("{model: fast}", out)["target"] == "c/local"


def test_a_failure_may_take_its_time() -> None:
    """A connection that is refused only after a while is no use to a client that gives up before."""
    slow = "{a: {down: true, latency: 4s}, b: {down: true}, c: {down: true}}"
    assert got("{model: fast, headers: {x-router-deadline: 3s}}", slow)["code"] == "upstream_timeout"
    assert got("{model: fast, headers: {x-router-deadline: 9s}}", slow)["code"] == "upstream_unavailable"


def test_a_sandbox_of_the_file_keeps_its_own_ways() -> None:
    config = """\
version: 1
providers:
  box: {type: sandbox, faults: [{status: 503, share: 50%}], first_token: 3s, price: {input: 1, output: 1}}
  rest: {type: sandbox, reply: one, price: {input: 1, output: 1}}
models: {fast: {targets: [box/echo, rest/echo], retries: 0}}
"""
    answered = {got(f"{{model: fast, repeat: {number}}}", config=config)["target"] for number in range(1, 7)}
    assert answered == {"box/echo", "rest/echo"}
    assert got("{model: fast}", '{box: {"off": true}}', config=config)["cost_usd"] == 0.001002
