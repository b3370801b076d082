"""The tree of one file before files are laid over each other: plain values, each with the place where it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from router.config.diagnostics import Place

Plain = str | int | float | bool | None


@dataclass(slots=True)
class Leaf:
    value: Plain
    place: Place
    size: ClassVar[int] = 1


@dataclass(slots=True)
class Items:
    items: list[Node]
    place: Place
    size: int = 1
    """Nodes in it, with every alias written out."""


class Entry(NamedTuple):
    key: Place
    node: Node


@dataclass(slots=True)
class Entries:
    entries: dict[str, Entry]
    place: Place
    size: int = 1


Node = Leaf | Items | Entries
