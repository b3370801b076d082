"""One test of the file, in the words of the engine: who asks for what, what is the matter with whom, what should come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from router.config.diagnostics import Place
from router.config.model import ConfigFile
from router.config.model.tests import CaseConfig, ExpectConfig, GivenConfig, Learned, LoadConfig, StateConfig
from router.config.tree import Document

ALWAYS = float("inf")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is the matter with a provider, or with one upstream model of it, from `start` to before `end` (seconds since the
    test began)."""

    provider: str
    model: str | None
    """As the vendor names it; None: all of them."""
    off: bool = False
    """It is not there, as when its key is not set."""
    down: bool = False
    """Connections to it are refused."""
    status: int | None = None
    """It answers every request with this HTTP status."""
    latency: float | None = None
    """Seconds until it begins to answer."""
    start: float = 0.0
    end: float = ALWAYS

    def lasts(self, at: float) -> bool:
        return self.start <= at < self.end

    def hits(self, provider: str, model: str) -> bool:
        return self.provider == provider and (self.model is None or covers(self.model, model))


@dataclass(frozen=True, slots=True)
class Load:
    """`count` requests, one every `gap` seconds, whether or not those before them have ended."""

    count: int
    gap: float


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    given: GivenConfig
    load: Load | None
    """Makes it a drill."""
    troubles: tuple[Trouble, ...]
    """What is said of a model stands before what is said of its provider."""
    learned: Mapping[str, Learned]
    """Providers and targets, and what was learned of them before."""
    clock: datetime
    """When it begins."""
    expect: ExpectConfig
    written: Mapping[str, Any]
    """`expect` as it stands in the file: in its order, in its words."""
    place: Place
    places: Mapping[str, Place]
    """Of every expectation."""


def scenes(file: ConfigFile, document: Document, now: datetime) -> tuple[Scene, ...]:
    """The tests of a file, in its order. Those that name no time begin `now`."""
    return tuple(_scene(file, document, number, case, now) for number, case in enumerate(file.tests))


def covers(pattern: str, name: str) -> bool:
    """Whether a name, with one `*` at most, means that one."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == name
    return len(name) >= len(before) + len(after) and name.startswith(before) and name.endswith(after)


def _scene(file: ConfigFile, document: Document, number: int, case: CaseConfig, now: datetime) -> Scene:
    at = f"/tests/{number}"
    written = document.value["tests"][number]["expect"]
    states = sorted(case.world.states().items(), key=lambda each: "/" not in each[0])
    return Scene(
        name=case.name,
        given=case.given,
        load=_load(case.given.load) if case.given.load is not None else None,
        troubles=tuple(_trouble(file, name, state) for name, state in states),
        learned=case.world.health,
        clock=case.world.clock or now,
        expect=case.expect,
        written=written,
        place=document.at(f"{at}/name"),
        places={key: document.at_key(f"{at}/expect/{key}") for key in written},
    )


def _load(written: LoadConfig) -> Load:
    rate = written.rate
    return Load(max(1, round(rate.amount * written.duration / rate.window)), rate.window / rate.amount)


def _trouble(file: ConfigFile, name: str, state: StateConfig) -> Trouble:
    provider, _, model = name.partition("/")
    return Trouble(
        provider=provider,
        model=file.providers[provider].names.get(model, model) or None,
        off=state.off or False,
        down=state.down or False,
        status=state.status,
        latency=state.latency,
        start=state.begin or 0.0,
        end=ALWAYS if state.end is None else state.end,
    )
