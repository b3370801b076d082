"""The decision: names to targets, in order, each kept or dropped with its reason."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from scripted import FixedWorld, compiled

from router.decide import Ask, allowed_names, decide
from router.decide.listing import listed
from router.errors import NotAllowed, UnknownModel
from router.snapshot import ClientKey

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
