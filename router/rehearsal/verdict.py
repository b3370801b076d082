"""What a test expected, against what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from router.config.diagnostics import Place
from router.config.model.tests import Bounds
from router.rehearsal.scene import Scene
from router.rehearsal.tally import Seen, Tally, Tried, Value

_SIGNS = {"lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}
_MOST_SHOWN = 4
"""Different values of one figure that a message names: the most frequent ones."""


class Broken(NamedTuple):
    """An expectation that did not come true. For people; `Result` has the values."""

    key: str
    expected: str
    got: str
    place: Place

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    place: Place
    broken: tuple[Broken, ...]
    expected: Mapping[str, Any]
    """As the file has it."""
    got: Mapping[str, Any]
    """The same keys; in a drill all figures, too. A value that was not the same for every request is a map of how often each
    came."""
    attempts: tuple[Tried, ...]
    message: str | None
    """What a client was told that got no answer."""
    drill: bool

    @property
    def passed(self) -> bool:
        return not self.broken


def verdict(scene: Scene, tally: Tally) -> Result:
    """Every expectation is looked at, not only up to the first that fails."""
    drill = scene.load is not None
    figures = tally.figures()
    got: dict[str, Any] = dict(figures) if drill else {}
    broken: list[Broken] = []
    for key, written in scene.written.items():
        wanted = getattr(scene.expect, key)
        if key in figures:
            value = figures[key]
            got[key] = value
            fits = value is not None and wanted.hold(value)
            said = _unpriced(tally.seen) if value is None else _number(key, value)
        else:
            seen: Counter[Value] = getattr(tally.seen, key)
            got[key] = _values(seen)
            fits = all(_fits(wanted, value) for value in seen)
            said = _listed(seen)
        if not fits:
            broken.append(Broken(key, _wanted(written), said, scene.places[key]))
    return Result(scene.name, scene.place, tuple(broken), scene.written, got, tally.ways, tally.seen.message, drill=drill)


def _fits(wanted: Any, value: Value) -> bool:
    if isinstance(wanted, Bounds):
        return isinstance(value, int) and wanted.hold(value)
    return (tuple(wanted) if isinstance(wanted, list) else wanted) == value


def _values(seen: Counter[Value]) -> Any:
    """The value that all requests agree on; else how often each came."""
    if len(seen) == 1:
        return next(iter(seen))
    return {_said(value): times for value, times in seen.most_common()}


def _listed(seen: Counter[Value]) -> str:
    if len(seen) == 1:
        return _said(next(iter(seen)))
    shown = [f"{_said(value)} ({times} times)" for value, times in seen.most_common(_MOST_SHOWN)]
    return ", ".join(shown) + (", …" if len(seen) > _MOST_SHOWN else "")


def _said(value: Value) -> str:
    if isinstance(value, tuple):
        return _chain(value)
    return "none" if value is None else str(value)


def _chain(targets: Sequence[str]) -> str:
    return ", then ".join(targets) or "none"


def _wanted(written: Any) -> str:
    if isinstance(written, Mapping):
        return " and ".join(f"{_SIGNS[bound]} {value}" for bound, value in written.items())
    return _chain(written) if isinstance(written, list) else str(written)


def _number(key: str, value: float) -> str:
    return f"{value:g}s" if key == "p99_added" else f"{value:.9g}"


def _unpriced(seen: Seen) -> str:
    return f"unknown: {seen.unpriced} has no price"
