"""The two ends of the measurement, against each other: a figure from a load that loses answers would say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the measurement needs Linux")


@pytest.fixture
def bench(monkeypatch):
    """The modules of bench/, as they import each other."""
    monkeypatch.syspath_prepend(str(BENCH))
    import measure
    import processes
    import report

    yield sys.modules
    for module in (measure, processes, report):
        del sys.modules[module.__name__]


@pytest.fixture
def upstream(bench, tmp_path):
    processes = bench["processes"]
    process = processes.provider(processes.free_port()).start(processes.cores()[1], tmp_path)
    yield process
    process.stop()


def run(spec: dict) -> dict:
    ran = subprocess.run([sys.executable, BENCH / "load.py", json.dumps(spec)], capture_output=True, check=True, timeout=30)
    assert ran.stderr == b""
    return json.loads(ran.stdout)


@pytest.mark.parametrize(("kind", "chunks"), [("WHOLE", 0), ("RUSH", 200), ("PACED", 64)])
def test_every_answer_arrives_whole(bench, upstream, kind, chunks):
    kind = getattr(bench["measure"], kind)
    spec = kind.spec(upstream.port)
    result = run(vars(spec) | {"seconds": 0.1, "connections": 4, "spread": 0.05})
    assert result["failed"] == 0
    assert result["done"] >= 4
    assert result["chunks"] == result["done"] * chunks
    assert 0 < result["p50"] <= result["p99"]


def test_a_stream_with_too_few_chunks_is_a_failure(bench, upstream):
    spec = bench["measure"].RUSH.spec(upstream.port)
    result = run(vars(spec) | {"seconds": 0.1, "connections": 1, "chunks": 201})
    assert (result["failed"], result["problem"]) == (1, "200 of 201 chunks")


def test_an_answer_that_is_none_is_a_failure(bench, upstream):
    upstream.stop()
    spec = bench["measure"].WHOLE.spec(upstream.port)
    ran = subprocess.run(
        [sys.executable, BENCH / "load.py", json.dumps(vars(spec))], capture_output=True, check=False, timeout=30
    )
    assert ran.returncode != 0


def test_cpu_and_memory_of_a_process_are_seen(bench, upstream):
    before = upstream.cpu()
    run(vars(bench["measure"].WHOLE.spec(upstream.port)) | {"seconds": 0.2})
    assert 0.001 < upstream.cpu() - before < 1
    assert 5 < upstream.rss() < 200


def test_without_nginx_the_ratio_is_left_out_and_said(bench):
    report, measure = bench["report"], bench["measure"]
    row = report.Row("router", "router", whole=measure.Figure((10.0, 30.0, 20.0)), idle=60.4)
    alone = report.Report([row], None, same_core=False)
    shown = report.markdown(alone)
    assert "| CPU µs per request | 20 ±10 |" in shown
    assert "| the same, in requests of nginx | - |" in shown
    assert "nginx was not found: its row and the ratio are left out." in shown
    assert report.goals(alone) == ["idle MB: 60.40, at most 80: met"]


def test_ratios_are_taken_round_by_round(bench):
    figure = bench["measure"].Figure
    assert figure((10.0, 40.0)).over(figure((5.0, 20.0))) == figure((2.0, 2.0))
