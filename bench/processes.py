"""Starts, pins, watches and ends the processes of a measurement. Linux: it reads /proc."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
READY_WITHIN = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cores() -> tuple[int, int]:
    """The core of what is measured, and that of everything else. The same one when there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started inside runs on `core`: children inherit it, so that nothing of theirs escapes before it holds."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass
class Process:
    """A started program and its children. `started` is the seconds it took until its port answered."""

    name: str
    port: int
    popen: subprocess.Popen[bytes]
    started: float
    output: Path
    connections: int = field(default=0)

    def cpu(self) -> float:
        """Seconds of CPU that the program and its children have used."""
        return sum(_cpu(pid) for pid in _tree(self.popen.pid))

    def rss(self) -> float:
        """MB that are resident, over all of its processes; pages they share count once in each."""
        return sum(_status(pid, "VmRSS") for pid in _tree(self.popen.pid)) / 1024

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@dataclass(frozen=True)
class Program:
    """How to start something that listens on `port`. `probe` is a path that answers 200 when it is ready, or empty for a
    program that is ready when it accepts a connection."""

    name: str
    port: int
    command: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()
    probe: str = ""

    def start(self, core: int, scratch: Path) -> Process:
        """Raises RuntimeError with what the program said when it ends early or does not become ready."""
        output = scratch / f"{self.name}.err"
        began = time.perf_counter()
        with pinned(core), output.open("wb") as said:
            popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                env=os.environ | dict(self.environ), cwd=HERE.parent,
            )  # fmt: skip
        process = Process(self.name, self.port, popen, 0.0, output)
        try:
            process.started = self._wait(popen, began, output)
        except BaseException:
            process.stop()
            raise
        return process

    def _wait(self, popen: subprocess.Popen[bytes], began: float, output: Path) -> float:
        while (spent := time.perf_counter() - began) < READY_WITHIN:
            if popen.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {popen.returncode}:\n{output.read_text()[-2000:]}")
            if _answers(self.port, self.probe):
                return spent
            time.sleep(0.002)
        raise RuntimeError(f"{self.name} was not ready after {READY_WITHIN} s:\n{output.read_text()[-2000:]}")


def _environ(added: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Ours, but with Python's bytecode cache on: compiling everything anew is not what a start costs anywhere else."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(added)


def _answers(port: int, probe: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            if not probe:
                return True
            client.sendall(f"GET {probe} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in client.recv(64)
    except OSError:
        return False


def daemon(port: int, upstream: int) -> Program:
    environ = {
        "BENCH_LISTEN": f"127.0.0.1:{port}",
        "BENCH_UPSTREAM": f"http://127.0.0.1:{upstream}",
        "BENCH_UPSTREAM_KEY": "unused-by-the-upstream",
    }
    command = (sys.executable, "-m", "router", "serve", "-c", str(HERE / "router.yaml"))
    return Program("router", port, command, tuple(environ.items()), probe="/readyz")


def floor(port: int, upstream: int) -> Program:
    return Program("aiohttp", port, (sys.executable, str(HERE / "floor_aiohttp.py"), str(port), str(upstream)))


def provider(port: int) -> Program:
    return Program("upstream", port, (sys.executable, str(HERE / "upstream.py"), str(port)))


def nginx_path() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


_NGINX = """
daemon off;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {scratch}; proxy_temp_path {scratch}; fastcgi_temp_path {scratch}; uwsgi_temp_path {scratch};
    scgi_temp_path {scratch};
    keepalive_requests 1000000000;
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


def nginx(path: str, port: int, upstream: int, scratch: Path) -> Program:
    """`proxy_pass` over kept connections, nothing else; unbuffered, as streams need it."""
    config = scratch / "nginx.conf"
    # Started by root, its worker would drop to a user that may not enter the scratch folder.
    config.write_text(_NGINX.format(scratch=scratch, port=port, upstream=upstream, user="user root;" if not os.getuid() else ""))
    return Program("nginx", port, (path, "-c", str(config), "-e", "stderr"))


def _tree(root: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # It has just ended.
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _cpu(pid: int) -> float:
    """Seconds. The scheduler's own nanoseconds of every thread: utime and stime come in hundredths of a second, which is
    too coarse for nginx."""
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> int:
    """kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
