"""Processes of the run: each listens on a free loopback port, is waited for, and is ended by its own id in every case."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Process = subprocess.Popen[bytes]
READY_WITHIN = 60.0  # Node and Python on a busy two-core machine; a healthy start takes about one second.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """A port nobody listens on now. Another process may take it before ours does: then that start fails and says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], *, ready: str, log: Path, env: dict[str, str] | None = None) -> Iterator[Process]:
    """Starts `command`, waits until GET `ready` answers 200, ends it afterwards. Raises RuntimeError with the end of its log."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, ready, log)
        yield process
    finally:
        end(process)


def end(process: Process) -> int:
    """SIGTERM, and SIGKILL after ten seconds. Gives the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _wait(process: Process, ready: str, log: Path) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
        try:
            with _direct.open(ready, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} was not ready after {READY_WITHIN:.0f} s:\n{log.read_text(errors='replace')[-3000:]}")
