"""A recording proxy between the daemon and a mock: what the daemon really sends, to the byte.

The mock's own journal shows requests after its own conversions (images are gone, unknown fields too), so it cannot prove that
bytes survive. Answers are relayed as they arrive, and an answer that breaks off breaks off here too.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CONNECTION = re.compile(rb"(?im)^connection:[^\n]*\n")


@dataclass(frozen=True)
class Seen:
    path: str
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Tap:
    """Listens on `port` from construction to `close`; `seen` grows by one with every request."""

    def __init__(self, port: int, upstream: tuple[str, int]) -> None:
        self.seen: list[Seen] = []
        tap = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                tap.seen.append(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.close_connection = True
                _relay(upstream, _head(self), body, self.connection)

            def log_message(self, *args: object) -> None:
                pass

        self.url = f"http://127.0.0.1:{port}"
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def clear(self) -> None:
        self.seen.clear()

    @property
    def only(self) -> Seen:
        assert len(self.seen) == 1, f"the upstream saw {len(self.seen)} requests, one was expected"
        return self.seen[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _head(request: BaseHTTPRequestHandler) -> bytes:
    """The request's head as it came, but for the connection's end, which is ours."""
    lines = [f"{request.command} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "connection"]
    return ("\r\n".join([*lines, "connection: close"]) + "\r\n\r\n").encode("latin-1")


def _relay(upstream: tuple[str, int], head: bytes, body: bytes, client: socket.socket) -> None:
    """One connection for one request: aimock says keep-alive with its streams whatever it was asked, and closes seconds later;
    a daemon that believed it would send its next request to a tap that is not listening."""
    with socket.create_connection(upstream) as server:
        server.sendall(head + body)
        try:
            answer = b""
            while b"\r\n\r\n" not in answer:
                chunk = server.recv(65536)
                if not chunk:
                    client.sendall(answer)
                    return
                answer += chunk
            client.sendall(_CONNECTION.sub(b"", answer, count=1).replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
            while chunk := server.recv(65536):
                client.sendall(chunk)
        except OSError:
            return  # Either side has gone: the connection to the other one is closed with this function.
