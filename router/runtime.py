"""The current snapshot, and the one way to replace it.

Nothing that a request can observe changes before the swap; the swap is one assignment; nothing after it can fail the reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from router.config.check import check
from router.config.diagnostics import ConfigError, Diagnostic, Place, Position, Range
from router.config.files import Files
from router.config.load import Source, load
from router.snapshot import Snapshot

Trigger = Literal["start", "watch", "signal", "api"]
Result = Literal["changed", "unchanged", "refused"]
Stage = Literal["read", "check", "listen", "swap"]
Sources = tuple[Source, ...]

STEADY = 0.1
"""Seconds between two reads that must be equal before a file counts as written."""

Commit = Callable[[], None]
Prepare = Callable[[Snapshot], Awaitable[Commit]]
"""Makes ready what a snapshot needs outside (listeners). Raises OSError; the commit it returns cannot fail."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of one attempt to reload. `snapshot` is the one in force now."""

    result: Result
    stage: Stage
    snapshot: Snapshot
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: Sources = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A configuration that is on disk and not in force."""

    digest: str
    wall: float
    outcome: Reloaded


def build(files: Files, sources: Sources, environ: Mapping[str, str], generation: int) -> tuple[Snapshot, list[Diagnostic]]:
    """Checks and compiles. Gives the snapshot and the warnings; raises `ConfigError` with every finding."""
    checked = check(sources, level="env", environ=environ, read_file=files.read_file)
    if checked.snapshot is None:
        raise ConfigError(list(checked.diagnostics))
    return replace(checked.snapshot, generation=generation, hash=files.digest(sources)[:12]), list(checked.diagnostics)


class Runtime:
    """Whoever serves a request reads `snapshot` once and carries it; nobody reads it twice."""

    def __init__(self, files: Files, sources: Sources, environ: Mapping[str, str], wall: Callable[[], float]) -> None:
        """The first generation. `wall` gives seconds since 1970. Raises `ConfigError`."""
        self._wall = wall
        self.snapshot, self.warnings = build(files, sources, environ, 1)
        self.refused: Refused | None = None
        self.since = self._wall()
        """When the running generation came into force, in seconds since 1970."""
        self.files = files
        self.prepare: Prepare | None = None
        self.swapped: list[Callable[[Snapshot], None]] = []
        """Called with the new snapshot in the turn of the swap. They cannot fail: learned state fits itself to new names."""
        self.reported: list[Callable[[Trigger, Reloaded], None]] = []
        """Called after every attempt that was more than a look at unchanged files."""
        self._environ = environ
        self._running = files.digest(sources)
        self._text = sources
        self._lock = asyncio.Lock()
        self._pending_since: float | None = None

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    def pending(self) -> float:
        """Seconds since a change was seen that is not in force; 0 when there is none."""
        return 0.0 if self._pending_since is None else self._wall() - self._pending_since

    async def reload(self, trigger: Trigger, *, dry_run: bool = False) -> Reloaded:
        """Reads the files and puts them into force if they can be. A refused file changes nothing.

        Seen by the watch, a file that cannot even be read as YAML gets `server.reload.settle` seconds to change before that
        counts: editors and copies write in pieces. Refused bytes are tried again only when asked for by hand.
        """
        async with self._lock:
            try:
                sources = await self._steady()
            except OSError as error:
                finding = _finding(self.files, "RC604", f"the file cannot be read: {_os(error)}")
                return self._refuse(trigger, self._refused("read", (), [finding]), dry_run=dry_run)
            digest = self.files.digest(sources)
            if digest == self._running:
                self._pending_since = None
                if not dry_run:
                    self.refused = None
                return Reloaded("unchanged", "read", self.snapshot)
            if trigger == "watch" and self.refused is not None and digest == self.refused.digest:
                return Reloaded("unchanged", "read", self.snapshot)
            self._pending_since = self._pending_since or self._wall()
            return await self._apply(trigger, sources, dry_run=dry_run)

    async def _steady(self) -> Sources:
        """The files, once two reads a moment apart were equal."""
        before = await asyncio.to_thread(self.files.read)
        while True:
            await asyncio.sleep(STEADY)
            now = await asyncio.to_thread(self.files.read)
            if now == before:
                return now
            before = now

    async def _apply(self, trigger: Trigger, sources: Sources, *, dry_run: bool) -> Reloaded:
        try:
            snapshot, warnings = await self._build(trigger, sources)
        except ConfigError as error:
            return self._refuse(trigger, self._refused("check", sources, error.diagnostics), dry_run=dry_run)
        if dry_run:
            return Reloaded("changed", "check", self.snapshot, tuple(warnings), sources)
        try:
            commit = await self.prepare(snapshot) if self.prepare is not None else None
        except OSError as error:
            finding = _finding(self.files, "RC605", f"cannot listen: {_os(error)}")
            return self._refuse(trigger, self._refused("listen", sources, [finding]), dry_run=dry_run)
        self.snapshot = snapshot
        self._running, self._text = self.files.digest(sources), sources  # Taken anew: it may refer to other files now.
        self.since, self.refused, self._pending_since = self._wall(), None, None
        if commit is not None:
            commit()
        for follow in self.swapped:
            follow(snapshot)
        return self._report(trigger, Reloaded("changed", "swap", snapshot, tuple(warnings), sources))

    async def _build(self, trigger: Trigger, sources: Sources) -> tuple[Snapshot, list[Diagnostic]]:
        generation = self.snapshot.generation + 1
        patience = asyncio.get_running_loop().time() + self.snapshot.server.settle
        while True:
            try:
                return await asyncio.to_thread(build, self.files, sources, self._environ, generation)
            except ConfigError as error:
                if trigger != "watch" or not _may_be_half(sources, self._text):
                    raise
                later = await self._change_before(patience, sources)
                if later is None:
                    raise error from None
                sources = later

    async def _change_before(self, end: float, sources: Sources) -> Sources | None:
        """Other content that appears before `end` (of the loop's clock) and holds still, or None."""
        while asyncio.get_running_loop().time() < end:
            now = await self._steady()
            if now != sources:
                return now
        return None

    def _refuse(self, trigger: Trigger, outcome: Reloaded, *, dry_run: bool) -> Reloaded:
        if not dry_run:
            self.refused = Refused(self.files.digest(outcome.sources), self._wall(), outcome)
            self._report(trigger, outcome)
        return outcome

    def _refused(self, stage: Stage, sources: Sources, findings: Sequence[Diagnostic]) -> Reloaded:
        return Reloaded("refused", stage, self.snapshot, tuple(findings), sources)

    def _report(self, trigger: Trigger, outcome: Reloaded) -> Reloaded:
        for report in self.reported:
            report(trigger, outcome)
        return outcome


def _may_be_half(sources: Sources, running: Sources) -> bool:
    """Whether a file is empty, the beginning of what runs, or no YAML: as one looks that is being written."""
    old = {source.name: source.text for source in running}
    halves = (not source.text.strip() or old.get(source.name, b"").startswith(source.text) for source in sources)
    return any(halves) or load(sources)[0] is None


def _finding(files: Files, code: str, message: str) -> Diagnostic:
    """A finding about a file as a whole."""
    start = Position(1, 1)
    return Diagnostic(code, "error", message, "", Place(str(files.paths[0]), Range(start, start)))


def _os(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}"
