"""Checks of what failures lead to, of tests in the file, and of certificates: each finds what it is for, and nothing else."""

from __future__ import annotations

import re

import pytest

from router.config.check import Checked, check
from router.config.load import Source

PEM = b"-----BEGIN CERTIFICATE-----\n"
BASE = """\
version: 1
providers:
  openai: {type: openai, api_key: none}
  groq: {type: groq, api_key: none}
models:
  fast: {targets: [openai/a]}
  smart: {targets: [groq/b], also: [clever]}
  "gpt-*": {targets: ["openai/gpt-*"]}
keys: {web: {secret: "${env:WEB}"}}
"""


def judge(text: str, files: dict[str, bytes] | None = None) -> Checked:
    def read_file(name: str) -> bytes:
        if files is None or name not in files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return files[name]

    level = "policy" if files is None else "env"
    return check([Source("r.yaml", text.encode())], level=level, environ={"WEB": "x", "CA": "/ca"}, read_file=read_file)


def said(text: str, files: dict[str, bytes] | None = None) -> list[str]:
    """`line:column code message` of every finding."""
    return [
        f"{each.place.range.start.line}:{each.place.range.start.column} {each.code} {each.message}"
        for each in judge(text, files).diagnostics
    ]


def fixes(text: str) -> list[str]:
    return [suggestion.title for each in judge(text).diagnostics for suggestion in each.suggestions]


def test_the_base_of_these_tests_has_no_finding() -> None:
    assert said(BASE, {}) == []


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        ("context: {next: [smart, clever, groq/c, gpt-5]}", []),
        ("context: {next: none, retry: 2}", []),
        ("context: {next: [smrt]}", ["6:59 RC202 no model is named `smrt`"]),
        ("context: {next: [gorq/b]}", ["6:59 RC201 no provider is named `gorq`"]),
        ("context: {next: [fast]}", ["6:59 RC210 `outcomes.context.next` of `models.fast` names the model itself"]),
        ('context: {next: ["groq/*"]}', ["6:65 RC203 `groq/*` has a `*`, and the name `fast` has none"]),
        ("context: {next: []}", ["6:58 RC108 `models.fast.outcomes.context.next` is empty"]),
        ("context: {next: nobody}", ["6:58 RC107 `models.fast.outcomes.context.next`: 'nobody' is not of the right form"]),
        ("contxt: {next: [smart]}", ["6:42 RC101 unknown key `contxt` in `models.fast.outcomes`"]),
        ("context: {retry: 11}", ["6:59 RC105 `models.fast.outcomes.context.retry`: 11 is out of range"]),
    ],
)
def test_what_outcomes_lead_to(outcomes: str, found: list[str]) -> None:
    assert said(BASE.replace("[openai/a]}", f"[openai/a], outcomes: {{{outcomes}}}}}")) == found


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("fast", []),
        ("groq/c", []),
        ("smrt", ["10:40 RC202 no model is named `smrt`"]),
        ("gorq/b", ["10:40 RC201 no provider is named `gorq`"]),
        ('"groq/*"', ["10:46 RC203 `groq/*` has a `*`, and `defaults` has no name"]),
    ],
)
def test_defaults_may_send_to_any_model_that_is_there(entry: str, found: list[str]) -> None:
    assert said(f"{BASE}defaults: {{outcomes: {{context: {{next: [{entry}]}}}}}}\n") == found


@pytest.mark.parametrize(
    ("model", "defaults", "found"),
    [
        ("midstream: guard, guard: 2s", "{}", []),
        ("guard: 2s", "{midstream: guard}", []),
        ("midstream: guard", "{guard: 2s}", []),
        ("visible: true", "{guard: 2s}", []),
        ("guard: 2s", "{}", ["6:31 RC411 `models.fast.guard` does nothing: its midstream is continue"]),
        ("guard: 2s, midstream: buffer", "{}", ["6:31 RC411 `models.fast.guard` does nothing: its midstream is buffer"]),
    ],
)
def test_a_guard_is_read_where_midstream_says_so(model: str, defaults: str, found: list[str]) -> None:
    assert said(BASE.replace("[openai/a]}", f"[openai/a], {model}}}") + f"defaults: {defaults}\n") == found


@pytest.mark.parametrize(
    ("provider", "defaults", "found"),
    [
        ("health: {probe: 5s}", "{}", []),
        ("health: {probe: 4s}", "{}", ["3:57 RC412 `openai` is probed more often than its breaker stays open"]),
        ("health: {probe: 4s}", "{breaker: {open: 2s}}", []),
        ("health: {probe: 4s}", "{breaker: none}", []),
        ("health: {probe: 4s}, breaker: none", "{breaker: {open: 9s}}", []),
        (
            "health: {probe: 9s}, breaker: {open: 10s}",
            "{}",
            ["3:57 RC412 `openai` is probed more often than its breaker stays open"],
        ),
        ("health: none", "{}", []),
        ("health: {probe: 4}", "{}", ["3:57 RC112 `providers.openai.health.probe` needs a unit"]),
    ],
)
def test_a_probe_leaves_a_breaker_its_time(provider: str, defaults: str, found: list[str]) -> None:
    text = BASE.replace("type: openai, api_key: none", f"type: openai, api_key: none, {provider}")
    assert said(f"{text}defaults: {defaults}\n") == found


def case(given: str = "model: fast", expect: str = "status: 200", world: str = "", name: str = "one") -> str:
    return f"  - name: {name}\n    given: {{{given}}}\n    world: {{{world}}}\n    expect: {{{expect}}}\n"


DRILL = "model: fast, load: {rate: 1/1s, for: 1m}"
TROUBLE = "one of down, off and status, or latency"
GOOD = [
    case("model: fast, key: web, headers: {x-tier: gold}, stream: true, repeat: 2"),
    case("model: clever", "target: groq/b, attempts: {lte: 2}"),
    case("model: gpt-5", "targets: [openai/gpt-5]"),
    case("model: nobody", "status: 404"),
    case("model: nobody", "code: model_not_found"),
    case(world="openai: {down: true}, groq/b: {latency: 1s, from: 1s, to: 2s}, openai/gpt-5: {status: 500}"),
    case(world='clock: "2028-02-28T10:00:00+02:00", health: {openai: open, groq/b: parked}'),
    case("model: fast, load: {rate: 50/1s, for: 5m}", "errors: 0, p99_added: {lt: 3s}, attempts_per_request: 1, cost_usd: 1"),
]


def test_tests_of_what_is_there_have_no_finding() -> None:
    text = "".join(each.replace("name: one", f"name: number {number}") for number, each in enumerate(GOOD))
    assert said(f"{BASE}tests:\n{text}") == []


@pytest.mark.parametrize(
    ("written", "found", "fix"),
    [
        (case("model: fsat"), ["12:20 RC202 no model is named `fsat`"], ["fast? 6:3"]),
        (case("model: fast, key: wen"), ["12:31 RC214 no client key is named `wen`"], ["web? 9:8"]),
        (case(expect="target: opnai/a"), ["14:22 RC201 no provider is named `opnai`"], ["openai? 3:3"]),
        (case(expect="target: groq/b"), ["14:22 RC215 `fast` does not lead to `groq/b`"], []),
        (case(expect="targets: [openai/a, openai/b]"), ["14:34 RC215 `fast` does not lead to `openai/b`"], ["openai/a?"]),
        (case(world="gorq: {down: true}"), ["13:13 RC201 no provider is named `gorq`"], ["groq? 4:3"]),
        (case(world="clok: {down: true}"), ["13:13 RC201 no provider is named `clok`"], ["clock?"]),
        (case(world="groq/c: {down: true}"), ["13:13 RC215 no model has the target `groq/c`"], ["groq/b?"]),
        (case(world="health: {groq/c: open}"), ["13:22 RC215 no model has the target `groq/c`"], ["groq/b?"]),
        (case(expect="errors: 0"), ["14:14 RC217 `expect.errors` is of drills only"], []),
        (case(DRILL, "attempts: 1"), ["14:14 RC217 `expect.attempts` is of one request, and this is a drill"], []),
        (
            case(world="groq: {down: true, from: 2m, to: 1m}"),
            ["13:46 RC218 `groq` behaves so for no time: `to` is not later than `from`"],
            [],
        ),
        (case() + case(), ["15:11 RC216 two tests are named `one`"], []),
        (case(expect=""), ["14:13 RC109 `tests.0.expect` needs something to expect"], []),
        (case(world="groq: {}"), [f"13:19 RC109 `tests.0.world.groq` needs {TROUBLE}"], []),
        (case(world="groq: {down: true, status: 500}"), [f"13:19 RC109 `tests.0.world.groq` needs {TROUBLE}"], []),
        (case(DRILL + ", repeat: 2", "errors: 0"), ["12:12 RC109 `tests.0.given` needs repeat or load, not both"], []),
        (case(expect="attempts: {}"), ["14:24 RC109 `tests.0.expect.attempts` needs lt, lte, gt or gte"], []),
        (case("model: fast, tokens_in: 3"), ["12:26 RC101 unknown key `tokens_in` in `tests.0.given`"], []),
        (
            case(world="spent: {web: 19}"),
            ["13:13 RC201 no provider is named `spent`", "13:21 RC101 unknown key `web` in `tests.0.world.spent`"],
            [],
        ),
        (case(expect="rule: vip"), ["14:14 RC101 unknown key `rule` in `tests.0.expect`"], []),
    ],
)
def test_a_test_that_can_show_nothing_is_a_finding(written: str, found: list[str], fix: list[str]) -> None:
    text = f"{BASE}tests:\n{written}"
    assert sorted(said(text)) == sorted(found)
    assert [re.sub(r"did you mean `(.*)`\?(?: declared at r.yaml:)?", r"\1? ", each).strip() for each in fixes(text)] == fix


def test_a_target_behind_a_fallback_or_an_outcome_may_be_expected() -> None:
    models = BASE.replace("[openai/a]}", "[openai/a], fallback: [groq/d], outcomes: {context: {next: [smart, gpt-5]}}}")
    expected = ("openai/a", "groq/d", "groq/b", "openai/gpt-5", "openai/z")
    text = "".join(case(expect=f"target: {target}", name=f"to {target}") for target in expected)
    assert said(f"{models}defaults: {{outcomes: {{empty: {{next: [openai/z]}}}}}}\ntests:\n{text}") == []


TLS = BASE.replace("api_key: none}\n  groq", "api_key: none, tls: {ca_file: /ca, client_cert: /cert}}\n  groq")


@pytest.mark.parametrize(
    ("text", "files", "found"),
    [
        (TLS, {"/ca": PEM, "/cert": b"some text\n" + PEM}, []),
        (TLS, {"/ca": PEM}, ["3:74 RC606 `providers.openai.tls.client_cert`: /cert cannot be read: No such file or directory"]),
        (
            TLS,
            {"/ca": b"\x30\x82", "/cert": PEM},
            ["3:56 RC606 `providers.openai.tls.ca_file`: /ca holds no certificate or key in PEM"],
        ),
        (TLS.replace("ca_file: /ca", 'ca_file: "${env:CA}"').replace("/cert", "none"), {"/ca": PEM}, []),
        (TLS.replace("none, tls", "none, base_url: http://h, tls"), {}, []),
        (TLS.replace("api_key: none, tls", 'api_key: "${env:NO}", optional: true, tls'), {}, []),
        (
            f"{BASE}server: {{tls: {{cert: /c, key: /k}}}}\n",
            {"/c": PEM},
            ["10:31 RC606 `server.tls.key`: /k cannot be read: No such file or directory"],
        ),
        (f"{BASE}server: {{tls: none}}\n", {}, []),
    ],
)
def test_certificates_that_cannot_be_used_are_found_where_the_configuration_is(
    text: str, files: dict[str, bytes], found: list[str]
) -> None:
    assert said(text, files) == found


def test_off_is_a_key_like_any_other() -> None:
    text = case(world="openai: {off: true}")
    assert said(f"{BASE}tests:\n{text}") == []
    assert "13:22 RC111 `no` has two meanings" in said(f"{BASE}tests:\n{text.replace('off: true', 'no: true')}")
