"""Exchanges to look at, made by hand: what the engine would hand over at settle."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from router.engine.exchange import Attempt, Exchange
from router.snapshot import ClientKey
from router.types import Usage

WALL = 1_764_000_000.25  # 2025-11-24T16:00:00.250Z


@dataclass
class Format:
    name: str = "openai_chat"


@dataclass
class Generation:
    generation: int = 7
    hash: str = "4f1c0000aaaa"
    models: dict = field(default_factory=dict)
    patterns: tuple = ()


@pytest.fixture
def exchange():
    """`exchange(field=value, …)`: a good answer of `openai/gpt-4o-mini`, with these fields changed."""

    def make(**changes) -> Exchange:
        fields = {
            "request_id": "req_1",
            "snapshot": Generation(),
            "client": Format(),
            "raw": b"PROMPT",
            "started": 10.0,
            "wall": WALL,
            "key": ClientKey("web-app", enabled=True, allows=lambda name: True),
            "asked": "fast",
            "model": "fast",
            "attempts": [Attempt("openai/gpt-4o-mini", "ok", 200, 0.75)],
            "target": "openai/gpt-4o-mini",
            "reported_model": "gpt-4o-mini-2024-07-18",
            "usage": Usage(120, 30, output=34, reasoning=4),
            "cost": 12_345,
            "ended": 11.0,
            "upstream_seconds": 0.75,
        }
        return Exchange(**fields | changes)

    return make


@pytest.fixture
def model():
    """`model(name, *target_ids)`: what counting looks at of a model."""

    def make(name: str, *ids: str, fallback=(), alternatives=()) -> SimpleNamespace:
        targets = tuple(SimpleNamespace(id=id_) for id_ in ids)
        others = {each.name: each for each in alternatives}
        return SimpleNamespace(name=name, targets=targets, fallback=tuple(fallback), alternatives=others)

    return make


@pytest.fixture
def generation():
    return Generation
