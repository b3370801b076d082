"""Names: exact ones, further ones, patterns, fallbacks, and what a key may ask for."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.check import check
from router.config.compile import compile_config
from router.config.diagnostics import ConfigError
from router.config.load import Source, load
from router.config.model import read
from router.config.references import resolve
from router.config.schema import check_shape
from router.errors import UnknownModel
from router.snapshot import Model, Snapshot

ROOT = Path(__file__).parents[2]
HEAD = """\
version: 1
providers:
  a: {type: openai, api_key: none}
  b: {type: openai, api_key: none}
  gone: {type: openai, api_key: "${env:NO}", optional: true}
models:
"""


def compiled(models: str) -> Snapshot:
    document, problems = load([Source("router.yaml", (HEAD + models).encode())])
    assert document is not None
    assert problems + check_shape(document) == []
    resolved, more = resolve(document, {}, lambda path: b"")
    assert more == []
    return compile_config(read(resolved), resolved, generation=1, digest="", at=date(2026, 11, 25))


def ids(model: Model) -> list[list[str]]:
    return [[target.id for target in tier] for tier in model.tiers]


def test_tiers_come_in_their_order_and_targets_in_that_of_the_file():
    model = compiled("  m: {targets: [{target: a/3, tier: 9}, a/1, {target: b/2, tier: 2}, b/1]}\n").model("m")
    assert ids(model) == [["a/1", "b/1"], ["b/2"], ["a/3"]]


def test_further_names_are_the_same_model():
    snapshot = compiled("  m: {targets: [a/1], also: [x, y/z]}\n")
    assert snapshot.model("x") is snapshot.model("y/z") is snapshot.model("m")
    assert list(snapshot.models) == ["m", "x", "y/z"]


def test_fallbacks_are_models_targets_and_names_that_patterns_take_and_their_own_are_not_followed():
    snapshot = compiled("""\
  m: {targets: [a/1], fallback: [w, b/direct, gpt-5, quick], timeouts: {idle: 3s}}
  w: {targets: [b/2], fallback: [m], also: [quick]}
  "gpt-*": {targets: ["a/gpt-*"], fallback: [w]}
""")
    m, w = snapshot.model("m"), snapshot.model("w")
    assert [(each.name, ids(each), each.fallback) for each in m.fallback] == [
        ("w", [["b/2"]], ()),
        ("b/direct", [["b/direct"]], ()),
        ("gpt-*", [["a/gpt-5"]], ()),
        ("w", [["b/2"]], ()),
    ]
    assert m.fallback[1].targets[0].timeouts.idle == 3.0
    assert [each.name for each in w.fallback] == ["m"]
    assert m.max_attempts == 5


def test_attempts_are_raised_to_the_targets_that_are_on():
    snapshot = compiled("""\
  m: {targets: [a/1, a/2, gone/3, gone/4], fallback: [w], max_attempts: 1}
  w: {targets: [b/1, gone/2], max_attempts: 1}
""")
    assert (snapshot.model("m").max_attempts, snapshot.model("w").max_attempts) == (3, 1)
    assert [target.off is None for target in snapshot.model("m").targets] == [True, True, False, False]


PATTERNS = """\
  gpt-4o: {targets: [a/exact]}
  "gpt-*": {targets: ["a/gpt-*", {target: "b/x/*-y", tier: 2}], fallback: ["b/gpt-*"]}
  "gpt-4*": {targets: [a/longer]}
  "gpt-*-mini": {targets: [a/suffix]}
  "*": {targets: [a/any], visible: false}
"""


@pytest.mark.parametrize(
    ("name", "model", "targets"),
    [
        ("gpt-4o", "gpt-4o", [["a/exact"]]),
        ("gpt-4", "gpt-4*", [["a/longer"]]),
        ("gpt-5-mini", "gpt-*-mini", [["a/suffix"]]),
        ("gpt-5", "gpt-*", [["a/gpt-5"], ["b/x/5-y"]]),
        ("gpt-", "gpt-*", [["a/gpt-"], ["b/x/-y"]]),
        ("llama", "*", [["a/any"]]),
    ],
)
def test_exact_names_win_over_patterns_and_longer_beginnings_over_shorter(name, model, targets):
    made = compiled(PATTERNS).model(name)
    assert (made.name, ids(made)) == (model, targets)


def test_what_a_pattern_made_is_labelled_as_the_file_writes_it():
    made = compiled(PATTERNS).model("gpt-5")
    assert [target.label for target in made.targets] == ["a/gpt-*", "b/x/*-y"]
    assert [(target.id, target.label) for target in made.fallback[0].targets] == [("b/gpt-5", "b/gpt-*")]


@given(st.text(max_size=30))
def test_no_name_that_a_client_can_send_breaks_a_pattern(name):
    snapshot = compiled(PATTERNS)
    assert snapshot.model(name).tiers
    without = compiled(PATTERNS.replace('  "*"', '  "never-*"'))
    try:
        without.model(name)
    except UnknownModel:
        assert not name.startswith("gpt-")


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("  m: {targets: [a/1, c/1, d/1]}\n", [("RC201", "/models/m/targets/1"), ("RC201", "/models/m/targets/2")]),
        ("  m: {targets: [a/1], fallback: [nn]}\n", [("RC202", "/models/m/fallback/0")]),
        ("  m: {targets: [a/1], fallback: [c/nn]}\n", [("RC202", "/models/m/fallback/0")]),
        ('  m: {targets: ["a/*"]}\n', [("RC203", "/models/m/targets/0")]),
        ('  m: {targets: [a/1], fallback: ["b/*"]}\n', [("RC203", "/models/m/fallback/0")]),
        ("  m: {targets: [a/1], also: [w]}\n  w: {targets: [a/1]}\n", [("RC204", "/models/w")]),
        ("  m: {targets: [a/1]}\n  w: {targets: [a/1], also: [m]}\n", [("RC204", "/models/w/also")]),
        ('  "m*": {targets: [a/1], also: [w]}\n', [("RC205", "/models/m*/also")]),
        ("  m: {targets: [a/1], fallback: [m]}\n", [("RC210", "/models/m/fallback/0")]),
        ("  m: {targets: [a/1], also: [x], fallback: [x]}\n", [("RC210", "/models/m/fallback/0")]),
    ],
)
def test_names_that_lead_nowhere_are_refused_all_at_once(models, expected):
    with pytest.raises(ConfigError) as error:
        compiled(models)
    assert [(each.code, each.pointer) for each in error.value.diagnostics] == expected


MODELS = """\
  fast: {targets: [a/1], also: [quick]}
  smart: {targets: [a/1]}
  hidden: {targets: [a/1], visible: false}
  "gpt-*": {targets: ["a/gpt-*"]}
  "sec-*": {targets: ["a/*"], visible: false}
keys:
"""


@pytest.mark.parametrize(
    ("models", "allowed"),
    [
        ("", {"fast", "quick", "smart", "gpt-5"}),
        (", models: ['*']", {"fast", "quick", "smart", "gpt-5"}),
        (", models: [fast]", {"fast", "quick"}),
        (", models: [quick]", {"quick"}),
        (", models: [hidden, 'gpt-*']", {"hidden", "gpt-5"}),
        (", models: [gpt-5]", {"gpt-5"}),
        (", models: ['s*']", {"smart"}),
        (", models: ['sec-*']", {"sec-1"}),
        (", models: []", set()),
    ],
)
def test_a_key_may_ask_for_what_it_names_and_a_star_means_visible_models(models, allowed):
    snapshot = compiled(MODELS + f"  k: {{hash: sha256:{'0' * 64}{models}}}\n")
    (key,) = snapshot.keys.values()
    names = ["fast", "quick", "smart", "hidden", "gpt-5", "sec-1"]
    assert {name for name in names if key.allows(name)} == allowed


@pytest.mark.parametrize("path", [ROOT / "router.yaml", *sorted((ROOT / "examples").glob("*.yaml"))], ids=lambda path: path.name)
def test_every_file_people_start_from_compiles_when_its_references_are_set(path):
    class Everything(dict):
        def get(self, name, default=None):
            return "https://host.example" if name.endswith("_URL") else f"secret-of-{name}"

    document, problems = load([Source(path.name, path.read_bytes())])
    assert document is not None
    resolved, more = resolve(document, Everything(), lambda name: f"secret-of-{name}".encode())
    assert problems + more + check_shape(document) == []
    snapshot = compile_config(read(resolved), resolved, generation=1, digest="")
    assert snapshot.models
    assert snapshot.optional_off == {}


def test_the_file_at_the_root_serves_every_model_without_a_key():
    path = ROOT / "router.yaml"
    document, _ = load([Source(path.name, path.read_bytes())])
    assert document is not None
    resolved, findings = resolve(document, {}, lambda name: b"")
    assert findings == []
    snapshot = compile_config(read(resolved), resolved, generation=1, digest="")
    for name in ("fast", "smart", "gpt-5", "claude-opus-4-5"):
        assert [target.provider for target in snapshot.model(name).targets if target.off is None] == ["sandbox"]


def test_a_fallback_named_like_a_provider_is_a_name_that_a_pattern_takes():
    checked = check(
        [
            Source(
                "router.yaml",
                b"version: 1\nproviders: {openai: {type: openai, api_key: none}}\n"
                b'models: {a: {targets: [openai/x], fallback: [openai]}, "*": {targets: [openai/y]}}\n',
            )
        ],
        level="env",
        environ={},
        read_file=lambda name: b"",
    )
    assert [diagnostic.code for diagnostic in checked.diagnostics] == []
    assert [model.targets[0].id for model in checked.snapshot.models["a"].fallback] == ["openai/y"]
