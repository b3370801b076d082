"""The figures as a table for the terminal and as bench/RESULTS.md. No date and no name of a machine: only what matters to
whoever compares."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from measure import Figure
from rich.console import Console
from rich.table import Column, Table


@dataclass
class Row:
    """Everything about one candidate. A figure that was not measured is None."""

    name: str
    title: str
    started: Figure | None = None
    idle: float | None = None
    loaded: float | None = None
    whole: Figure | None = None
    translated: Figure | None = None
    half: Figure | None = None
    end: Figure | None = None
    paced: Figure | None = None
    rush: Figure | None = None


@dataclass
class Report:
    rows: list[Row]
    nginx: str | None
    """Its version."""
    same_core: bool
    notes: list[str] = field(default_factory=list)

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)


def _shown(figure: Figure | None, digits: int) -> str:
    return "-" if figure is None else f"{figure.middle:.{digits}f} ±{figure.spread:.{digits}f}"


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def table_of(report: Report) -> list[tuple[str, ...]]:
    """A line per figure, a column per candidate; the first line holds the titles."""
    base, rows = report.row("nginx"), report.rows

    def ratio(row: Row) -> str:
        return _shown(row.whole.over(base.whole), 1) if base and base.whole and row.whole else "-"

    return [
        ("", *(row.title for row in rows)),
        ("CPU µs per request", *(_shown(row.whole, 0) for row in rows)),
        ("the same, in requests of nginx", *map(ratio, rows)),
        ("CPU µs per translated request", *(_shown(row.translated, 0) for row in rows)),
        ("CPU µs per paced chunk", *(_shown(row.paced, 1) for row in rows)),
        ("CPU µs per chunk at full speed", *(_shown(row.rush, 1) for row in rows)),
        ("added latency, p50 ms", *(_shown(row.half, 3) for row in rows)),
        ("added latency, p99 ms", *(_shown(row.end, 3) for row in rows)),
        ("ready after s", *(_shown(row.started, 2) for row in rows)),
        ("idle MB", *(_mb(row.idle) for row in rows)),
        ("MB after the load", *(_mb(row.loaded) for row in rows)),
    ]


def goals(report: Report) -> list[str]:
    """What performance asks of the daemon now, and whether this run shows it."""
    ours, base = report.row("router"), report.row("nginx")
    if ours is None:
        return []
    checks: list[tuple[str, float | None, float]] = [
        ("CPU per request ÷ nginx", ours.whole.over(base.whole).middle if base and base.whole and ours.whole else None, 8),
        ("translated ÷ same format", ours.translated.over(ours.whole).middle if ours.translated and ours.whole else None, 3),
        ("CPU µs per chunk at full speed", ours.rush.middle if ours.rush else None, 6),
        ("added p50 ms", ours.half.middle if ours.half else None, 0.4),
        ("ready s", ours.started.middle if ours.started else None, 1),
        ("idle MB", ours.idle, 80),
    ]
    return [
        f"{what}: {value:.2f}, at most {limit:g}: {'met' if value <= limit else 'MISSED'}"
        for what, value, limit in checks
        if value is not None
    ]


def noise(report: Report) -> str:
    """How far apart the rounds of one and the same thing were."""
    figures = [(row.title, row.whole) for row in report.rows if row.whole is not None]
    if all(len(figure.rounds) == 1 for _, figure in figures):
        return "One round only: the noise of this run is not known."
    worst = max((figure.spread / figure.middle for _, figure in figures), default=0.0)
    parts = ", ".join(f"{title} {min(figure.rounds):.0f} to {max(figure.rounds):.0f}" for title, figure in figures)
    verdict = "quiet" if worst < 0.05 else "usable: trust ratios, not figures" if worst < 0.2 else "noisy: run it again"
    return f"CPU µs per request over the rounds: {parts}. Half the spread is up to {worst:.0%} of the median: {verdict}."


def environment(report: Report) -> str:
    parts = [
        f"Linux {platform.release().split('-')[0]}",
        _cpu_model(),
        f"{len(os.sched_getaffinity(0))} cores",
        f"Python {platform.python_version()}",
        f"aiohttp {version('aiohttp')}",
        f"uvloop {version('uvloop')}",
        report.nginx or "no nginx",
    ]
    return ", ".join(parts)


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def nginx_version(path: str) -> str:
    said = subprocess.run([path, "-v"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"nginx/([\d.]+)", said)
    return f"nginx {found[1]}" if found else "nginx"


def remarks(report: Report) -> list[str]:
    said = [*report.notes]
    if report.nginx is None:
        said.append("nginx was not found: its row and the ratio are left out.")
    if report.same_core:
        said.append("There is one core only: both ends of the load run on the core of what is measured.")
    return said


def show(report: Report, console: Console) -> None:
    titles, *lines = table_of(report)
    table = Table(
        Column(titles[0], no_wrap=True),
        *(Column(title, justify="right") for title in titles[1:]),
        title="median ± half the spread",
    )
    for line in lines:
        table.add_row(*line)
    console.print(table)
    for said in [environment(report), noise(report), *remarks(report), *goals(report)]:
        console.print(said, highlight=False, markup=False, soft_wrap=True)


_METHOD = """\
What stands beside us: nginx with `proxy_pass` over kept connections, and aiohttp's low-level server with one `ClientSession`
(`floor_aiohttp.py`). What is measured runs on one core, the load and the upstream on another. CPU is the scheduler's own
figure over all threads and children. The rounds of the candidates take turns.

* request: 1 KB in, 0.9 KB out, 32 kept connections, `/v1/chat/completions`; ours with a client key, prices, metrics and a
  log line. Translated: `/v1/messages` to the same OpenAI upstream.
* added: what a request takes longer than without anything between, one at a time on one connection.
* paced chunk: 200 streams with a chunk each 20 ms. Full speed: 16 streams of 200 chunks as fast as they are taken. The
  request itself is part of both.
"""


def markdown(report: Report) -> str:
    titles, *lines = ("| " + " | ".join(line) + " |" for line in table_of(report))
    table = "\n".join([titles, "|---|" + "---:|" * len(report.rows), *lines])
    said = "\n".join(f"* {line}" for line in [environment(report), noise(report), *remarks(report), *goals(report)])
    return f"# Measured by `make bench`\n\nMedian ± half the spread of the rounds.\n\n{table}\n\n{said}\n\n{_METHOD}"
