"""A configuration without its secrets and without its network: what a test needs of it, and nothing that has to be there.

References stand for placeholders, every optional provider counts as on, and each provider gets an address of its own by which
the rehearsed upstreams know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from router.config.compile import compile_config
from router.config.diagnostics import ConfigError
from router.config.model import ConfigFile, read
from router.config.references import resolve
from router.config.tree import Document
from router.snapshot import Origin, Snapshot

_KEPT = ("auth", "max_inflight")
"""Of `server`: the rest is about sockets, and may ask for files that are not here."""


class Address(NamedTuple):
    """Where a provider is, as far as a rehearsal goes."""

    scheme: str
    host: str


@dataclass(frozen=True, slots=True)
class Offline:
    file: ConfigFile
    document: Document
    """As it was checked: for places."""
    snapshot: Snapshot
    providers: Mapping[Address, str]
    """Names of providers, by where their requests go."""


def offline(document: Document, at: date) -> Offline:
    """`document` has no errors at level `refs`. Prices are those of the day `at`. Raises `ConfigError`: what only shows when a
    snapshot is made of it."""
    resolved, found = resolve(document, {}, _unreadable)
    if wrong := [each for each in found if each.code not in ("RC601", "RC603")]:  # These two: what is not set, and need not be.
        raise ConfigError(wrong)
    tree = dict(resolved.value)
    tree["server"] = {key: value for key, value in tree.get("server", {}).items() if key in _KEPT}
    tree["keys"] = {name: {**key, "secret": secret_of(name)} for name, key in tree.get("keys", {}).items()}
    tree["providers"] = {name: _placed(number, each) for number, (name, each) in enumerate(tree["providers"].items())}
    placed = replace(document, value=tree)
    file = read(placed)
    providers = {_address(number, name, each): name for number, (name, each) in enumerate(tree["providers"].items())}
    return Offline(file, document, compile_config(file, placed, generation=1, digest="rehearsal", at=at), providers)


def secret_of(key: str) -> str:
    """What a client shows that asks with the key of that name."""
    return f"rehearsed-{key}"


def address_of(origin: Origin) -> Address:
    return Address(origin.scheme, origin.host)


def _unreadable(path: str) -> bytes:
    raise FileNotFoundError(path)


def _placed(number: int, provider: Mapping[str, Any]) -> dict[str, Any]:
    if provider.get("type") == "sandbox":
        return dict(provider)
    # RFC 6761, section 6.4: nobody can ever be reached under `.invalid`.
    return dict(provider) | {"base_url": f"http://{_host(number)}"}


def _host(number: int) -> str:
    """By number: hosts know no upper case, names of providers do."""
    return f"p{number}.invalid"


def _address(number: int, name: str, provider: Mapping[str, Any]) -> Address:
    return Address("sandbox", name) if provider.get("type") == "sandbox" else Address("http", _host(number))
