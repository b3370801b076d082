"""The files of `tls`: whether they are there, and hold what a TLS library takes. Only the machine that serves can tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from router.config.checks.base import Part, mapping, named, section
from router.config.diagnostics import Diagnostic
from router.config.references import Unset
from router.config.tree import Document, dotted, join
from router.providers import TYPES

_PEM = b"-----BEGIN "
"""RFC 7468: what every certificate and key in PEM begins with; text may stand before it."""


def unusable(document: Document, off: Collection[str], read_file: Callable[[str], bytes]) -> Iterator[Diagnostic]:
    """RC606, of a document whose references are resolved. `off` are the providers that will not be asked for anything."""
    server = section(document, "server")
    yield from _of(document, Part("server", "/server/tls", mapping(server, "tls")), ("cert", "key"), read_file)
    for provider in named(document, "providers"):
        # Over http:// it is without effect.
        row = TYPES.get(str(provider.value.get("type")))
        address = provider.value.get("base_url") or (row.base_url if row is not None else None)
        if provider.name not in off and isinstance(address, str) and address.startswith("https:"):
            tls = Part(provider.name, join(provider.pointer, "tls"), mapping(provider.value, "tls"))
            yield from _of(document, tls, ("ca_file", "client_cert", "client_key"), read_file)


def _of(document: Document, tls: Part, keys: Collection[str], read_file: Callable[[str], bytes]) -> Iterator[Diagnostic]:
    for key in keys:
        path = tls.value.get(key, "none")
        if not isinstance(path, str) or isinstance(path, Unset) or path == "none":
            continue
        try:
            reason = "" if _PEM in read_file(path) else "holds no certificate or key in PEM"
        except OSError as error:
            reason = f"cannot be read: {error.strerror or type(error).__name__}"
        if reason:
            pointer = join(tls.pointer, key)
            message = f"`{dotted(pointer)}`: {path} {reason}"
            yield Diagnostic("RC606", "error", message, pointer, document.at(pointer), label="this file is read at load")
