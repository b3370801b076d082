"""What a file means: settings inherited, addresses built, prices resolved, keys hashed. Whole values, from text to Snapshot."""

import hashlib
from datetime import date

import pytest

from router import __version__
from router.config.compile import compile_config
from router.config.diagnostics import ConfigError
from router.config.load import Source, load
from router.config.model import read
from router.config.references import resolve
from router.pricing.price import FREE, build_price, discounted
from router.secret import Secret
from router.snapshot import (
    Backoff,
    Fault,
    Listener,
    LogSettings,
    Origin,
    Pacing,
    SandboxSettings,
    ServerSettings,
    Snapshot,
    StreamSettings,
    Timeouts,
    Tls,
)
from router.wire.base import Prefill, Wanted

AT = date(2026, 11, 25)
ENVIRON = {"KEY": "sk-upstream-1", "APP": "app-secret-1", "N": "3", "T": "7s", "ADMIN": "admin-secret"}


def compiled(text: str, environ: dict[str, str] | None = None) -> Snapshot:
    document, problems = load([Source("router.yaml", text.encode())])
    assert document is not None
    resolved, more = resolve(document, ENVIRON if environ is None else environ, lambda path: b"file-secret\n")
    assert problems + more == []
    return compile_config(read(resolved), resolved, generation=7, digest="abc", at=AT)


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as error:
        compiled(text)
    return [(each.code, each.pointer) for each in error.value.diagnostics]


SMALL = """\
version: 1
providers:
  openai: {type: openai, api_key: "${env:KEY}"}
models:
  fast: {targets: [openai/gpt-4o-mini]}
"""
BUILT_IN_TIMEOUTS = Timeouts(connect=5.0, first_token=10.0, last_first_token=60.0, idle=30.0, answer=120.0, total=600.0)


def test_the_smallest_useful_file_has_every_default_of_the_language():
    snapshot = compiled(SMALL)
    assert (snapshot.generation, snapshot.hash, snapshot.prices_missing) == (7, "abc", "reject_if_budgeted")
    assert snapshot.server == ServerSettings(
        listen=Listener("127.0.0.1", 4000),
        admin=Listener("127.0.0.1", 8081),
        admin_token=None,
        auth="none",
        tls_cert=None,
        tls_key=None,
        max_body=64 * 1024 * 1024,
        max_inflight=2000,
        drain_delay=5.0,
        drain_timeout=120.0,
        watch="auto",
        settle=3.0,
    )
    assert snapshot.log == LogSettings("info", "json", "all")
    model = snapshot.model("fast")
    assert (model.name, model.max_attempts, model.deadline, model.visible) == ("fast", 4, 600.0, True)
    assert (model.stream, model.fallback) == (StreamSettings(8.0, 15.0), ())
    (target,) = model.targets
    assert (target.id, target.label, target.provider, target.model) == ("openai/gpt-4o-mini",) * 2 + ("openai", "gpt-4o-mini")
    assert (target.tier, target.weight, target.off, target.retries, target.pacing) == (1, 1, None, 1, None)
    assert (target.timeouts, target.backoff) == (BUILT_IN_TIMEOUTS, Backoff(0.25, 5.0))
    assert target.wanted == Wanted(model="gpt-4o-mini")
    assert target.price is not None
    assert target.price.source.startswith("genai-prices")


def test_every_setting_comes_from_the_nearest_level_that_says_it():
    snapshot = compiled("""\
version: 1
defaults:
  timeouts: {connect: 1s, first_token: 1s, idle: 1s, answer: 1s}
  retries: 2
  params: {temperature: 0.1, top_p: 0.1, seed: 1, extra: {a: 1, b: 1}}
  deadline: 11s
  max_attempts: 2
  stream: {ping: 1s}
  strategy: weighted
providers:
  p:
    type: openai
    api_key: none
    timeouts: {first_token: 2s, idle: 2s, answer: 2s}
    backoff: {base: 2s}
    params: {top_p: 0.2, seed: 2, extra: {b: 2, c: 2}}
models:
  m:
    timeouts: {idle: 3s, answer: 3s}
    retries: 0
    params: {seed: 3}
    deadline: 33s
    targets: [{target: p/x, timeouts: {answer: 4s}, backoff: {max: 4s}, params: {max_tokens: 4k}}]
  w: {targets: [p/x]}
""")
    m, w = (snapshot.model(name) for name in "mw")
    assert m.targets[0].timeouts == Timeouts(
        connect=1.0, first_token=2.0, last_first_token=60.0, idle=3.0, answer=4.0, total=600.0
    )
    assert w.targets[0].timeouts == Timeouts(
        connect=1.0, first_token=2.0, last_first_token=60.0, idle=2.0, answer=2.0, total=600.0
    )
    assert (m.targets[0].retries, w.targets[0].retries) == (0, 2)
    assert (m.targets[0].backoff, w.targets[0].backoff) == (Backoff(2.0, 4.0), Backoff(2.0, 5.0))
    below = {"temperature": 0.1, "top_p": 0.2, "extra": {"a": 1, "b": 2, "c": 2}}
    assert m.targets[0].wanted.params == {**below, "seed": 3, "max_tokens": 4000}
    assert w.targets[0].wanted.params == {**below, "seed": 2}
    assert (m.deadline, w.deadline, w.max_attempts, w.stream) == (33.0, 11.0, 2, StreamSettings(8.0, 1.0))
    assert m.strategy is w.strategy is compiled(SMALL.replace("fast: {", "fast: {strategy: weighted, ")).model("fast").strategy


def test_references_reach_numbers_durations_and_secrets():
    snapshot = compiled(
        SMALL.replace(
            "models:", "defaults: {retries: '${env:N}', deadline: '${env:T}', params: {max_tokens: '${env:N}'}}\nmodels:"
        )
    )
    (target,) = snapshot.model("fast").targets
    assert (target.retries, snapshot.model("fast").deadline, target.wanted.params) == (3, 7.0, {"max_tokens": 3})
    assert dict(target.endpoints["openai_chat"].headers)["authorization"] == "Bearer sk-upstream-1"


@pytest.mark.parametrize("text", ["retries: '${env:KEY}'", "deadline: '${env:KEY}'", "params: {max_tokens: '${env:KEY}'}"])
def test_a_reference_of_the_wrong_form_is_refused_without_its_value(text):
    document, _ = load([Source("router.yaml", SMALL.replace("models:", f"defaults: {{{text}}}\nmodels:").encode())])
    assert document is not None
    resolved, _ = resolve(document, ENVIRON, lambda path: b"")
    with pytest.raises(ConfigError) as error:
        read(resolved)
    assert [each.code for each in error.value.diagnostics] == ["RC602"]
    assert "sk-upstream" not in f"{error.value!r}{error.value.diagnostics!r}{error.value.__context__!r}"


def test_secrets_are_known_for_cleaning_and_shown_nowhere():
    snapshot = compiled(
        SMALL.replace(
            "models:",
            "  q: {type: openai, api_key: none, headers: {X-Auth: 'Token ${env:T}${env:N}zzz'}, proxy: 'http://u:pass1@h:1'}\nmodels:",
        )
        + 'server: {admin_token: "${env:ADMIN}"}\nkeys: {app: {secret: "${env:APP}"}}\n'
    )
    expected = {"sk-upstream-1", "app-secret-1", "admin-secret", "Token 7s3zzz", "7s3zzz", "pass1"}
    assert snapshot.secrets == expected
    assert snapshot.server.admin_token == Secret("admin-secret", "env:ADMIN")
    shown = repr(snapshot) + repr(snapshot.model("fast"))
    assert [secret for secret in expected - {"pass1"} if secret in shown] == []


@pytest.mark.parametrize(
    ("provider", "origin", "path"),
    [
        ("type: openai, api_key: none", Origin("https", "api.openai.com", 443), "/v1/chat/completions"),
        ("type: openai, api_key: none, base_url: 'http://h:8/v1/'", Origin("http", "h", 8), "/v1/chat/completions"),
        ("type: openai, api_key: none, base_url: 'http://h:8'", Origin("http", "h", 8), "/v1/chat/completions"),
        (
            "type: openai, api_key: none, base_url: 'http://[::1]:8/a/v1?x=1'",
            Origin("http", "::1", 8),
            "/a/v1/chat/completions?x=1",
        ),
        (
            "type: openai_compatible, api_key: none, base_url: 'https://h/api/v3'",
            Origin("https", "h", 443),
            "/api/v3/chat/completions",
        ),
        (
            "type: openai_compatible, api_key: none, base_url: 'http://h/v1/chat/completions'",
            Origin("http", "h", 80),
            "/v1/chat/completions",
        ),
        (
            "type: openai, api_key: none, base_url: 'http://h:8', tls: {ca_file: /ca}",
            Origin("http", "h", 8),
            "/v1/chat/completions",
        ),
        (
            "type: openai, api_key: none, proxy: 'http://p:3128', tls: {ca_file: /ca, client_cert: /c, client_key: /k}",
            Origin("https", "api.openai.com", 443, Tls("/ca", True, "/c", "/k"), "http://p:3128"),
            "/v1/chat/completions",
        ),
    ],
)
def test_a_base_url_may_be_written_with_or_without_its_version(provider, origin, path):
    snapshot = compiled(SMALL.replace("  openai: {", f"  p: {{{provider}}}\n  openai: {{").replace("openai/gpt-4o-mini", "p/x"))
    endpoint = snapshot.model("fast").targets[0].endpoints["openai_chat"]
    assert (endpoint.origin, endpoint.path, endpoint.connect) == (origin, path, 5.0)


def test_headers_are_complete_and_the_files_own_come_last():
    text = SMALL.replace(
        "openai: {type: openai,", "openai: {type: anthropic, headers: {X-Team: search, Anthropic-Version: '2026-10-21'},"
    )
    endpoint = compiled(text).model("fast").targets[0].endpoints["anthropic_messages"]
    assert endpoint.headers == (
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", f"router/{__version__}"),
        ("x-api-key", "sk-upstream-1"),
        ("x-team", "search"),
        ("anthropic-version", "2026-10-21"),
    )
    assert (endpoint.defaults, endpoint.passes) == ((), frozenset({"anthropic-beta"}))


def test_a_provider_of_two_formats_has_an_endpoint_for_each_unless_one_is_forced():
    both = compiled(SMALL.replace("type: openai", "type: ollama")).model("fast").targets[0]
    one = compiled(SMALL.replace("type: openai", "type: ollama, format: anthropic_messages")).model("fast").targets[0]
    assert {name: each.path for name, each in both.endpoints.items()} == {
        "openai_chat": "/v1/chat/completions",
        "anthropic_messages": "/v1/messages",
    }
    assert list(one.endpoints) == ["anthropic_messages"]


def test_names_quirks_and_pacing_reach_the_target():
    text = SMALL.replace(
        "type: openai,",
        "type: mistral, names: {gpt-4o-mini: prod-1}, quirks: {stream_usage: true}, pacing: {rate: 8/1s, burst: 4},",
    )
    (target,) = compiled(text).model("fast").targets
    assert (target.id, target.model) == ("openai/gpt-4o-mini", "prod-1")
    told = Prefill(message={"prefix": True}, repeats=True)
    assert target.wanted == Wanted(model="prod-1", max_tokens_field="max_tokens", stream_usage=True, prefill=told)
    assert target.pacing == Pacing(8, 1.0, 4)


def test_the_sandbox_needs_no_address():
    faults = "faults: [{status: 429, share: 5%, retry_after: 1s}, {stream: cut, after_tokens: 2}]"
    text = f"type: sandbox, first_token: 0s, seed: 3, reply: Hi, {faults},"
    snapshot = compiled(SMALL.replace("type: openai,", text).replace('api_key: "${env:KEY}"', "tokens_per_second: 9"))
    (target,) = snapshot.model("fast").targets
    expected = (Fault(429, None, 0.05, 1.0, 0), Fault(None, "cut", 1.0, None, 2))
    assert {each.sandbox for each in target.endpoints.values()} == {SandboxSettings(0.0, 9, "Hi", expected, 3)}
    assert {each.origin for each in target.endpoints.values()} == {Origin("sandbox", "openai", 0)}


def test_an_optional_provider_without_its_key_leaves_targets_that_are_off():
    snapshot = compiled(
        SMALL.replace("type: openai,", "type: openai, optional: true, retries: '${env:NO}', base_url: '${env:NO}',"), {}
    )
    (target,) = snapshot.model("fast").targets
    assert (target.off, target.endpoints) == (snapshot.optional_off["openai"], {})
    assert set(snapshot.optional_off) == {"openai"}
    assert target.off


PRICED = """\
version: 1
providers:
  openai: {type: openai, api_key: none}
  own: {type: openai, api_key: none, price: {request: 0.01}, discount: 50%}
  other: {type: openai_compatible, api_key: none, base_url: "http://h"}
models:
  m:
    targets:
      - {target: own/a, price: {input: 3, output: 15, above: {200k: {input: 6}}}}
      - own/b
      - other/small-1
      - other/large
      - {target: other/large, price: free}
      - other/unknown
prices:
  targets: {"other/*": {input: 9, output: 9}, "other/small-*": free, "other/unknown": {request: 1}, "oth*": free}
"""


def test_the_nearest_price_wins_and_the_discount_comes_last():
    prices = [target.price for target in compiled(PRICED.replace(', "oth*": free', "")).model("m").targets]
    assert prices == [
        discounted(build_price({"input": 3, "output": 15}, above={200_000: {"input": 6}}), 0.5),
        discounted(build_price({}, request=0.01), 0.5),
        FREE,
        build_price({"input": 9, "output": 9}),
        FREE,
        build_price({}, request=1),
    ]


def test_a_price_nobody_knows_is_unknown_and_not_free():
    text = SMALL.replace("type: openai,", "type: openai_compatible, base_url: 'http://h',")
    assert compiled(text).model("fast").targets[0].price is None


@pytest.mark.parametrize(
    ("price", "pointer"),
    [
        ("{input: 0.00000000001, output: 1}", "/models/fast/targets/0/price"),
        ("{request: 1, above: {200k: {}, 200000: {}}}", "/models/fast/targets/0/price"),
    ],
)
def test_a_price_that_cannot_be_charged_is_refused(price, pointer):
    assert refused(SMALL.replace("[openai/gpt-4o-mini]", f"[{{target: openai/x, price: {price}}}]")) == [("RC115", pointer)]


@pytest.mark.parametrize(
    ("server", "auth"),
    [
        ("listen: 127.0.0.1:1", "none"),
        ("listen: '[::1]:1'", "none"),
        ("listen: localhost:1", "none"),
        ("listen: 0.0.0.0:1, auth: none", "none"),
        ("listen: 127.0.0.1:1, auth: keys", "keys"),
    ],
)
def test_who_is_let_in_where_there_are_no_keys(server, auth):
    assert compiled(SMALL + f"server: {{{server}}}").server.auth == auth


def test_an_open_listener_needs_keys_or_the_word_none():
    assert refused(SMALL + "server: {listen: 0.0.0.0:4000}") == [("RC410", "/server/listen")]
    assert compiled(SMALL + "server: {listen: 0.0.0.0:4000}\nkeys: {a: {secret: '${env:APP}'}}").server.auth == "keys"


def test_keys_are_found_by_the_hash_of_the_whole_secret():
    digest = hashlib.sha256(b"other").hexdigest()
    text = f"""\
keys:
  a: {{secret: "${{env:APP}}", hash: sha256:{digest.upper()}}}
  b: {{hash: ["sha256:{"0" * 64}"], enabled: false}}
"""
    snapshot = compiled(SMALL + text)
    found = {key: (each.name, each.enabled) for key, each in snapshot.keys.items()}
    assert found == {hashlib.sha256(b"app-secret-1").hexdigest(): ("a", True), digest: ("a", True), "0" * 64: ("b", False)}


def test_one_secret_is_one_key():
    assert refused(SMALL + "keys: {a: {secret: '${env:APP}'}, b: {secret: '${env:APP}'}}") == [("RC304", "/keys/b")]


def test_one_header_in_two_spellings_is_written_twice():
    assert refused(SMALL.replace("type: openai,", "type: openai, headers: {X-Team: a, x-team: b},")) == [
        ("RC102", "/providers/openai/headers")
    ]
