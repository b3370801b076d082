"""The decision: names to targets, in order, each kept or dropped with its reason."""

import sys
from pathlib import Path
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from scripted import FixedWorld, compiled

from router.decide import Ask, Dropped, allowed_names, decide, no_target
from router.decide.listing import listed
from router.errors import NotAllowed, UnknownModel
from router.snapshot import ClientKey
from router.state.live import Live
from router.world import BREAKER_OPEN, PARKED, TRIAL, Unavailable

YAML = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none}
  b: {type: openai, api_key: "${env:B_KEY}", optional: true}
models:
  fast:
    targets: [{target: b/gpt-4o-mini, tier: 2}, a/one, {target: a/two, price: {input: 1, output: 1}}]
    fallback: [smart, a/last]
    also: [quick]
  smart: {targets: [a/one, a/big], fallback: [fast]}
  turns: {targets: [a/one, a/two, a/three], strategy: round_robin}
  "gpt-*": {targets: ["b/gpt-*", "a/gpt-*"]}
  "gpt-4*": {targets: ["a/four-*"]}
  secret: {targets: [a/secret], visible: false}
"""
SNAPSHOT = compiled(YAML)


def ids(decision):
    return [target.id for target in decision.targets]


def test_tiers_come_first_then_the_fallbacks_and_no_target_twice():
    decision = decide(compiled(YAML, {"B_KEY": "k"}), Ask("fast", None), FixedWorld())
    assert ids(decision) == ["a/one", "a/two", "b/gpt-4o-mini", "a/big", "a/last"]
    assert decision.dropped == ()


def test_a_provider_that_is_off_is_dropped_with_the_reason():
    decision = decide(compiled(YAML), Ask("quick", None), FixedWorld())
    assert ids(decision) == ["a/one", "a/two", "a/big", "a/last"]
    assert [(d.target, d.reason) for d in decision.dropped] == [("b/gpt-4o-mini", "the environment variable B_KEY is not set")]


def test_a_target_without_a_price_is_dropped_where_the_file_insists():
    decision = decide(compiled(YAML + "prices: {missing: reject}\n"), Ask("fast", None), FixedWorld())
    assert ids(decision) == ["a/two"]
    assert {d.target for d in decision.dropped} == {"a/one", "b/gpt-4o-mini", "a/big", "a/last"}


def test_the_longest_prefix_of_the_patterns_wins_and_the_star_is_carried_over():
    snapshot = compiled(YAML, {"B_KEY": "k"})
    assert ids(decide(snapshot, Ask("gpt-4o", None), FixedWorld())) == ["a/four-o"]
    assert ids(decide(snapshot, Ask("gpt-5", None), FixedWorld())) == ["b/gpt-5", "a/gpt-5"]
    assert snapshot.model("gpt-5") is snapshot.model("gpt-5")
    assert snapshot.model("gpt-5").name == "gpt-*"


def test_turns_are_counted_per_tier():
    snapshot, world = compiled(YAML), FixedWorld()
    firsts = [ids(decide(snapshot, Ask("turns", None), world))[0] for _ in range(4)]
    assert firsts == ["a/one", "a/two", "a/three", "a/one"]


def test_a_key_asks_only_for_what_it_may_and_is_told_only_of_that():
    snapshot = compiled(YAML)
    key = ClientKey("app", enabled=True, allows=lambda name: name == "smart")
    assert allowed_names(snapshot, key) == ["smart"]
    with pytest.raises(NotAllowed, match="the key 'app' may not use the model 'fast'"):
        decide(snapshot, Ask("fast", key), FixedWorld())
    with pytest.raises(UnknownModel) as raised:
        decide(snapshot, Ask("fasst", key), FixedWorld())
    assert raised.value.message == "no model is named 'fasst'"
    with pytest.raises(UnknownModel, match="did you mean 'fast'"):
        decide(snapshot, Ask("fasst", None), FixedWorld())


def test_what_is_hidden_is_not_listed():
    assert "secret" not in allowed_names(compiled(YAML), None)


def test_a_listing_names_every_target_once_in_order():
    rows = listed("fast", compiled(YAML).model("fast")).targets
    assert [row["target"] for row in rows] == ["a/one", "a/two", "b/gpt-4o-mini", "a/big", "a/last"]
    assert rows[0]["price"] is None
    assert rows[1]["price"]["input"] == "1"


def test_the_window_of_a_known_model_is_listed():
    snapshot = compiled("version: 1\nproviders: {o: {type: openai, api_key: none}}\nmodels: {m: {targets: [o/gpt-4o-mini]}}\n")
    assert listed("m", snapshot.model("m")).context == 128_000


class Knowing(FixedWorld):
    """A world in which these targets are out."""

    def __init__(self, **out: Unavailable) -> None:
        super().__init__()
        self.out = {f"a/{name}": why for name, why in out.items()}

    def unavailable(self, target):
        return self.out.get(target.id)


OPEN = Unavailable(BREAKER_OPEN, 104.0, "timeout", early=True)
TRYING = Unavailable(TRIAL, None, "server")
ASKED = Unavailable(PARKED, 137.0, "rate")
GUESSED = Unavailable(PARKED, 110.5, "billing", early=True)


def test_who_is_out_is_dropped_and_the_others_keep_their_order():
    world = Knowing(one=OPEN, big=ASKED)
    decision = decide(compiled(YAML, {"B_KEY": "k"}), Ask("fast", None), world)
    assert ids(decision) == ["a/two", "b/gpt-4o-mini", "a/last"]
    assert decision.dropped == (Dropped("a/one", OPEN), Dropped("a/big", ASKED))
    assert [(d.reason, d.until) for d in decision.dropped] == [("breaker open (timeout)", 104.0), ("parked (rate)", 137.0)]


def test_when_nothing_else_is_left_those_we_chose_to_leave_alone_are_asked_and_no_others():
    everything = Knowing(one=OPEN, two=ASKED, big=TRYING, last=GUESSED)
    decision = decide(compiled(YAML), Ask("fast", None), everything)
    assert ids(decision) == ["a/one", "a/last"]
    assert [d.target for d in decision.dropped] == ["a/two", "b/gpt-4o-mini", "a/big"]
    everything.out["a/two"] = None
    assert ids(decide(compiled(YAML), Ask("fast", None), everything)) == ["a/two"]


def test_a_target_out_under_one_model_may_be_in_under_another():
    class Once(FixedWorld):
        asked = 0

        def unavailable(self, target):
            if target.id != "a/one":
                return None
            self.asked += 1
            return OPEN if self.asked == 1 else None  # Its breaker counts for `fast` only.

    decision = decide(compiled(YAML), Ask("fast", None), Once())
    assert ids(decision) == ["a/two", "a/one", "a/big", "a/last"]
    assert [d.target for d in decision.dropped] == ["b/gpt-4o-mini"]


def test_a_refusal_names_every_target_and_the_soonest_recovery():
    world = Knowing(one=ASKED, two=Unavailable(PARKED, 120.0, "rate"), big=ASKED, last=ASKED)
    error = no_target(decide(compiled(YAML), Ask("fast", None), world), 100.0)
    assert (error.status, error.code, error.retry_after) == (503, "no_target_available", 20.0)
    assert error.message == (
        "no target of 'fast' can be asked now: a/one: parked (rate) for 37.0 s; a/two: parked (rate) for 20.0 s; "
        "b/gpt-4o-mini: the environment variable B_KEY is not set; a/big: parked (rate) for 37.0 s; "
        "a/last: parked (rate) for 37.0 s"
    )


def test_a_trial_in_flight_is_the_soonest_recovery_and_a_missing_key_is_none():
    world = Knowing(one=ASKED, two=ASKED, big=TRYING, last=ASKED)
    assert no_target(decide(compiled(YAML), Ask("fast", None), world), 100.0).retry_after == 1.0
    off = compiled(YAML.replace("fast:", "gone: {targets: [b/x]}\n  fast:"))
    assert no_target(decide(off, Ask("gone", None), FixedWorld()), 100.0).retry_after is None


@given(st.lists(st.sampled_from([None, OPEN, TRYING, ASKED, GUESSED]), min_size=4, max_size=4))
def test_nobody_is_lost_and_nobody_is_both_kept_and_dropped(reasons):
    names = ("one", "two", "big", "last")
    decision = decide(SNAPSHOT, Ask("fast", None), Knowing(**dict(zip(names, reasons, strict=True))))
    gone = [d.target for d in decision.dropped]
    assert sorted([*ids(decision), *gone]) == sorted(["b/gpt-4o-mini", *(f"a/{name}" for name in names)])
    if None in reasons:
        assert ids(decision) == [f"a/{name}" for name, why in zip(names, reasons, strict=True) if why is None]
    else:
        assert ids(decision) == [f"a/{name}" for name, why in zip(names, reasons, strict=True) if why.early]


def test_a_decision_is_cheap_when_all_is_well():
    world, ask = Live(lambda: 0.5), Ask("fast", None)
    for target in SNAPSHOT.model("fast").targets:
        world.health.attempt(target).succeeded()
    best = min(timeit(lambda: decide(SNAPSHOT, ask, world), number=500) for _ in range(5)) / 500
    assert best < 60e-6  # About 8 µs where it is quiet; what this catches is work that does not belong here.
