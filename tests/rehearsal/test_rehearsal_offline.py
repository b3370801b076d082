"""A configuration can be played where none of its secrets, files and providers are."""

from __future__ import annotations

from datetime import date

import pytest

from router.config.check import check
from router.config.diagnostics import ConfigError
from router.config.load import Source
from router.rehearsal.offline import Offline, address_of, offline, secret_of
from router.server.auth import authenticate

CONFIG = """\
version: 1
server:
  listen: 0.0.0.0:4000
  tls: {cert: /no/such/cert.pem, key: /no/such/key.pem}
  admin_token: ${file:/no/such/token}
  max_inflight: 7
providers:
  A: {type: openai, api_key: "${env:A_KEY}", optional: true, timeouts: {total: "${env:A_TOTAL}"}}
  a: {type: anthropic, api_key: "${file:/no/such/key}", headers: {x-team: "team ${env:TEAM}"}, retries: "${env:A_RETRIES:-2}"}
  twin: {type: openai_compatible, base_url: "https://${env:HOST}:8443/v1", api_key: none, tls: {ca_file: /no/such/ca.pem}}
  box: {type: sandbox}
models:
  fast: {targets: [A/x, a/y, twin/z, box/echo]}
keys:
  one: {secret: "${env:ONE}"}
  two: {secret: "${env:TWO}"}
  three: {hash: ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}
"""


def made(text: str = CONFIG) -> Offline:
    checked = check([Source("router.yaml", text.encode())], level="refs")
    assert not checked.diagnostics
    return offline(checked.document, date(2026, 11, 25))


def test_nothing_has_to_be_there() -> None:
    found = made()
    targets = found.snapshot.models["fast"].targets
    assert [target.off for target in targets] == [None] * 4
    assert found.snapshot.optional_off == {}
    assert targets[1].retries == 2  # A default of a reference is what holds.
    assert found.snapshot.server.max_inflight == 7


def test_every_provider_has_an_address_of_its_own_where_nobody_is() -> None:
    found = made()
    origins = {target.provider: next(iter(target.endpoints.values())).origin for target in found.snapshot.models["fast"].targets}
    assert {found.providers[address_of(origin)]: name for name, origin in origins.items()} == {
        name: name for name in ("A", "a", "twin", "box")
    }
    assert [origin.host.endswith(".invalid") for origin in origins.values()] == [True, True, True, False]
    assert origins["box"].scheme == "sandbox"


def test_every_key_can_ask() -> None:
    found = made()
    for name in ("one", "two", "three"):
        key = authenticate(found.snapshot, {"x-api-key": secret_of(name)})
        assert key is not None
        assert key.name == name


def test_what_only_compiling_finds_is_a_finding() -> None:
    with pytest.raises(ConfigError) as caught:
        made(CONFIG.replace("${env:A_RETRIES:-2}", "${env:A_RETRIES:-many}"))
    assert [(each.code, each.pointer) for each in caught.value.diagnostics] == [("RC602", "/providers/a/retries")]
