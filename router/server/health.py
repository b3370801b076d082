"""Health of targets as people see it on the admin port, and how they reset it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import orjson

from router.config.similar import nearest
from router.decide import unavailable
from router.snapshot import Snapshot, Target
from router.state.health import HealthBook
from router.types import Json


class TargetHealth:
    """Tells the book's times as seconds since 1970. Answers are (HTTP status, JSON)."""

    def __init__(self, book: HealthBook, wall: Callable[[], float]) -> None:
        self._book = book
        self._wall = wall

    def row(self, snapshot: Snapshot, target: Target) -> Json:
        """What is known of one target: `state`, since when and until when, and why it would not be asked now, if so."""
        seen = self._book.seen(target)
        why = unavailable(snapshot, target, self._book)
        return {
            "state": seen.state,
            "since": self._at(seen.since),
            "until": self._at(seen.until),
            "failures": seen.failures,
            "last_error": seen.last_error,
            "last_error_at": self._at(seen.last_error_at),
            "unavailable": why.text if why is not None else None,
        }

    def reset(self, snapshot: Snapshot, body: bytes) -> tuple[int, Json]:
        """`{"target": "PROVIDER/MODEL"}` or `{"provider": "PROVIDER"}`: forgets what speaks against it."""
        match _parsed(body):
            case {"target": str(name), **rest} if not rest:
                kind, known = "target", set(_ids(snapshot))
            case {"provider": str(name), **rest} if not rest:
                kind, known = "provider", {id_.partition("/")[0] for id_ in _ids(snapshot)}
            case _:
                return 400, {"error": 'send {"target": "PROVIDER/MODEL"} or {"provider": "PROVIDER"}'}
        if name not in known and not (kind == "target" and "/" in name and self._book.knows(name)):
            near = nearest(name, sorted(known))
            hint = f"did you mean {near!r}?" if near else "/-/status lists them"
            return 404, {"error": f"no {kind} is named {name!r}; {hint}"}
        return 200, {kind: name, "reset": self._book.reset(name)}

    def _at(self, seconds: float | None) -> float | None:
        return None if seconds is None else round(self._wall() - self._book.clock() + seconds, 3)


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _ids(snapshot: Snapshot) -> Iterable[str]:
    """Every target of the file; those of a pattern by the pattern's own name (`openai/gpt-*`)."""
    for model in (*snapshot.models.values(), *(pattern.make("*") for pattern in snapshot.patterns)):
        for each in (model, *model.fallback, *model.alternatives.values()):
            yield from (target.id for target in each.targets)
