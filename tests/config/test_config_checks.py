"""Each check finds what it is for, at its place, and nothing where all is well."""

from __future__ import annotations

from datetime import date

import pytest

from router.config.check import Checked, check
from router.config.checks import CHECKS
from router.config.codes import CATALOGUE
from router.config.explanation import Level
from router.config.load import Source

GROQ = "gsk_" + "a1B2" * 6  # Of the shape of a key, and nobody's.

BASE = """\
version: 1
providers:
  openai: {type: openai, api_key: none}
  groq: {type: groq, api_key: none}
models:
  fast: {targets: [openai/a]}
  smart: {targets: [groq/b], also: [clever]}
  hidden: {targets: [groq/c], visible: false}
"""


def judge(text: str, level: Level = "policy", today: date | None = None, **environ: str) -> Checked:
    return check([Source("r.yaml", text.encode())], level=level, environ=environ, read_file=lambda name: b"x\n", today=today)


def said(text: str, level: Level = "policy", **environ: str) -> list[str]:
    """`line:column code message` of every finding."""
    return [
        f"{each.place.range.start.line}:{each.place.range.start.column} {each.code} {each.message}"
        for each in judge(text, level, **environ).diagnostics
    ]


def with_models(*models: str) -> str:
    """The providers of BASE and these models: the first stands in line 6."""
    return "\n".join([*BASE.splitlines()[:5], *(f"  {model}" for model in models), ""])


def test_the_base_of_these_tests_has_no_finding() -> None:
    assert said(BASE, "env") == []


@pytest.mark.parametrize(
    ("models", "found"),
    [
        (["fast: {targets: [opena/a]}"], ["6:20 RC201 no provider is named `opena`"]),
        (["fast: {targets: [{target: opena/a}]}"], ["6:29 RC201 no provider is named `opena`"]),
        (['fast: {targets: ["opena/a/b"]}'], ["6:21 RC201 no provider is named `opena`"]),
        (["fast: {targets: [openai/a], fallback: [gorq/b]}"], ["6:42 RC201 no provider is named `gorq`"]),
        (["fast: {targets: [openai/a], fallback: [smrt]}"], ["6:42 RC202 no model is named `smrt`"]),
        (["fast: {targets: [openai/a], fallback: [smart]}", "smart: {targets: [groq/b]}"], []),
        (["fast: {targets: [openai/a], fallback: [clever]}", "smart: {targets: [groq/b], also: [clever]}"], []),
        (["fast: {targets: [openai/a], fallback: [groq/b]}"], []),
        (["fast: {targets: [openai/a], fallback: [gpt-x]}", '"gpt-*": {targets: ["groq/*"]}'], []),
        (
            ["fast: {targets: [openai/a], fallback: [smrt]}", "smart: {targets: [groq/b]}", '"*": {targets: [groq/c]}'],
            ["6:42 RC213 no model is named `smrt`; the pattern `*` takes it"],
        ),
        (["fast: {targets: [openai/a], fallback: [fast]}"], ["6:42 RC210 `models.fast` falls back to itself"]),
        (["fast: {targets: [openai/a], fallback: [f], also: [f]}"], ["6:42 RC210 `models.fast` falls back to itself"]),
        (
            ["fast: {targets: [openai/a, groq/b], fallback: [smart]}", "smart: {targets: [groq/b]}"],
            ["6:50 RC409 the fallback `smart` has no target that `fast` does not have"],
        ),
        (
            ["fast: {targets: [openai/a], fallback: [openai/a]}"],
            ["6:42 RC409 the fallback `openai/a` has no target that `fast` does not have"],
        ),
        (['fast: {targets: ["openai/a-*"]}'], ["6:30 RC203 `openai/a-*` has a `*`, and the name `fast` has none"]),
        (
            ['fast: {targets: [openai/a], fallback: ["groq/*"]}'],
            ["6:48 RC203 `groq/*` has a `*`, and the name `fast` has none"],
        ),
        (['"a-*": {targets: ["openai/a-*"], fallback: ["groq/*"]}'], []),
        (
            ["fast: {targets: [openai/a], also: [smart]}", "smart: {targets: [groq/b]}"],
            ["6:38 RC204 the name `smart` is given twice"],
        ),
        (["fast: {targets: [openai/a], also: [fast]}"], ["6:38 RC204 the name `fast` is given twice"]),
        (
            ["fast: {targets: [openai/a], also: [x]}", "smart: {targets: [groq/b], also: [x]}"],
            ["7:37 RC204 the name `x` is given twice"],
        ),
        (['"a-*": {targets: ["openai/a-*"], also: [b]}'], ["6:36 RC205 the pattern `a-*` has further names"]),
        (
            ['"a-*": {targets: ["openai/*"]}', '"*-b": {targets: ["groq/*"]}'],
            ["7:3 RC211 `a-*` and `*-b` both fit names such as `a-x-b`"],
        ),
        (['"a-*": {targets: ["openai/*"]}', '"a-b-*": {targets: ["groq/*"]}', '"*": {targets: [groq/c]}'], []),
        (["fast: {targets: [openai/a, openai/a]}"], ["6:30 RC212 `openai/a` is listed twice in `models.fast`"]),
        (
            ["fast: {targets: [{target: openai/a, weight: 2}]}"],
            ["6:39 RC208 `models.fast.targets.0.weight` does nothing: the strategy of `fast` is ordered"],
        ),
        (["fast: {strategy: weighted, targets: [{target: openai/a, weight: 2}]}"], []),
        (["fast: {strategy: {type: weighted}, targets: [{target: openai/a, weight: 2}]}"], []),
        (
            ["fast: {strategy: weighted, targets: [{target: openai/a, weight: 0}, {target: groq/b, weight: 0, tier: 1}]}"],
            ["6:67 RC209 the weights of tier 1 of `models.fast` sum to 0"],
        ),
        (["fast: {strategy: weighted, targets: [{target: openai/a, weight: 0}, groq/b]}"], []),
    ],
)
def test_models(models: list[str], found: list[str]) -> None:
    assert said(with_models(*models)) == found


def test_a_default_strategy_counts_for_weights() -> None:
    models = with_models("fast: {targets: [{target: openai/a, weight: 2}]}")
    assert said(f"{models}defaults: {{strategy: weighted}}\n") == []


def test_an_attempt_limit_below_the_number_of_targets_is_no_finding() -> None:
    assert said(with_models("fast: {targets: [openai/a, groq/b], max_attempts: 1}")) == []


def test_a_price_names_a_provider() -> None:
    assert said(f"{BASE}prices: {{targets: {{openai/*: free, groq/b: free}}}}\n") == []
    assert said(f"{BASE}prices: {{targets: {{opena/*: free}}}}\n") == ["9:20 RC201 no provider is named `opena`"]


EMPTY_HASH = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("models: [fast, clever, hidden]", []),
        ('models: ["fa*"]', []),
        ("models: [fsat]", ["9:41 RC206 no model is named `fsat`"]),
        ('models: ["gpt-*"]', ["9:41 RC206 no model fits the pattern `gpt-*`"]),
        ("models: []", ["9:40 RC403 the key `a` may use no model"]),
        ('models: ["hid*"]', ["9:40 RC403 the key `a` may use no model"]),
        ("models: [], enabled: false", []),
    ],
)
def test_what_keys_may_use(key: str, found: list[str]) -> None:
    assert said(f'{BASE}keys: {{a: {{secret: "${{env:A}}", {key}}}}}\n') == found


def test_a_pattern_of_a_key_may_stand_for_a_pattern_of_a_model() -> None:
    models = with_models('"gpt-*": {targets: ["openai/gpt-*"]}')
    assert said(f'{models}keys: {{a: {{secret: "${{env:A}}", models: ["gpt-4*", gpt-4o, "*-mini"]}}}}\n') == []


def test_the_hash_of_nothing_is_no_key() -> None:
    assert said(f"{BASE}keys: {{a: {{hash: {EMPTY_HASH}}}}}\n") == ["9:18 RC302 the hash of `a` is that of the empty text"]
    assert said(f"{BASE}keys: {{a: {{hash: [{EMPTY_HASH}]}}}}\n") == ["9:19 RC302 the hash of `a` is that of the empty text"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"providers: {{a: {{type: groq, api_key: {GROQ}}}}}", "1:37"),
        ("providers: {a: {type: groq, api_key: hunter2}}", "1:38"),
        ('providers: {a: {type: groq, api_key: "${env:K}", headers: {authorization: Bearer abc}}}', "1:75"),
        (f"providers: {{a: {{type: groq, api_key: none, headers: {{x-team: {GROQ}}}}}}}", "1:61"),
        ("providers: {a: {type: groq, api_key: none, proxy: 'http://user:pass@proxy:1'}}", "1:51"),
        ("keys: {a: {secret: hunter2}}", "1:20"),
        ("server: {admin_token: hunter2}", "1:23"),
        (f"providers: {{a: {{type: groq, api_kee: {GROQ}}}}}", "1:37"),
    ],
)
def test_a_secret_in_the_file_is_found_and_never_shown(text: str, where: str) -> None:
    checked = judge(f"{text}\n")
    [found] = [each for each in checked.diagnostics if each.code == "RC301"]
    line, _, column = where.partition(":")
    assert found.place.range.start.line == int(line)
    assert abs(found.place.range.start.column - int(column)) <= 1
    assert GROQ not in repr(checked.diagnostics)
    assert "hunter2" not in repr(checked.diagnostics)
    assert all(not suggestion.edits for suggestion in found.suggestions)


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ("listen: 0.0.0.0:4000", ["9:18 RC410 `server.listen` 0.0.0.0:4000 is open to the network, and nobody needs a key"]),
        ('listen: "[::]:4000"', ["9:18 RC410 `server.listen` [::]:4000 is open to the network, and nobody needs a key"]),
        (
            "listen: box.internal:4000",
            ["9:18 RC410 `server.listen` box.internal:4000 is open to the network, and nobody needs a key"],
        ),
        ("listen: 127.8.0.1:4000", []),
        ('listen: "[::1]:4000"', []),
        ("listen: localhost:4000", []),
        ("listen: 0.0.0.0:4000, auth: none", []),
        ("listen: 127.0.0.1:4000, auth: keys", ["9:40 RC405 `server.auth` asks for keys, and none is enabled"]),
        ("admin: 0.0.0.0:1", ["9:17 RC404 `server.admin` 0.0.0.0:1 is open to the network, and `server.admin_token` is not set"]),
        ('admin: 0.0.0.0:1, admin_token: "${env:T}"', []),
        ("admin: unix:/run/x", []),
        ("admin: none", []),
    ],
)
def test_ports(server: str, found: list[str]) -> None:
    assert said(f"{BASE}server: {{{server}}}\n") == found


def test_an_open_port_with_keys_is_fine() -> None:
    assert said(f'{BASE}server: {{listen: 0.0.0.0:4000}}\nkeys: {{a: {{secret: "${{env:A}}"}}}}\n') == []


def test_references_are_judged_by_what_they_stand_for_where_that_is_known() -> None:
    text = f'{BASE}server: {{listen: "${{env:WHERE}}", admin: 0.0.0.0:1, admin_token: "${{env:TOKEN:-}}"}}\n'
    assert said(text, "policy") == []
    assert said(text, "env", WHERE="127.0.0.1:1", TOKEN="abc") == []
    assert said(text, "env", WHERE="0.0.0.0:1") == [
        "9:18 RC410 `server.listen` 0.0.0.0:1 is open to the network, and nobody needs a key",
        "9:41 RC404 `server.admin` 0.0.0.0:1 is open to the network, and `server.admin_token` is not set",
    ]
    assert said(text, "env", TOKEN="abc") == ["9:18 RC601 `server.listen`: the environment variable WHERE is not set"]


def test_level_env_finds_what_only_compiling_finds() -> None:
    text = f'{BASE}keys: {{a: {{secret: "${{env:S}}"}}, b: {{secret: "${{env:S}}"}}}}\n'
    assert said(text) == []
    assert [each.split()[1] for each in said(text, "env", S="same")] == ["RC304"]


def test_level_env_gives_the_model_and_needs_an_environment() -> None:
    checked = judge(BASE, "env")
    assert checked.file is not None
    assert judge(BASE).file is None
    with pytest.raises(ValueError, match="level env needs environ"):
        check([Source("r.yaml", BASE.encode())], level="env")


@pytest.mark.parametrize("level", ["syntax", "schema", "refs", "policy", "env"])
def test_a_level_does_all_below_it_and_nothing_above(level: Level) -> None:
    text = BASE.replace("groq/b", "gorq/b") + 'server: {listen: 0.0.0.0:1, max_inflight: many}\nx: NO\nlog: {level: "${env:L}"}\n'
    order = {
        "RC111": "syntax",
        "RC107": "schema",
        "RC101": "schema",
        "RC103": "schema",
        "RC201": "refs",
        "RC410": "policy",
        "RC601": "env",
    }
    checked = judge(text, level)
    assert checked.levels == ("syntax", "schema", "refs", "policy", "env")[: len(checked.levels)]
    assert checked.levels[-1] == level
    assert {order[each.code] for each in checked.diagnostics} == set(checked.levels)


def test_everything_wrong_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = """\
version: 1
server: {listen: 0.0.0.0:4000, drain: {timeout: 30}}
providers:
  openai:
    type: openai
    api_kee: ${env:OPENAI_API_KEY}
models:
  fast: {targets: [opena/a], fallback: [fast]}
  smart: {targets: [openai/b]}
  smart: {targets: [openai/b]}
  country: {targets: [openai/b], visible: NO}
  limits:
log:{level: info}
"""
    assert [each.split(" ", 2)[:2] for each in said(text)] == [
        ["2:18", "RC410"],
        ["2:49", "RC112"],
        ["6:5", "RC101"],
        ["8:20", "RC201"],
        ["8:41", "RC210"],
        ["10:3", "RC102"],
        ["11:43", "RC111"],
        ["12:3", "RC113"],
        ["13:1", "RC125"],
    ]


def test_a_word_is_one_finding_whatever_the_schema_says_of_it() -> None:
    assert [each.split()[1] for each in said(with_models("fast: {targets: [openai/a], visible: yes}"))] == ["RC111"]
    assert [each.split()[1] for each in said(with_models("fast: {targets: }"))] == ["RC113"]


def test_a_mistake_at_an_anchor_is_one_finding() -> None:
    models = with_models("fast: &m {targets: [opena/a]}", "smart: *m")
    assert said(models) == ["6:23 RC201 no provider is named `opena`"]


OPEN = f'{BASE}keys:\n  a:\n    secret: hunter2  # router: allow RC301 reason="a test" until=2030-01-01\n'


def test_an_allowance_silences_its_finding_on_its_line_and_the_next() -> None:
    assert said(OPEN) == []
    above = f"{BASE}keys:\n  a:\n    # router: allow RC301 reason='a test'\n    # and why\n    secret: hunter2\n"
    assert said(above) == []
    elsewhere = f"{BASE}keys:\n  a:\n    secret: hunter2\n    # router: allow RC301 reason='a test'\n"
    assert [each.split()[1] for each in said(elsewhere)] == ["RC301", "RC407"]


def test_an_allowance_expires_is_used_and_is_understood() -> None:
    assert [each.code for each in judge(OPEN, today=date(2030, 1, 1)).diagnostics] == []
    assert [each.code for each in judge(OPEN, today=date(2030, 1, 2)).diagnostics] == ["RC301", "RC406"]
    assert [each.split()[1] for each in said(f"# router: allow RC301 reason='x'\n{BASE}")] == ["RC407"]
    for wrong in ("RC301", "RC999 reason='x'", "RC301 reason='x' until=2030-02-30", "RC301 reason=''", "", "RC101 reason='x'"):
        assert [each.split()[1] for each in said(f"# router: allow {wrong}\n{BASE}")] == ["RC408"], wrong


def test_an_allowance_of_a_level_that_was_not_done_is_not_called_unused() -> None:
    assert judge(f"# router: allow RC301 reason='x'\n{BASE}", "schema").diagnostics == ()


def test_an_allowed_error_does_not_stand_in_the_way() -> None:
    assert judge(OPEN, "env").file is not None


def test_every_check_has_its_codes_in_the_catalogue_and_its_level() -> None:
    for each in CHECKS:
        assert each.codes
        assert [CATALOGUE[code.code] for code in each.codes] == list(each.codes)
        assert {code.level for code in each.codes} <= {each.level, "refs", "policy"}
