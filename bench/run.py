"""`python bench/run.py`: what a request costs here, beside nginx and plain aiohttp. Prints a table, writes RESULTS.md.

--quick      one short round of everything: shows that it works, says little
--only       some candidates: router, nginx, aiohttp
--no-write   leaves RESULTS.md alone, as the other two do
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import processes
from measure import PACED, RUSH, TRANSLATED, WHOLE, Figure, Kind, added, cpu_per, load
from processes import HERE, Process, Program, free_port
from report import Report, Row, markdown, nginx_version, show
from rich.console import Console

TITLES = {"nginx": "nginx", "aiohttp": "aiohttp alone", "router": "router"}
SETTLE = 1.0  # Seconds until what a start leaves to do is done, and memory can be read.


def programs(only: Sequence[str], upstream: int, scratch: Path) -> list[Program]:
    found: list[Program] = []
    if "nginx" in only and (path := processes.nginx_path()) is not None:
        found.append(processes.nginx(path, free_port(), upstream, scratch))
    if "aiohttp" in only:
        found.append(processes.floor(free_port(), upstream))
    if "router" in only:
        found.append(processes.daemon(free_port(), upstream))
    return found


@contextmanager
def running(program: Program, core: int, scratch: Path) -> Iterator[Process]:
    process = program.start(core, scratch)
    try:
        yield process
    finally:
        process.stop()


def start_times(program: Program, core: int, scratch: Path, rounds: int) -> Figure:
    """Seconds from the start of the process to its first answer. The very first, with cold files, does not count."""
    times = []
    for _ in range(1 + rounds):
        with running(program, core, scratch) as process:
            times.append(process.started)
    return Figure(tuple(times[1:]))


def measure(upstream: Process, candidates: Sequence[Process], rows: dict[str, Row], *, quick: bool, say: Console) -> None:
    """Fills the rows. What is compared is measured in the same rounds."""
    _, other = processes.cores()

    def figures(rounds: int, *kinds: tuple[Kind, str, Sequence[Process]]) -> None:
        jobs = [
            (candidate, replace(kind, seconds=0.5) if quick else kind, field)
            for kind, field, measured in kinds
            for candidate in measured
        ]
        say.print(f"{', '.join(field for _, field, _ in kinds)} …", style="dim")
        found = cpu_per([(candidate, kind) for candidate, kind, _ in jobs], other, 1 if quick else rounds)
        for (candidate, _, field), figure in zip(jobs, found, strict=True):
            setattr(rows[candidate.name], field, figure)

    ours = [candidate for candidate in candidates if candidate.name == "router"]
    figures(7, (WHOLE, "whole", candidates), (TRANSLATED, "translated", ours))
    figures(5, (RUSH, "rush", candidates))
    figures(3, (PACED, "paced", candidates))
    say.print("latency …", style="dim")
    for name, (half, end) in added(upstream, candidates, other, 1 if quick else 5).items():
        rows[name].half, rows[name].end = half, end


def run(arguments: argparse.Namespace, scratch: Path, say: Console) -> Report:
    core, other = processes.cores()
    quick: bool = arguments.quick
    with ExitStack() as stack:
        upstream = stack.enter_context(running(processes.provider(free_port()), other, scratch))
        started = programs(arguments.only, upstream.port, scratch)
        rows = {program.name: Row(program.name, TITLES[program.name]) for program in started}
        say.print("start …", style="dim")
        for program in started:
            rows[program.name].started = start_times(program, core, scratch, 1 if quick else 5)
        candidates = [stack.enter_context(running(program, core, scratch)) for program in started]
        time.sleep(SETTLE)
        for candidate in candidates:
            rows[candidate.name].idle = candidate.rss()
            load(replace(WHOLE, seconds=0.5), candidate.port, other)  # Connections, caches, specialised bytecode.
        measure(upstream, candidates, rows, quick=quick, say=say)
        for candidate in candidates:
            rows[candidate.name].loaded = candidate.rss()
    path = processes.nginx_path()
    found = nginx_version(path) if path is not None and "nginx" in rows else None
    return Report(list(rows.values()), found, same_core=core == other, notes=["One short round."] if quick else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        print("the measurement reads /proc and pins processes to cores: it needs Linux", file=sys.stderr)
        return 1
    say = Console()
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = run(arguments, Path(folder), say)
    except RuntimeError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    show(report, say)
    if not (arguments.no_write or arguments.quick or arguments.only != list(TITLES)):
        HERE.joinpath("RESULTS.md").write_text(markdown(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
