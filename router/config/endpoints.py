"""Where a provider is asked: origins, paths and headers, credential included."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from router import __version__
from router.config.model.provider import CompatibleProvider, HostedProvider, LocalProvider, Provider, SandboxProvider
from router.providers import TYPES, Served
from router.snapshot import Endpoint, Fault, Origin, Probe, SandboxSettings, Tls

Remote = HostedProvider | LocalProvider | CompatibleProvider

# Relayed bytes must be readable by the client as they are, and a stream must not wait for a compressor's window.
_PLAIN: Mapping[str, str] = {"accept-encoding": "identity"}
_FIXED = {"content-type": "application/json", **_PLAIN}


def build_endpoint(name: str, provider: Provider, wire: str, served: Served, connect: float) -> Endpoint:
    if isinstance(provider, SandboxProvider):
        return Endpoint(wire, Origin("sandbox", name, 0), served.path, (), connect, _sandbox(provider))
    base = provider.base_url or TYPES[provider.type].base_url
    assert base is not None  # The model asks for a base URL where the type has none.
    origin, path = address(base, served.path, provider)
    headers = _headers(provider, served, _FIXED)
    return Endpoint(
        format=wire,
        origin=origin,
        path=path,
        headers=tuple(headers.items()),
        connect=connect,
        defaults=tuple((header, value) for header, value in served.defaults.items() if header not in provider.headers),
        passes=served.passes - provider.headers.keys(),
    )


def build_probe(name: str, provider: Remote, connect: float) -> Probe | None:
    """How one looks whether the provider is there; None when the file does not ask for it."""
    if provider.health is None:
        return None
    row = TYPES[provider.type]
    base = provider.base_url or row.base_url
    assert base is not None  # The model asks for a base URL where the type has none.
    wire, served = next((wire, served) for wire, served in row.served.items() if provider.format in (None, wire))
    url = urlsplit(base)
    # Some write a base URL with the whole path; what is looked at stands beside it.
    root = urlunsplit(url._replace(path=url.path.rstrip("/").removesuffix(served.path)))
    origin, path = address(root, provider.health.path or row.listing, provider)
    headers = _headers(provider, served, {**_PLAIN, **served.defaults})
    return Probe(name, provider.health.probe, Endpoint(wire, origin, path, tuple(headers.items()), connect))


def _headers(provider: Remote, served: Served, fixed: Mapping[str, str]) -> Mapping[str, str]:
    """The file's own come last and win."""
    headers = {**fixed, "user-agent": f"router/{__version__}"}
    if provider.api_key is not None:
        headers |= served.auth(provider.api_key.reveal())
    return headers | provider.headers


def address(base: str, path: str, provider: Remote) -> tuple[Origin, str]:
    """Where `path` is under a base URL. People write base URLs with and without the `/v1` at their end, and some with the
    whole path; a query (an `api-version`) stays at the end."""
    url = urlsplit(base)
    root = url.path.rstrip("/").removesuffix(path)
    if "/v1/" in path:
        root = root.removesuffix("/v1")
    port = url.port or (443 if url.scheme == "https" else 80)
    tls = provider.tls
    trust = Tls(tls.ca_file, tls.verify, tls.client_cert, tls.client_key)
    if url.scheme == "https":
        origin = Origin("https", url.hostname or "", port, trust, provider.proxy)
    else:
        # Trust is no part of a plain connection: equal origins share a pool.
        origin = Origin("http", url.hostname or "", port, Tls(), provider.proxy)
    return origin, root + path + (f"?{url.query}" if url.query else "")


def _sandbox(provider: SandboxProvider) -> SandboxSettings:
    faults = tuple(Fault(each.status, each.stream, each.share, each.retry_after, each.after_tokens) for each in provider.faults)
    return SandboxSettings(provider.first_token, provider.tokens_per_second, provider.reply, faults, provider.seed)
