"""Where log lines go: a file descriptor that may be slow, full or dead, and that no request may ever wait for.

A thread of its own writes. The loop cannot: a pipe whose reader sleeps blocks `write`, and making it non-blocking would
change it for every process that shares the terminal or pipe (O_NONBLOCK belongs to the open file, not to us).
"""

from __future__ import annotations

import os
import select
import threading

CAPACITY = 4 * 1024 * 1024  # About 10,000 request lines: a second at full speed.
GATHER = 0.1  # Seconds that lines are gathered: each switch of thread takes the interpreter from the loop. At 10 ms it cost 4 %.


class Sink:
    """Takes lines from any thread, writes them to `fd` in order and in batches.

    Beyond `capacity` bytes that wait, new lines are dropped and counted. So are those the descriptor refuses.
    """

    def __init__(self, fd: int, *, capacity: int = CAPACITY) -> None:
        self._fd = fd
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._held = 0
        self._writing = 0
        self._dropped = 0
        self._closing = threading.Event()
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)  # A hung write must not hold up the exit.
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        return self._dropped

    def put(self, line: bytes) -> None:
        """Never blocks, never raises. `line` ends with its newline."""
        with self._lock:
            if self._held + self._writing + len(line) > self._capacity or self._closing.is_set():
                self._dropped += 1
                return
            self._waiting.append(line)
            self._held += len(line)
            first = len(self._waiting) == 1
        if first:
            self._something.set()

    def close(self, timeout: float) -> None:
        """Writes what waits, for `timeout` seconds at the most; the rest is dropped and counted."""
        self._closing.set()
        self._something.set()
        self._thread.join(timeout)
        with self._lock:
            self._dropped += len(self._waiting)
            self._waiting, self._held = [], 0

    def _run(self) -> None:
        while True:
            self._something.wait()
            closing = self._closing.wait(GATHER)
            with self._lock:
                self._something.clear()
                lines, self._waiting = self._waiting, []
                self._writing, self._held = self._held, 0
            if lines and not self._write(memoryview(b"".join(lines))):
                with self._lock:
                    self._dropped += len(lines)
            self._writing = 0
            if closing:
                return

    def _write(self, batch: memoryview) -> bool:
        while batch:
            try:
                batch = batch[os.write(self._fd, batch) :]
            except BlockingIOError:  # Somebody else made the descriptor non-blocking.
                select.select([], [self._fd], [], 1.0)
            except OSError:  # The reader has gone, the disk is full: later lines may fare better.
                return False
        return True
