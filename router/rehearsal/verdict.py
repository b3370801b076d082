"""What a test expected, against what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from router.config.diagnostics import Place
from router.config.model.tests import Bounds
from router.rehearsal.scene import Scene
from router.rehearsal.tally import Tally, Way

_SIGNS = {"lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}


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
    """All that such a test can expect, by the same words; durations are seconds. None: there was none, or nobody knows."""
    attempts: tuple[Way, ...]
    message: str | None
    """What a client was told that got no answer."""
    drill: bool

    @property
    def passed(self) -> bool:
        return not self.broken


def verdict(scene: Scene, tally: Tally) -> Result:
    """Every expectation is looked at, not only up to the first that fails."""
    got = tally.got()
    broken = tuple(
        Broken(key, _expected(written), _said(key, got[key], tally), scene.places[key])
        for key, written in scene.written.items()
        if not _fits(getattr(scene.expect, key), got[key])
    )
    return Result(scene.name, scene.place, broken, scene.written, got, tally.ways, tally.message, drill=tally.drill)


def _fits(expected: Any, got: Any) -> bool:
    if isinstance(expected, Bounds):
        return got is not None and expected.hold(got)
    return bool(expected == got)


def _expected(written: Any) -> str:
    if isinstance(written, Mapping):
        return " and ".join(f"{_SIGNS[bound]} {value}" for bound, value in written.items())
    return ", then ".join(written) if isinstance(written, list) else str(written)


def _said(key: str, got: Any, tally: Tally) -> str:
    match got:
        case None if key == "cost_usd":
            return f"none: the price of {tally.unpriced} is not known"
        case None | []:
            return "none"
        case list():
            return ", then ".join(got)
        case float():
            return f"{got:.9g}s" if key == "p99_added" else f"{got:.9g}"
        case _:
            return str(got)
