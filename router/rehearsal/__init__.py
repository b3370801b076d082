"""Tests of a configuration, played offline: the real decision and the real engine, on a clock of their own, against providers
that do what the test says. Needs no secret, no network and no time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from router.rehearsal.play import play
from router.rehearsal.reading import Rehearsal, beside, examine, rehearsal
from router.rehearsal.verdict import Broken, Result, verdict

__all__ = ["Broken", "Rehearsal", "Result", "beside", "examine", "rehearsal", "run_tests"]


def run_tests(played: Rehearsal, names: Iterable[str], seed: int) -> Iterator[Result]:
    """The results of the tests of these names, in the order of the files, each as soon as it is there."""
    wanted = set(names)
    for scene in played.scenes:
        if scene.name in wanted:
            with _hushed():
                tally = play(played.offline, scene, seed)
            yield verdict(scene, tally)


@contextmanager
def _hushed() -> Iterator[None]:
    """What the engine logs of a played outage is no news to anybody. Bugs are: errors go where they always go."""
    engine = logging.getLogger("router")
    before = engine.level
    engine.setLevel(logging.ERROR)
    try:
        yield
    finally:
        engine.setLevel(before)
