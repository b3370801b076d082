"""The bytes before a request's body, and the headers of an answer (RFC 9112, RFC 9110 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from router.errors import UpstreamUnavailable
from router.snapshot import Endpoint, Origin

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # Tab is allowed; CR and LF would let a value write headers of its own.
_PATH = re.compile(r"/[\x21-\x7e]*")
_PORTS = {"http": 80, "https": 443}


def address(origin: Origin) -> str:
    """`host:port` for messages."""
    return f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"


def host_header(origin: Origin) -> str:
    """RFC 9110 7.2: brackets around IPv6, no port when it is the scheme's own, names beyond ASCII as IDNA.

    Raises UpstreamUnavailable when the name cannot be one.
    """
    if ":" in origin.host:
        host = f"[{origin.host.partition('%')[0]}]"
    else:
        try:
            host = origin.host.encode("idna").decode()
        except UnicodeError as error:
            raise UpstreamUnavailable(f"{origin.host!r} is no host name", kind="connect") from error
    return host if _PORTS.get(origin.scheme) == origin.port else f"{host}:{origin.port}"


def header_lines(headers: Iterable[tuple[str, str]], origin: Origin) -> bytes:
    """`name: value` lines. Raises UpstreamUnavailable for what would break the head; the value is never shown."""
    lines: list[str] = []
    for name, value in headers:
        if _NAME.fullmatch(name) is None or _BAD_VALUE.search(value) is not None:
            raise UpstreamUnavailable(
                f"header {name!r} for {address(origin)} holds a character HTTP does not allow", kind="connect"
            )
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode()


def request_head(endpoint: Endpoint) -> bytes:
    """Everything up to the value of Content-Length, which stands last: the same for every request to this endpoint.

    Without an `accept-encoding` of the endpoint `identity` is asked for: compressing a stream delays its tokens.
    """
    origin = endpoint.origin
    if _PATH.fullmatch(endpoint.path) is None:
        raise UpstreamUnavailable(f"{endpoint.path!r} is no path for {address(origin)}", kind="connect")
    fixed = [("host", host_header(origin)), *endpoint.headers]
    if all(name.lower() != "accept-encoding" for name, _ in endpoint.headers):
        fixed.append(("accept-encoding", "identity"))
    start = f"{endpoint.method} {endpoint.path} HTTP/1.1\r\n".encode()
    return b"%b%bcontent-length: " % (start, header_lines(fixed, origin))


class Headers(Mapping[str, str]):
    """Lower-case names over the bytes as they came: an answer has twenty headers, and three are looked at."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[name.encode("latin-1", "replace")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"<headers {', '.join(self)}>"  # Values may be credentials of a session.
