"""What the shape check says: one finding for each mistake, at its place, with what to write instead."""

import pytest

from router.config.load import Source, load
from router.config.schema import check_shape

BASE = """\
version: 1
providers:
  openai: {type: openai, api_key: "${env:KEY}"}
models:
  fast: {targets: [openai/gpt-4o-mini]}
"""


def findings(text: str) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Code, pointer, label, and the texts of the suggested edits."""
    document, problems = load([Source("router.yaml", text.encode())])
    assert document is not None
    assert [each for each in problems if each.code != "RC113"] == []
    return [
        (each.code, each.pointer, each.label, tuple(edit.text for fix in each.suggestions for edit in fix.edits))
        for each in check_shape(document)
    ]


def test_a_good_file_has_no_findings():
    assert findings(BASE) == []


NEEDS = "expected "
DURATION = "expected a duration such as 250ms, 30s, 5m, 24h or 7d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {drain: {timeout: 30}}", ("RC112", "/server/drain/timeout", "30s, 30ms or 30m", ())),
        ('server: {drain: {timeout: "30"}}', ("RC112", "/server/drain/timeout", "30s, 30ms or 30m", ())),
        ("server: {drain: {timeout: 30sec}}", ("RC107", "/server/drain/timeout", DURATION, ("30s",))),
        ("server: {drain: {timeout: [3s]}}", ("RC103", "/server/drain/timeout", DURATION, ())),
        ("server: {drain: 5s}", ("RC103", "/server/drain", "expected a map", ())),
        ("server: {max_body: 64MB}", ("RC107", "/server/max_body", "expected a size such as 64KiB, 64MiB or 1GiB", ("64MiB",))),
        ("server: {max_body: 64}", ("RC112", "/server/max_body", "64MiB, 64KiB or 64GiB", ())),
        ("server: {max_inflight: 0}", ("RC105", "/server/max_inflight", "expected a whole number from 1 to 1000000", ())),
        ('server: {max_inflight: "5"}', ("RC107", "/server/max_inflight", "expected a whole number from 1 to 1000000", ("5",))),
        ("server: {max_inflight: true}", ("RC103", "/server/max_inflight", "expected a whole number from 1 to 1000000", ())),
        ("server: {auth: key}", ("RC104", "/server/auth", "not known here", ("keys",))),
        ("server: {admin: 8081}", ("RC103", "/server/admin", "expected HOST:PORT, unix:/PATH or none", ('"8081"',))),
        ("server: {tls: off-ish}", ("RC107", "/server/tls", "expected a map with cert and key, or none", ())),
        ("server: {tls: {cert: a.crt}}", ("RC106", "/server/tls/key", "add key", ())),
        ("server: {listn: 127.0.0.1:1}", ("RC101", "/server/listn", "not a key of `server`", ("listen",))),
        ("rules: []", ("RC101", "/rules", "not a key of the file", ())),
        ("defaults: {strategy: fastest}", ("RC104", "/defaults/strategy", "not known here", ())),
        ("defaults: {strategy: {type: weigthed}}", ("RC104", "/defaults/strategy/type", "not known here", ("weighted",))),
        ("defaults: {params: {stream: true}}", ("RC110", "/defaults/params/stream", "expected a parameter the file may set", ())),
        ("keys: {app: {}}", ("RC109", "/keys/app", "as it is, it says nothing clear", ())),
        ("keys: {app: {hash: abc}}", ("RC107", "/keys/app/hash", "expected sha256: and 64 hexadecimal digits", ())),
        ("prices: {targets: {a/b: {input: 3}}}", ("RC106", "/prices/targets/a~1b/output", "input and output, or request", ())),
        ("log: {level: inof}", ("RC104", "/log/level", "not known here", ("info",))),
    ],
)
def test_each_mistake_has_one_finding_of_its_own(text, expected):
    assert findings(BASE + text) == [expected]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("{type: opnai, api_key: none}", [("RC104", "/providers/a/type", "not known here", ("openai",))]),
        ("{tpye: openai, api_key: none}", [("RC101", "/providers/a/tpye", "not a key of a provider", ("type",))]),
        ("{type: openai, api_kee: none}", [("RC101", "/providers/a/api_kee", "not a key of an openai provider", ("api_key",))]),
        ("{type: groq}", [("RC106", "/providers/a/api_key", "add api_key", ())]),
        ("{type: groq, api_key: none, seed: 3}", [("RC101", "/providers/a/seed", "not a key of a groq provider", ())]),
        ("{type: ollama}", []),
        ("{type: openai_compatible, api_key: none}", [("RC106", "/providers/a/base_url", "add base_url", ())]),
        (
            "{type: mistral, api_key: none, format: anthropic_messages}",
            [("RC104", "/providers/a/format", "not known here", ())],
        ),
        (
            "{type: sandbox, faults: [{share: 5%}]}",
            [("RC106", "/providers/a/faults/0/stream", "status or stream", ())],
        ),
        ("{type: sandbox, api_key: none}", [("RC101", "/providers/a/api_key", "not a key of a sandbox provider", ())]),
    ],
)
def test_a_provider_is_judged_by_what_its_type_has(provider, expected):
    assert findings(BASE.replace("models:", f"  a: {provider}\nmodels:")) == expected


@pytest.mark.parametrize("key", ["client", "sk-abc def", "5"])
def test_what_stands_in_the_place_of_a_secret_is_never_repeated(key):
    document, _ = load([Source("router.yaml", BASE.replace('"${env:KEY}"', f'"{key}"').encode())])
    assert document is not None
    assert all(key not in f"{each.message}{each.label}" for each in check_shape(document))


def test_all_mistakes_are_found_at_once():
    text = BASE + "server: {auth: key, drain: {delay: 5}}\nlog: {formt: json}\n"
    assert [each[0] for each in findings(text)] == ["RC104", "RC112", "RC101"]


def test_a_list_of_one_may_not_be_left_out_and_the_fix_is_said():
    text = BASE.replace("[openai/gpt-4o-mini]", "openai/gpt-4o-mini")
    assert findings(text) == [("RC103", "/models/fast/targets", "expected a list", ('["openai/gpt-4o-mini"]',))]


def test_nulls_are_the_readers_finding():
    assert findings(BASE + "server:\n") == []


@pytest.mark.parametrize(
    "text", ["server: {max_inflight: '${env:N}', auth: '${env:A}', drain: {delay: '${file:/a}'}}", "x-note: [1]"]
)
def test_a_reference_may_stand_for_any_scalar_and_notes_are_free(text):
    assert findings(BASE + text) == []


def test_a_reference_in_the_middle_of_a_number_is_none():
    assert [each[0] for each in findings(BASE + "server: {max_inflight: '1${env:N}'}")] == ["RC107"]
