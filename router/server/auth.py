"""Who is asking: the credential in a request, and the client key it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from router.errors import NotAuthenticated
from router.snapshot import ClientKey, Snapshot

_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


def credential(headers: Mapping[str, str]) -> str | None:
    """The client's secret. If several headers carry one, `x-api-key` wins, as at Anthropic."""
    for name in _HEADERS:
        if value := headers.get(name):
            return value
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


def authenticate(snapshot: Snapshot, headers: Mapping[str, str]) -> ClientKey | None:
    """The key that asks, or None where the file says `auth: none`. Raises `NotAuthenticated`.

    The whole secret is hashed and looked up, so neither a prefix nor the time it takes says anything about a stored one.
    """
    if snapshot.server.auth == "none":
        return None
    secret = credential(headers)
    if secret is None:
        raise NotAuthenticated("no client key: send it as `authorization: Bearer KEY` or `x-api-key: KEY`")
    key = snapshot.keys.get(sha256(secret.encode("utf-8", "surrogateescape")).hexdigest())
    if key is None:
        raise NotAuthenticated("this client key is not known")
    if not key.enabled:
        raise NotAuthenticated(f"the client key {key.name!r} is switched off")
    return key
