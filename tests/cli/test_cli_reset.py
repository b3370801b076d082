"""`router reset`: what is sent to whom, what is said, and the exit code."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, NamedTuple

import pytest

from router.cli import main


class Result(NamedTuple):
    code: object
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    for name in ("ROUTER_CONFIG", "GITHUB_ACTIONS", "ROUTER_TEST_KEY", "ROUTER_TEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfdbinary.readouterr()
        return Result(ended.value.code, out.decode(), err.decode())

    return run


class Admin(BaseHTTPRequestHandler):
    """Answers as it is told, and remembers what it was asked."""

    seen: ClassVar[list[tuple[str, str | None, object]]] = []
    status, answer = 200, b'{"target":"groq/llama","reset":1}'

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers.get("authorization"), body))
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments: object) -> None: ...

    def address_string(self) -> str:
        return "a client"


class UnixServer(socketserver.UnixStreamServer):
    server_name, server_port = "localhost", 0


@contextmanager
def daemon(status: int = 200, answer: bytes = Admin.answer, path: str | None = None) -> Iterator[tuple[int, list]]:
    """An admin port on loopback, or on a unix socket."""
    handler = type("Handler", (Admin,), {"status": status, "answer": answer, "seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler) if path is None else UnixServer(path, handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port, handler.seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write(server: str, rest: str = "providers: {groq: {type: groq, api_key: '${env:ROUTER_TEST_KEY}'}}\n") -> None:
    Path("router.yaml").write_text(f"version: 1\nserver: {server}\n{rest}", encoding="utf-8")


def test_a_target_and_a_provider_are_reset_at_the_daemon_of_the_configuration(run):
    with daemon() as (port, seen):
        write(f"{{admin: '127.0.0.1:{port}'}}")
        assert run("reset", "groq/llama") == Result(0, "", "groq/llama: reset 1\n")
        assert run("reset", "groq").code == 0
    assert seen == [("/-/reset", None, {"target": "groq/llama"}), ("/-/reset", None, {"provider": "groq"})]


def test_the_answer_is_data_when_asked_for(run):
    with daemon() as (port, _):
        write(f"{{admin: '127.0.0.1:{port}'}}")
        result = run("reset", "groq/llama", "--format", "json")
        assert (result.code, json.loads(result.out), result.err) == (0, {"target": "groq/llama", "reset": 1}, "")


def test_nothing_to_reset_is_fine_too(run):
    with daemon(answer=b'{"provider":"groq","reset":0}') as (port, _):
        write(f"{{admin: '127.0.0.1:{port}'}}")
        assert run("reset", "groq") == Result(0, "", "groq: nothing to reset\n")


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (
            404,
            b"{\"error\":\"no provider is named 'grok'; did you mean 'groq'?\"}",
            "no provider is named 'grok'; did you mean 'groq'?",
        ),
        (401, b'{"error":"send the admin token"}', "send the admin token"),
        (500, b"[]", "the daemon answers 500"),
    ],
)
def test_what_the_daemon_refuses_is_1_in_its_words(run, status, answer, said):
    with daemon(status, answer) as (port, _):
        write(f"{{admin: '127.0.0.1:{port}'}}")
        assert run("reset", "grok") == Result(1, "", f"grok: {said}\n")


def test_nobody_there_is_4(run):
    with daemon() as (port, _):
        pass
    write(f"{{admin: '127.0.0.1:{port}'}}")
    result = run("reset", "groq")
    assert (result.code, result.out) == (4, "")
    assert f"no daemon answers on 127.0.0.1:{port}" in result.err
    write("{admin: none}")
    assert run("reset", "groq") == Result(4, "", "Error: `server.admin` is none: the daemon cannot be asked\n")


def test_somebody_else_there_is_4(run):
    with daemon(answer=b"<html>") as (port, _):
        write(f"{{admin: '127.0.0.1:{port}'}}")
        assert run("reset", "groq").code == 4


def test_the_token_is_sent_and_never_shown(run, monkeypatch):
    monkeypatch.setenv("ROUTER_TEST_TOKEN", "a-token-nobody-sees")
    with daemon(401, b'{"error":"no"}') as (port, seen):
        write(f"{{admin: '0.0.0.0:{port}', admin_token: '${{env:ROUTER_TEST_TOKEN}}'}}")
        result = run("reset", "groq")
    assert result == Result(1, "", "groq: no\n")
    assert seen[0][1] == "Bearer a-token-nobody-sees"


def test_a_unix_socket_is_spoken_to(run):
    # Not below tmp_path: a socket's path may have about a hundred characters.
    with TemporaryDirectory() as folder, daemon(path=f"{folder}/admin.sock") as (_, seen):
        write(f"{{admin: 'unix:{folder}/admin.sock'}}")
        assert run("reset", "groq/llama").code == 0
    assert len(seen) == 1


@pytest.mark.parametrize(
    "server", ["{admin: 17}", "{admin: '127.0.0.1:1', admin_token: '${env:ROUTER_TEST_TOKEN}'}", "{admn: none}", "[", "none"]
)
def test_a_configuration_that_does_not_say_where_is_4(run, server):
    write(server)
    result = run("reset", "groq")
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("Error: ")


def test_no_configuration_is_4_and_no_target_a_wrong_command_line(run):
    assert run("reset", "groq").code == 4
    assert run("reset").code == 2
