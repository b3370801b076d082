"""TLS contexts: built once per setting, off the loop, and again when a file they were read from changes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from router.errors import UpstreamUnavailable
from router.snapshot import Tls

_Stamp = tuple[tuple[int, int], ...]


class Contexts:
    """`get` gives the context for a provider's `tls:`."""

    def __init__(self) -> None:
        self._known: dict[Tls, tuple[_Stamp, ssl.SSLContext]] = {}

    async def get(self, tls: Tls) -> ssl.SSLContext:
        """Raises UpstreamUnavailable, naming the file, when one cannot be read."""
        try:
            stamp = _stamp(tls)
            known = self._known.get(tls)
            if known is not None and known[0] == stamp:
                return known[1]
            # Reading the system's authorities takes 20 ms: not on the loop.
            context = await asyncio.get_running_loop().run_in_executor(None, build, tls)
        except OSError as error:  # ssl.SSLError is one too: a file without a certificate in it.
            files = ", ".join(repr(name) for name in (tls.ca_file, tls.client_cert, tls.client_key) if name)
            raise UpstreamUnavailable(
                f"cannot use the certificates of {files}: {error.strerror or error}", kind="connect"
            ) from error
        self._known[tls] = (stamp, context)
        return context


def build(tls: Tls) -> ssl.SSLContext:
    """A client context: TLS 1.2 or later, HTTP/1.1 only. `ca_file` replaces the system's authorities, it does not add to them."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_cert is not None:
        context.load_cert_chain(tls.client_cert, tls.client_key)
    return context


def _stamp(tls: Tls) -> _Stamp:
    """Changes when a file does: certificates are replaced in place long before a configuration is edited."""
    facts = [Path(name).stat() for name in (tls.ca_file, tls.client_cert, tls.client_key) if name is not None]
    return tuple((fact.st_mtime_ns, fact.st_size) for fact in facts)
