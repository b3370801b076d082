"""What the file says about failures: merged leaf by leaf, and whole in the Snapshot."""

from datetime import date

import pytest

from router import __version__
from router.config.compile import compile_config
from router.config.diagnostics import ConfigError
from router.config.load import Source, load
from router.config.model import read
from router.config.references import resolve
from router.config.schema import check_shape
from router.outcomes import OUTCOMES, Meaning
from router.snapshot import BreakerSettings, Model, Origin, RetryBudget, Snapshot, Tls

PROVIDERS = """\
  a: {type: openai, api_key: none}
  b: {type: anthropic, api_key: none}
"""


def compiled(models: str, defaults: str = "{}", providers: str = PROVIDERS) -> Snapshot:
    text = f"version: 1\ndefaults: {defaults}\nproviders:\n{providers}models:\n{models}"
    document, problems = load([Source("router.yaml", text.encode())])
    assert document is not None
    assert problems + check_shape(document) == []
    resolved, more = resolve(document, {"KEY": "sk-1"}, lambda path: b"")
    assert more == []
    return compile_config(read(resolved), resolved, generation=1, digest="", at=date(2026, 11, 25))


def refused(models: str, defaults: str = "{}") -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as error:
        compiled(models, defaults)
    return [(each.code, each.pointer) for each in error.value.diagnostics]


def test_the_smallest_file_has_the_defaults_of_the_language():
    model = compiled("  m: {targets: [a/1]}\n").model("m")
    (target,) = model.targets
    assert (target.breaker, target.retry_after_max, target.retry_budget) == (BreakerSettings(), 3.0, RetryBudget())
    assert (target.errors, target.prefill, target.context) == ({}, False, None)
    assert (model.midstream, model.guard, model.on_disconnect, model.alternatives) == ("continue", 1.5, "cancel", {})
    assert model.outcomes is OUTCOMES


def test_settings_of_targets_come_from_the_nearest_level_that_says_them():
    defaults = "{retry_after_max: 1s, retry_budget: {share: 10%}, breaker: {failures: 9, window: 9s}}"
    own = "retry_after_max: 2s, breaker: {window: 8s, open: 1s}, errors: {slow_down: rate, nothing: empty}"
    providers = f"  a: {{type: openai, api_key: none, {own}}}\n"
    models = """\
  m:
    retry_budget: {min: 7}
    breaker: {open: 2s, max_open: 3s}
    targets: [{target: a/1, breaker: {min_requests: 2}, retry_after_max: 0s, retry_budget: {share: 0%}}, a/2]
"""
    one, two = compiled(models, defaults, providers).model("m").targets
    assert one.breaker == BreakerSettings(failures=9, min_requests=2, window=8.0, open=2.0, max_open=3.0)
    assert two.breaker == BreakerSettings(failures=9, min_requests=5, window=8.0, open=2.0, max_open=3.0)
    assert (one.retry_after_max, two.retry_after_max) == (0.0, 2.0)
    assert (one.retry_budget, two.retry_budget) == (RetryBudget(0.0, 7), RetryBudget(0.1, 7))
    assert one.errors == two.errors == {"slow_down": "rate", "nothing": "empty"}


@pytest.mark.parametrize(
    ("defaults", "model", "target", "breaker"),
    [
        ("none", "", "", None),
        ("{failures: 9}", "none", "", None),
        ("{failures: 9}", "{open: 1s}", "none", None),
        ("{failures: 9}", "none", "{window: 7s}", BreakerSettings(window=7.0)),
        ("none", "{failures: 8}", "{window: 7s}", BreakerSettings(failures=8, window=7.0)),
        ("none", "{}", "", None),
        ("{open: 60s}", "", "", BreakerSettings(open=60.0, max_open=60.0)),
    ],
)
def test_a_nearer_none_hides_what_is_above_and_a_nearer_map_switches_on_again(defaults, model, target, breaker):
    own = f", breaker: {target}" if target else ""
    models = f"  m: {{targets: [{{target: a/1{own}}}]{f', breaker: {model}' if model else ''}}}\n"
    assert compiled(models, f"{{breaker: {defaults}}}").model("m").targets[0].breaker == breaker


def test_a_model_has_the_table_with_what_defaults_and_then_it_say_otherwise():
    snapshot = compiled(
        """\
  m: {targets: [a/1], outcomes: {server: {retry: 3}, policy: {next: [w, b/direct]}, empty: {next: none}, context: {retry: 1}}}
  w: {targets: [b/2], fallback: [m], outcomes: {server: {next: [m]}}, also: [wide]}
""",
        "{outcomes: {context: {next: [w]}, server: {retry: 0}}, midstream: buffer, guard: 3s}",
    )
    m, w = snapshot.model("m"), snapshot.model("w")
    assert m.outcomes == OUTCOMES | {
        "server": Meaning(3, "yes"),
        "policy": Meaning(0, ("w", "b/direct")),
        "empty": Meaning(0, "none"),
        "context": Meaning(1, ("w",)),
    }
    assert w.outcomes == OUTCOMES | {"server": Meaning(0, ("m",))}
    assert {name: ids(model) for name, model in m.alternatives.items()} == {"w": ["b/2"], "b/direct": ["b/direct"]}
    assert {name: ids(model) for name, model in w.alternatives.items()} == {"m": ["a/1"]}
    assert [each.fallback + tuple(each.alternatives) for each in m.alternatives.values()] == [(), ()]
    assert m.alternatives["w"].outcomes == w.outcomes
    assert (m.midstream, m.guard, m.max_attempts) == ("buffer", 3.0, 4)


def ids(model: Model) -> list[str]:
    return [target.id for target in model.targets]


def test_a_model_that_defaults_send_to_goes_by_the_table_or_to_who_else_is_named():
    snapshot = compiled(
        "  m: {targets: [a/1]}\n  w: {targets: [b/2], also: [wide]}\n  x: {targets: [a/3]}\n",
        "{outcomes: {context: {next: [wide]}, policy: {next: [w, x]}}}",
    )
    assert {name: snapshot.model(name).outcomes["context"].next for name in "mwx"} == {"m": ("wide",), "w": "yes", "x": ("wide",)}
    assert {name: snapshot.model(name).outcomes["policy"].next for name in "mwx"} == {"m": ("w", "x"), "w": ("x",), "x": ("w",)}


def test_where_a_pattern_sends_its_star_goes_too():
    model = compiled('  "gpt-*": {targets: ["a/gpt-*"], outcomes: {context: {next: ["b/gpt-*-long"]}}}\n').model("gpt-5")
    assert model.outcomes["context"].next == ("b/gpt-*-long",)
    assert ids(model.alternatives["b/gpt-*-long"]) == ["b/gpt-5-long"]


def test_attempts_are_raised_to_the_targets_that_a_failure_may_lead_to():
    models = "  m: {targets: [a/1], max_attempts: 1, outcomes: {context: {next: [w]}}}\n  w: {targets: [a/2, b/3]}\n"
    assert compiled(models).model("m").max_attempts == 3


@pytest.mark.parametrize(
    ("models", "defaults", "found"),
    [
        ("outcomes: {context: {next: [gone]}}", "{}", [("RC202", "/models/m/outcomes/context/next/0")]),
        ("outcomes: {context: {next: [m]}}", "{}", [("RC210", "/models/m/outcomes/context/next/0")]),
        ('outcomes: {context: {next: ["a/*"]}}', "{}", [("RC203", "/models/m/outcomes/context/next/0")]),
        ("visible: true", "{outcomes: {policy: {next: [m, gone]}}}", [("RC202", "/defaults/outcomes/policy/next/1")]),
    ],
)
def test_what_outcomes_lead_to_has_to_be_there(models, defaults, found):
    assert refused(f"  m: {{targets: [a/1], {models}}}\n", defaults) == found


def test_the_target_knows_its_window_and_whether_it_can_continue():
    targets = "b/claude-sonnet-4-5, {target: b/claude-sonnet-4-5, prefill: false, context: 60k}, {target: a/x, prefill: true}"
    known, told, said = compiled(f"  m: {{targets: [{targets}]}}\n").model("m").targets
    assert [each.prefill for each in (known, told, said)] == [True, False, True]
    assert (told.context, said.context) == (60_000, None)
    assert known.context


PROBED = """\
  a: {type: openai, api_key: "${env:KEY}", health: {probe: 30s}}
  b: {type: anthropic, api_key: "${env:KEY}", health: {probe: 1m}, headers: {X-Team: s}, timeouts: {connect: 1s}}
  c: {type: openai_compatible, api_key: none, base_url: "http://h:8/api/v3/", health: {probe: 10s, path: /healthz}}
  d: {type: openai_compatible, api_key: none, base_url: "https://h/v1/chat/completions?v=1", health: {probe: 10s}, proxy: "http://p:1"}
  e: {type: deepseek, api_key: none, health: {probe: 10s}}
  f: {type: openai, api_key: none, health: none}
  g: {type: openai, api_key: "${env:NO}", optional: true, health: {probe: 10s}}
  h: {type: sandbox}
"""


def test_probes_are_gets_of_the_list_of_models_or_of_a_path_of_ones_own():
    probes = compiled("  m: {targets: [h/1]}\n", providers=PROBED).probes
    assert [(each.provider, each.period, each.endpoint.origin, each.endpoint.path) for each in probes] == [
        ("a", 30.0, Origin("https", "api.openai.com", 443), "/v1/models"),
        ("b", 60.0, Origin("https", "api.anthropic.com", 443), "/v1/models"),
        ("c", 10.0, Origin("http", "h", 8), "/api/v3/healthz"),
        ("d", 10.0, Origin("https", "h", 443, Tls(), "http://p:1"), "/v1/models?v=1"),
        ("e", 10.0, Origin("https", "api.deepseek.com", 443), "/models"),
    ]
    agent = ("user-agent", f"router/{__version__}")
    assert probes[0].endpoint.headers == (("accept-encoding", "identity"), agent, ("authorization", "Bearer sk-1"))
    assert probes[1].endpoint.headers == (
        ("accept-encoding", "identity"),
        ("anthropic-version", "2023-06-01"),
        agent,
        ("x-api-key", "sk-1"),
        ("x-team", "s"),
    )
    assert (probes[0].endpoint.connect, probes[1].endpoint.connect) == (5.0, 1.0)
