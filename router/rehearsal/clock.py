"""An event loop whose time is its own: it never waits, it jumps to the next timer. Five minutes of requests take seconds.

There is no network in it: nothing that is awaited may depend on a socket, a thread or a signal.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(RuntimeError):
    """Everything waits for something that no timer will bring."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is seconds since the loop was made."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Nothing happens for so long."""
        self._now += seconds


class _Jump(selectors.DefaultSelector):
    """Where another selector waits, time passes. Files are not looked at: that would cost a system call for every step."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        if timeout > 0:
            self._loop.jump(timeout)
        return []


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, on a loop of its own; tasks that are left over are cancelled. Raises `Stuck` where a real loop would
    hang for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
