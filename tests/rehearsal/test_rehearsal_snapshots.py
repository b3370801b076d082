"""Targets that are off for a while."""

from __future__ import annotations

from router.rehearsal.snapshots import OFF, without
from tests.engine.scripted import compiled

CONFIG = """\
version: 1
providers: {a: {type: sandbox}, b: {type: sandbox}}
models:
  fast: {targets: [a/one, {target: b/one, tier: 2}], also: [quick], fallback: [slow], outcomes: {context: {next: [slow]}}}
  slow: {targets: [b/two]}
  "x-*": {targets: ["a/*", "b/*"]}
"""


def test_what_is_off_is_off_under_every_name_and_nowhere_else() -> None:
    before = compiled(CONFIG)
    after = without(before, lambda target: target.provider == "b")
    fast = after.models["fast"]
    assert after.models["quick"] is fast
    assert [(each.id, each.off) for each in fast.targets] == [("a/one", None), ("b/one", OFF)]
    assert [(each.id, each.off) for each in fast.fallback[0].targets] == [("b/two", OFF)]
    assert fast.alternatives["slow"].targets[0].off == OFF
    assert [(each.id, each.off) for each in after.model("x-y").targets] == [("a/y", None), ("b/y", OFF)]
    assert [each.off for each in before.model("fast").targets] == [None, None]


def test_what_a_pattern_made_before_is_not_remembered() -> None:
    before = compiled(CONFIG)
    before.model("x-y")
    assert without(before, lambda target: True).model("x-y").targets[0].off == OFF


def test_health_stays_the_same() -> None:
    before = compiled(CONFIG)
    after = without(before, lambda target: True)
    assert [each.health for each in after.models["fast"].targets] == [each.health for each in before.models["fast"].targets]
