"""The daemon as a process of its own, watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
ENDS_WITHIN = 15.0


class Daemon:
    """Use as a context manager: ended, by force if need be, when it is left.

    Its log is read by a thread, so that it never waits for us; with `reads=False` nobody reads it at all after the first line.
    """

    def __init__(self, folder: Path, yaml: str, environ: dict[str, str], *, reads: bool = True) -> None:
        self.path = folder / "router.yaml"
        self.path.write_text("version: 1\n" + yaml)
        self._environ = environ
        self._reads = reads
        self.lines: list[dict[str, Any]] = []
        self._more = threading.Condition()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "router", "serve", "-c", str(self.path)]
        environ = {**os.environ, **self._environ}
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ)
        try:
            self._take(until="serving")
        except BaseException:
            self.__exit__()
            raise
        said = self.lines[-1]
        self.data, self.admin = int(said["address"].rpartition(":")[2]), int(said["admin"].rpartition(":")[2])
        self.url, self.admin_url = f"http://{said['address']}", f"http://{said['admin']}"
        if self._reads:
            self._reader = threading.Thread(target=self._take, daemon=True)
            self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._reads and hasattr(self, "_reader"):
            self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _take(self, until: str | None = None) -> None:
        assert self.process.stderr is not None
        while raw := self.process.stderr.readline():
            with self._more:
                self.lines.append(json.loads(raw))
                self._more.notify_all()
            if until is not None and self.lines[-1]["msg"] == until:
                return
        if until is not None:
            raise AssertionError(f"the daemon ended before it said {until!r}: {self.lines}")

    def wait_for(self, msg: str) -> dict[str, Any]:
        """The first line of that name, as soon as it is there."""
        with self._more:
            assert self._more.wait_for(lambda: any(line["msg"] == msg for line in self.lines), ENDS_WITHIN), self.lines[-5:]
            return next(line for line in self.lines if line["msg"] == msg)

    def named(self, msg: str) -> list[dict[str, Any]]:
        with self._more:
            return [line for line in self.lines if line["msg"] == msg]

    def terminate(self) -> float:
        """SIGTERM. Gives the time at which it was sent."""
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def ended(self, within: float = ENDS_WITHIN) -> int:
        """The exit code. Raises TimeoutExpired."""
        code = self.process.wait(within)
        if self._reads:
            self._reader.join(5)
        return code

    # --- what the system knows of it (Linux) ---

    @property
    def descriptors(self) -> list[str]:
        """What its open file descriptors are: `socket`, `pipe`, a path, …"""
        found = []
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # It was closed while we looked.
                found.append(str(entry.readlink()).partition(":[")[0])
        return sorted(found)

    @property
    def resident(self) -> float:
        """MiB of memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    @property
    def cpu(self) -> float:
        """Seconds, over all of its threads."""
        return (
            sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{self.process.pid}/task").iterdir())
            / 1e9
        )
