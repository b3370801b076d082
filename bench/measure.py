"""Measures processes that run, in rounds that take turns: what disturbs one candidate then disturbs the others as well."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from load import Spec
from payload import CHUNKS, PACE, PACED_CHUNKS, chat, messages
from processes import HERE, Process, pinned

MICRO = 1e6


@dataclass(frozen=True)
class Figure:
    """One figure over all rounds."""

    rounds: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Half of the distance between the best round and the worst."""
        return (max(self.rounds) - min(self.rounds)) / 2

    def over(self, other: Figure) -> Figure:
        """The ratio, round by round: neighbours in time were disturbed alike."""
        return Figure(tuple(mine / its for mine, its in zip(self.rounds, other.rounds, strict=True)))


@dataclass(frozen=True)
class Kind:
    """One way of loading a candidate."""

    name: str
    body: bytes
    path: str = "/v1/chat/completions"
    connections: int = 32
    seconds: float = 2.0
    chunks: int = 0
    spread: float = 0.0

    def spec(self, port: int) -> Spec:
        return Spec(port, self.path, self.body.decode(), self.connections, self.seconds, self.chunks, self.spread)


WHOLE = Kind("whole", chat())
TRANSLATED = Kind("translated", messages(), path="/v1/messages")
ALONE = Kind("alone", chat(), connections=1, seconds=1.0)
RUSH = Kind("rush", chat(stream=True), connections=16, chunks=CHUNKS)
PACED = Kind(
    "paced",
    chat(stream=True, paced=True),
    connections=200,
    seconds=2.5,
    chunks=PACED_CHUNKS,
    spread=PACE * PACED_CHUNKS,
)


def load(kind: Kind, port: int, core: int) -> dict[str, Any]:
    """Runs one load to its end. Raises RuntimeError when a request failed: a figure with errors in it says nothing."""
    command = [sys.executable, str(HERE / "load.py"), json.dumps(asdict(kind.spec(port)))]
    with pinned(core):
        ran = subprocess.run(command, stdout=subprocess.PIPE, timeout=kind.seconds + kind.spread + 30, check=True)
    result: dict[str, Any] = json.loads(ran.stdout)
    if result["failed"] or not result["done"]:
        raise RuntimeError(f"{kind.name}: {result['failed']} requests failed: {result['problem']}")
    return result


def cpu_per(jobs: Sequence[tuple[Process, Kind]], core: int, rounds: int) -> list[Figure]:
    """Microseconds of CPU per request, or per chunk of a stream: one figure for each job."""
    found: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for values, (candidate, kind) in zip(found, jobs, strict=True):
            before = candidate.cpu()
            result = load(kind, candidate.port, core)
            used = candidate.cpu() - before
            values.append(used * MICRO / (result["chunks"] if kind.chunks else result["done"]))
    return [Figure(tuple(values)) for values in found]


def added(direct: Process, candidates: Sequence[Process], core: int, rounds: int) -> dict[str, tuple[Figure, Figure]]:
    """Milliseconds that a candidate adds to the upstream's own answer, one request at a time: of the median and of the 99th
    percentile."""
    found: dict[str, tuple[list[float], list[float]]] = {candidate.name: ([], []) for candidate in candidates}
    for _ in range(rounds):
        base = load(ALONE, direct.port, core)
        for candidate in candidates:
            result = load(ALONE, candidate.port, core)
            for values, share in zip(found[candidate.name], ("p50", "p99"), strict=True):
                values.append((result[share] - base[share]) * 1000)
    return {name: (Figure(tuple(halves)), Figure(tuple(ends))) for name, (halves, ends) in found.items()}
