"""A strategy puts the targets of one tier in the order they should be tried. It is a pure function of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar


class Candidate(Protocol):
    """What a strategy may know of a target."""

    @property
    def weight(self) -> float: ...


class Draw(NamedTuple):
    """What is different between two requests: a source of numbers in [0, 1), and how many requests the tier had before."""

    random: Callable[[], float]
    turn: int


C = TypeVar("C", bound=Candidate)


class Order(Protocol):
    """Returns a permutation of `candidates`."""

    def __call__(self, candidates: Sequence[C], draw: Draw) -> Sequence[C]: ...
