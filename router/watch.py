"""Looks when something changed in a directory of the configuration, and every few seconds anyway.

An event only says "look now"; whether there is a change is the runtime's to see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from router.runtime import Runtime

EVERY = 5.0
"""Seconds between looks, jittered by a fifth either way: for mounts that send no events."""
GATHER = 100
"""Milliseconds in which events are gathered."""

log = logging.getLogger("router.watch")


class Watch:
    """`looks` and `events` run for as long as the daemon lives, until `stop`."""

    def __init__(self, runtime: Runtime, random: Callable[[], float]) -> None:
        self._runtime = runtime
        self._random = random
        self._stopped = False
        self._look = asyncio.Event()
        self._other_folders = asyncio.Event()
        self._folders: set[Path] = set()
        self.healthy = True
        """False while the system sends no events; looking every few seconds goes on."""

    def stop(self) -> None:
        self._stopped = True
        self._look.set()
        self._other_folders.set()

    async def looks(self) -> None:
        """Reloads when an event came, and every few seconds (unless `server.reload.watch` is none)."""
        while not self._stopped:
            try:
                async with asyncio.timeout(EVERY * (0.8 + 0.4 * self._random())):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            if self._stopped or self._runtime.snapshot.server.watch == "none":
                continue
            try:
                await self._runtime.reload("watch")
            except Exception:  # A bug of ours in reading a file must not end the watch: the next save may mend it.
                log.exception("reload_failed")
                continue
            if self._runtime.files.folders() != self._folders:
                self._other_folders.set()

    async def events(self) -> None:
        """Waits for events in the directories that matter, anew whenever these change."""
        while not self._stopped:
            self._other_folders.clear()
            self._folders = self._runtime.files.folders()
            try:
                await self._listen()
            except OSError as error:  # Too many watches, a directory that went away: what `EVERY` is for.
                if self.healthy:
                    log.warning("watch_failed", extra={"error": str(error)})
                self.healthy = False
                await asyncio.sleep(EVERY)

    async def _listen(self) -> None:
        if self._runtime.snapshot.server.watch != "auto":
            await self._other_folders.wait()
            return
        changes = awatch(
            *self._folders, watch_filter=None, step=GATHER, debounce=2 * GATHER, recursive=False, stop_event=self._other_folders
        )
        # Whatever happened before the watch stood sent no event. It stands when the loop has its turn again.
        asyncio.get_running_loop().call_soon(self._look.set)
        async for _ in changes:
            self.healthy = True
            self._look.set()
