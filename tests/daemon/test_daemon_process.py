"""The daemon as people run it: a process, its signals, its exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

SANDBOX = "providers: {sandbox: {type: sandbox, first_token: 1ms, tokens_per_second: 10, price: free}}\n"
MODELS = "models: {fast: {targets: [sandbox/echo]}}\n"
SERVER = "server: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', drain: {delay: 300ms, timeout: 20s}}\n"
ASK = {"model": "fast", "stream": True, "messages": [{"role": "user", "content": "one two three four five six"}]}


class Process:
    def __init__(self, path, environ=None):
        command = [sys.executable, "-m", "router", "-c", str(path), "serve"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **(environ or {})})
        self.lines = []
        line = self.wait_for("serving")
        self.url, self.admin = f"http://{line['address']}", f"http://{line['admin']}"

    def wait_for(self, msg):
        while raw := self.process.stderr.readline():
            line = json.loads(raw)
            self.lines.append(line)
            if line["msg"] == msg:
                return line
        raise AssertionError(f"the daemon ended before it said {msg!r}: {self.lines}")

    def get(self, url):
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def daemon(tmp_path, yaml, environ=None):
    path = tmp_path / "router.yaml"
    path.write_text("version: 1\n" + yaml)
    started = Process(path, environ)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait()
        started.process.stderr.close()


def stream(url):
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(ASK).encode(), {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=30)


def test_sigterm_finishes_what_is_open_and_ends_with_0(tmp_path):
    with daemon(tmp_path, SERVER + SANDBOX + MODELS) as router, stream(router.url) as answer:
        first = answer.readline()
        router.process.send_signal(signal.SIGTERM)
        router.wait_for("draining")
        assert router.get(router.url + "/readyz") == 503  # At once, while still serving.
        assert router.get(router.admin + "/livez") == 200
        whole = first + answer.read()
        assert whole.endswith(b"data: [DONE]\n\n")
        assert router.process.wait(10) == 0
        router.wait_for("stopped")
        assert [line["outcome"] for line in router.lines if line["msg"] == "request"] == ["ok"]


def test_a_second_signal_ends_it_now(tmp_path):
    with (
        daemon(tmp_path, SERVER + SANDBOX.replace("per_second: 10", "per_second: 1") + MODELS) as router,
        stream(router.url) as answer,
    ):
        answer.readline()
        router.process.send_signal(signal.SIGTERM)
        router.wait_for("draining")
        router.process.send_signal(signal.SIGTERM)
        assert router.process.wait(5) == 0


def test_sighup_looks_at_the_file(tmp_path):
    yaml = SERVER.replace("drain", "reload: {watch: none}, drain") + SANDBOX + MODELS
    with daemon(tmp_path, yaml) as router:
        (tmp_path / "router.yaml").write_text("version: 1\n" + yaml.replace("sandbox/echo", "sandbox/other"))
        router.process.send_signal(signal.SIGHUP)
        assert router.wait_for("config_applied")["generation"] == 2
        (tmp_path / "router.yaml").write_text("version: 1\n" + yaml.replace("sandbox/echo", "sandbx/other"))
        router.process.send_signal(signal.SIGHUP)
        refused = router.wait_for("config_refused")
        assert refused["generation"] == 2
        assert refused["diagnostics"][0].startswith(f"{tmp_path}/router.yaml:4:")
        assert "RC201" in refused["diagnostics"][0]


@pytest.mark.parametrize("break_", [lambda text: text.replace("targets", "tragets"), lambda text: "", lambda text: text + "\tx"])
def test_a_bad_file_is_refused_at_start_with_78(tmp_path, break_):
    path = tmp_path / "router.yaml"
    path.write_text(break_("version: 1\n" + SERVER + SANDBOX + MODELS))
    done = subprocess.run(
        [sys.executable, "-m", "router", "-c", str(path), "serve"], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 78
    assert f"{path}:".encode() in done.stderr
    command = [sys.executable, "-m", "router", "-c", str(path), "serve", "--check-only"]
    checked = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert checked.returncode == 78


def test_an_open_listener_without_keys_is_refused_and_with_auth_none_allowed(tmp_path):
    path = tmp_path / "router.yaml"
    for server, code in (("{listen: '0.0.0.0:0'}", 78), ("{listen: '0.0.0.0:0', auth: none}", 0)):
        path.write_text(f"version: 1\nserver: {server}\n" + SANDBOX + MODELS)
        command = [sys.executable, "-m", "router", "-c", str(path), "serve", "--check-only"]
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == code


def test_a_taken_port_is_told_and_is_no_configuration_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "router.yaml"
        port = taken.getsockname()[1]
        path.write_text(
            "version: 1\n" + SERVER.replace("listen: '127.0.0.1:0'", f"listen: '127.0.0.1:{port}'") + SANDBOX + MODELS
        )
        done = subprocess.run(
            [sys.executable, "-m", "router", "-c", str(path), "serve"], capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 1
        assert b"address already in use" in done.stderr


def test_no_secret_is_written_anywhere(tmp_path):
    canary = "sk-canary-5d41402abc4b2a76b9719d911017c592"
    yaml = SERVER + (
        "log: {level: debug}\n"
        "providers:\n"
        "  up: {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: '${env:CANARY}', headers: {x-extra: '${env:CANARY}'}}\n"
        "models: {fast: {targets: [up/m], retries: 0}}\n"
        "keys: {app: {secret: '${env:CLIENT_CANARY}'}}\n"
    )
    environ = {"CANARY": canary, "CLIENT_CANARY": "client-canary-0123456789"}
    with daemon(tmp_path, yaml, environ) as router:
        seen = []
        for headers in ({"x-api-key": "client-canary-0123456789"}, {"x-api-key": "client-canary-012345678"}):
            request = urllib.request.Request(f"{router.url}/v1/chat/completions", json.dumps(ASK).encode(), headers)
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(request, timeout=30)
            seen += [raised.value.read(), str(raised.value.headers).encode()]
        for path in ("/-/status", "/metrics"):
            with urllib.request.urlopen(router.admin + path, timeout=5) as response:
                seen.append(response.read())
        router.process.send_signal(signal.SIGTERM)
        rest = router.process.stderr.read()
        seen += [rest, json.dumps(router.lines).encode()]
        assert not [text for text in seen if b"canary" in text]
