"""From the file's model to a Snapshot: names become objects, nothing is left to look up. Everything that can fail fails here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Any, Literal

from router.config.compile_models import ModelCompiler
from router.config.compile_targets import TargetCompiler, first, found
from router.config.diagnostics import ConfigError, Diagnostic
from router.config.endpoints import build_probe
from router.config.model import ConfigFile
from router.config.model.names import KeyConfig
from router.config.model.provider import RemoteProvider
from router.config.model.settings import BUILT_IN
from router.config.references import Resolved, ResolvedDocument
from router.config.tree import Document
from router.snapshot import ClientKey, Listener, LogSettings, Model, Pattern, Probe, ServerSettings, Snapshot

_SHORTEST_SECRET = 4  # Cleaning error texts of shorter ones would tear holes into ordinary words.
_CREDENTIAL_HEADERS = {"authorization", "x-api-key", "api-key", "proxy-authorization"}


def compile_config(file: ConfigFile, document: Document, *, generation: int, digest: str, at: date | None = None) -> Snapshot:
    """The snapshot of a file whose shape and names were checked and whose references are resolved.

    `at` is the day prices are taken for (today, if None). Raises `ConfigError` with every finding.
    """
    off = document.off if isinstance(document, ResolvedDocument) else {}
    targets = TargetCompiler(file, document, off, at or datetime.now(UTC).date())
    models = ModelCompiler(file, document, targets)
    exact, patterns = models.compile()
    findings = [*targets.findings, *models.findings]
    findings += _twice(file, document)
    keys = _keys(file, document, exact, patterns, findings)
    server = _server(file, document, findings)
    if findings:
        raise ConfigError(findings)
    return Snapshot(
        generation=generation,
        hash=digest,
        server=server,
        log=LogSettings(file.log.level, file.log.format, file.log.requests),
        models=exact,
        patterns=patterns,
        keys=keys,
        secrets=frozenset(secret for secret in _secrets(file, document) if len(secret) >= _SHORTEST_SECRET),
        optional_off=dict(off),
        prices_missing=file.prices.missing,
        probes=tuple(_probes(file, off)),
    )


def _probes(file: ConfigFile, off: Mapping[str, str]) -> Iterator[Probe]:
    for name, provider in file.providers.items():
        if isinstance(provider, RemoteProvider) and name not in off:
            connect = first(level.timeouts.connect for level in (provider, file.defaults, BUILT_IN))
            probe = build_probe(name, provider, connect)
            if probe is not None:
                yield probe


def _twice(file: ConfigFile, document: Document) -> Iterator[Diagnostic]:
    """Headers that differ in the case of their letters only: which of them would be sent is anyone's guess."""
    for name, provider in file.providers.items():
        if isinstance(provider, RemoteProvider) and len(provider.headers) < len(_headers(document, name)):
            yield found(
                document, ("providers", name, "headers"), "RC102", "a header is written twice", "case does not matter here"
            )


def _headers(document: Document, provider: str) -> Mapping[str, Any]:
    """As the file has them: with the origins of what came from references."""
    headers: Mapping[str, Any] = document.value["providers"][provider].get("headers", {})
    return headers


def _server(file: ConfigFile, document: Document, findings: list[Diagnostic]) -> ServerSettings:
    server = file.server
    auth: Literal["keys", "none"]
    if server.auth is not None:
        auth = server.auth
    elif file.keys:
        auth = "keys"
    else:
        auth = "none"
        if not is_loopback(server.listen):
            message = f"`server.listen` {server.listen} is open to the network, and nobody needs a key"
            findings.append(found(document, ("server", "listen"), "RC410", message, "give clients keys, or say auth: none"))
    return ServerSettings(
        listen=server.listen,
        admin=server.admin,
        admin_token=server.admin_token,
        auth=auth,
        tls_cert=server.tls.cert if server.tls else None,
        tls_key=server.tls.key if server.tls else None,
        max_body=server.max_body,
        max_inflight=server.max_inflight,
        drain_delay=server.drain.delay,
        drain_timeout=server.drain.timeout,
        watch=server.reload.watch,
        settle=server.reload.settle,
    )


def is_loopback(listener: Listener) -> bool:
    """Whether only this machine can reach it."""
    if listener.path or listener.host == "localhost":
        return True
    try:
        return ip_address(listener.host).is_loopback
    except ValueError:
        return False


def _keys(
    file: ConfigFile, document: Document, exact: Mapping[str, Model], patterns: tuple[Pattern, ...], findings: list[Diagnostic]
) -> dict[str, ClientKey]:
    keys: dict[str, ClientKey] = {}
    for name, written in file.keys.items():
        key = ClientKey(name, written.enabled, _Allowance(written, exact, patterns))
        for digest in _digests(written):
            if digest in keys:
                message = f"the keys `{keys[digest].name}` and `{name}` have the same secret"
                findings.append(found(document, ("keys", name), "RC304", message, "one secret can be one key only"))
            keys[digest] = key
    return keys


def _digests(key: KeyConfig) -> Iterator[str]:
    own = [] if key.secret is None else [hashlib.sha256(key.secret.reveal().encode()).hexdigest()]
    yield from dict.fromkeys([*own, *(each.removeprefix("sha256:") for each in key.hash)])


class _Allowance:
    """Which names a key may ask for. A name written out allows its model under every name it has; a pattern, and no list at
    all, mean visible models only."""

    def __init__(self, key: KeyConfig, exact: Mapping[str, Model], patterns: tuple[Pattern, ...]) -> None:
        written = ["*"] if key.models is None else key.models
        self._exact = exact
        self._patterns = patterns
        self._names = frozenset(written)
        self._globs = tuple(re.compile(".*".join(map(re.escape, each.split("*"))), re.DOTALL) for each in written if "*" in each)

    def __call__(self, name: str) -> bool:
        known = self._exact.get(name) or next((pattern for pattern in self._patterns if pattern.match(name) is not None), None)
        if name in self._names or (known is not None and known.name in self._names and known.name != "*"):
            return True
        if known is not None and not known.visible:
            return False
        return any(glob.fullmatch(name) for glob in self._globs)


def _secrets(file: ConfigFile, document: Document) -> Iterator[str]:
    for name, provider in file.providers.items():
        if isinstance(provider, RemoteProvider):
            if provider.api_key is not None:
                yield provider.api_key.reveal()
            if provider.proxy is not None and "@" in provider.proxy:
                yield provider.proxy.partition("://")[2].rpartition("@")[0].partition(":")[2]
            yield from _secret_headers(_headers(document, name))
    for key in file.keys.values():
        if key.secret is not None:
            yield key.secret.reveal()
    if file.server.admin_token is not None:
        yield file.server.admin_token.reveal()


def _secret_headers(headers: Mapping[str, Any]) -> Iterator[str]:
    for header, value in headers.items():
        if isinstance(value, Resolved) or header.lower() in _CREDENTIAL_HEADERS:
            yield str(value)
            yield str(value).rpartition(" ")[2]
