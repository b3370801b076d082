"""The tests of a configuration: those in its files, and those in `*.router-test.yaml` files beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from router.config.check import Checked, check
from router.config.diagnostics import Diagnostic, Suggestion
from router.config.load import Source, load
from router.rehearsal.offline import Offline, offline
from router.rehearsal.scene import Scene, scenes

PATTERN = "*.router-test.yaml"
_ALLOWED = ("version", "tests")


class Rehearsal(NamedTuple):
    """What there is to play."""

    offline: Offline
    scenes: tuple[Scene, ...]


def beside(paths: Sequence[str]) -> list[str]:
    """The files with tests in the directories of the configuration files, by name, each once."""
    folders = dict.fromkeys(Path(each).parent for each in paths)
    return [str(path) for folder in folders for path in sorted(folder.glob(PATTERN))]


def examine(sources: Sequence[Source], tests: Sequence[Source]) -> tuple[Checked, list[Diagnostic]]:
    """The configuration with its tests, checked without environment; and every finding."""
    checked = check([*sources, *tests], level="refs")
    return checked, [*checked.diagnostics, *(each for source in tests for each in _foreign(source))]


def rehearsal(checked: Checked, now: datetime) -> Rehearsal:
    """`checked` has no errors. Tests that name no time, and prices, are those of `now`. Raises `ConfigError`."""
    made = offline(checked.document, now.date())
    return Rehearsal(made, scenes(made.file, checked.document, now))


def _foreign(source: Source) -> Iterator[Diagnostic]:
    """A file with tests must not change what they test."""
    document, _ = load([source])
    if document is None or not isinstance(document.value, dict):
        return
    for key in document.value:
        if key not in _ALLOWED:
            pointer = f"/{key}"
            yield Diagnostic(
                "RC101",
                "error",
                f"`{key}` has no place in a file of tests",
                pointer,
                document.at_key(pointer),
                "it would change the configuration that is tested",
                suggestions=(Suggestion(f"move it to the configuration: a {PATTERN} file has `tests` and nothing else"),),
            )
