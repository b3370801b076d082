"""Every test of a transport runs with both implementations, on both event loops."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop

from router.upstream.http1 import Http1Transport
from router.upstream.session import SessionTransport
from tests.upstream.servers import Certificates, until

AnyTransport = Http1Transport | SessionTransport


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=[Http1Transport, SessionTransport], ids=["http1", "session"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[AnyTransport]:
    """Closed after the test, when nothing may be open any more."""
    made: AnyTransport = request.param()
    yield made
    await made.aclose()
    if isinstance(made, Http1Transport):
        await until(lambda: made.open == 0)


@pytest.fixture
async def http1() -> AsyncIterator[Http1Transport]:
    made = Http1Transport()
    yield made
    await made.aclose()
    await until(lambda: made.open == 0)


@pytest.fixture
async def session() -> AsyncIterator[SessionTransport]:
    made = SessionTransport()
    yield made
    await made.aclose()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority, a server's certificate for `localhost` and 127.0.0.1, a client's."""
    if shutil.which("openssl") is None:
        reason = "needs the openssl command"
        if os.environ.get("CI"):
            pytest.fail(reason)  # Nobody reads what a green build has skipped.
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.cnf").write_text(_AUTHORITY)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "ca.cnf"]
    _openssl(folder, "req", "-x509", *key, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")
    for name, names in (("server", "DNS:localhost,IP:127.0.0.1"), ("client", "DNS:client.test"), ("other", "DNS:other.test")):
        extensions = folder / f"{name}.cnf"
        extensions.write_text(_CERTIFICATE.format(names=names))
        _openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", extensions.name, "-days", "2"]
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)
    return Certificates(folder)


# All that RFC 5280 wants: since Python 3.13 default contexts verify with X509_STRICT. A file of our own, because what the
# system's openssl.cnf adds differs from one system to the next.
_AUTHORITY = """\
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_CERTIFICATE = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def _openssl(folder: Path, *words: str) -> Any:
    return subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
