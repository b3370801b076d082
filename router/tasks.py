"""The only place that starts a task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_log = logging.getLogger("router.tasks")
_running: set[asyncio.Task[Any]] = set()
T = TypeVar("T")


def spawn(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Runs `work` beside its caller. The reference is kept (the loop's own is weak) and an exception is logged once."""
    task = asyncio.create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task_failed", extra={"task": task.get_name()}, exc_info=error)
