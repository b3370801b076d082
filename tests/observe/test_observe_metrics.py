from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from router.engine.exchange import Attempt
from router.observe.counts import REQUEST_BOUNDS, Counts, Histogram
from router.observe.lag import LoopLag
from router.observe.metrics import Gauges, Metrics
from router.types import Usage


class Scraped(dict):
    """name{label="value",…} → value, of one scrape."""

    def __init__(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                self[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value

    def starting(self, name: str) -> dict[str, float]:
        return {series: value for series, value in self.items() if series.split("{")[0] == name}


@pytest.fixture
def facts():
    breakers = [
        ("b/m", "open"),
        ("openai/gpt-*", "trial"),
        ("openai/gpt-*", "parked"),
        ("openai/gpt-*", "closed"),
        ("c/m", "closed"),
    ]
    return SimpleNamespace(open=set(), dropped=0, lag=0.0, refused=False, pending=0.0, healthy=True, breakers=breakers)


@pytest.fixture
def metrics(facts, generation, model):
    gauges = Gauges(
        open=lambda: facts.open,
        log_dropped=lambda: facts.dropped,
        loop_lag=lambda: facts.lag,
        config_refused=lambda: facts.refused,
        config_pending=lambda: facts.pending,
        watch_healthy=lambda: facts.healthy,
        breakers=lambda: facts.breakers,
    )
    metrics = Metrics("1.2.3", Counts(), gauges)
    pattern = SimpleNamespace(make=lambda star: model("gpt-*", f"openai/gpt-{star}", "local/any"))
    fast = model("fast", "openai/gpt-4o-mini", "b/m", fallback=[model("slow", "c/m")], alternatives=[model("long", "d/m")])
    metrics.applied(generation(models={"fast": fast, "alias": fast}, patterns=(pattern,)), 1000.5)
    return metrics


def scrape(metrics) -> Scraped:
    return Scraped(metrics.render("text/plain")[0].decode())


def test_an_exchange_is_counted_once_under_the_names_of_the_file(metrics, exchange):
    attempts = [Attempt("b/m", "server", 503, 0.1), Attempt("openai/gpt-4o-mini", "ok", 200, 0.7)]
    metrics.counts.settled(exchange(attempts=attempts, first_token=0.2, malformed=2, usage=Usage(100, 20, 3, 4, 34, 5)))
    seen = scrape(metrics)
    assert seen.starting("router_requests_total") == {'router_requests_total{api="openai_chat",model="fast",outcome="ok"}': 1}
    assert seen.starting("router_attempts_total") == {
        'router_attempts_total{outcome="server",target="b/m"}': 1,
        'router_attempts_total{outcome="ok",target="openai/gpt-4o-mini"}': 1,
    }
    mini = {name: value for name, value in seen.starting("router_tokens_total").items() if "mini" in name}
    assert mini == {
        f'router_tokens_total{{kind="{kind}",target="openai/gpt-4o-mini"}}': n
        for kind, n in {"input": 127, "cache_read": 20, "cache_write": 7, "output": 34, "reasoning": 5}.items()
    }
    assert seen.starting("router_cost_usd_total") == {
        'router_cost_usd_total{key="web-app",target="openai/gpt-4o-mini"}': 0.000012345
    }
    assert seen['router_stream_malformed_frames_total{target="openai/gpt-4o-mini"}'] == 2
    assert seen['router_request_seconds_sum{model="fast"}'] == 1.0
    assert seen['router_request_seconds_bucket{le="0.5",model="fast"}'] == 0
    assert seen['router_request_seconds_bucket{le="1.0",model="fast"}'] == 1
    assert seen['router_request_seconds_count{model="fast"}'] == 1
    assert seen['router_first_token_seconds_bucket{le="0.2",target="openai/gpt-4o-mini"}'] == 1
    assert seen["router_overhead_seconds_sum"] == 0.25


def test_a_request_refused_at_the_edge_counts_as_a_request_and_nothing_else(metrics, exchange):
    metrics.counts.settled(
        exchange(key=None, model=None, target=None, attempts=[], usage=None, cost=None, outcome="client_error")
    )
    seen = scrape(metrics)
    assert seen.starting("router_requests_total") == {
        'router_requests_total{api="openai_chat",model="other",outcome="client_error"}': 1
    }
    assert seen["router_overhead_seconds_count"] == 0
    assert seen.starting("router_attempts_total") == {}
    assert seen.starting("router_cost_usd_total") == {}


def test_cost_without_a_key_has_an_empty_label(metrics, exchange):
    metrics.counts.settled(exchange(key=None, cost=2_000_000_000))
    assert scrape(metrics).starting("router_cost_usd_total") == {'router_cost_usd_total{key="",target="openai/gpt-4o-mini"}': 2.0}


def test_clients_cannot_make_time_series(metrics, exchange):
    for n in range(50):
        for target in (f"openai/gpt-{n}", f"openai/o{n}"):
            metrics.counts.settled(exchange(model="gpt-*", target=target, attempts=[Attempt(target, "ok", 200, 0.1)]))
    assert scrape(metrics).starting("router_attempts_total") == {
        'router_attempts_total{outcome="ok",target="openai/gpt-*"}': 50,
        'router_attempts_total{outcome="ok",target="openai/other"}': 50,
    }


def test_names_that_patterns_made_are_forgotten_before_they_fill_the_memory(metrics, exchange, monkeypatch):
    monkeypatch.setattr("router.observe.counts._MAX_PATTERNED", 20)
    for n in range(100):
        metrics.counts.settled(exchange(target=f"openai/gpt-{n}", attempts=[]))
    assert len(metrics.counts._slots) <= 20
    assert scrape(metrics)['router_tokens_total{kind="output",target="openai/gpt-*"}'] == 3400


def test_every_target_of_the_file_shows_zero_before_it_is_used(metrics):
    seen = scrape(metrics)
    ids = {"openai/gpt-4o-mini", "b/m", "c/m", "d/m", "openai/gpt-*", "local/any"}
    assert seen.starting("router_target_inflight") == {f'router_target_inflight{{target="{id_}"}}': 0 for id_ in ids}
    assert seen.starting("router_inflight") == {f'router_inflight{{model="{name}"}}': 0 for name in ("fast", "gpt-*", "other")}


def test_the_state_of_a_breaker_is_a_number_and_of_a_pattern_the_worst(metrics):
    assert scrape(metrics).starting("router_breaker_state") == {
        'router_breaker_state{target="b/m"}': 2,
        'router_breaker_state{target="openai/gpt-*"}': 3,
        'router_breaker_state{target="c/m"}': 0,
    }


def test_open_requests_are_counted_where_they_are(metrics, facts, exchange):
    facts.open |= {exchange(trying="b/m"), exchange(trying="openai/gpt-5"), exchange(model=None)}
    seen = scrape(metrics)
    assert seen['router_inflight{model="fast"}'] == 2
    assert seen['router_inflight{model="other"}'] == 1
    assert seen['router_target_inflight{target="b/m"}'] == 1
    assert seen['router_target_inflight{target="openai/gpt-*"}'] == 1


def test_a_reload_keeps_counts_also_of_targets_that_are_gone(metrics, exchange, generation, model):
    metrics.counts.settled(exchange())
    metrics.applied(generation(generation=8, models={"fast": model("fast", "new/m")}), 2000)
    metrics.counts.settled(exchange())  # A request that began before the reload ends after it.
    seen = scrape(metrics)
    assert seen['router_attempts_total{outcome="ok",target="openai/gpt-4o-mini"}'] == 2
    assert seen['router_tokens_total{kind="input",target="new/m"}'] == 0
    assert seen.starting("router_config_info") == {'router_config_info{generation="8",hash="4f1c0000aaaa"}': 1}
    assert seen["router_config_last_reload_success_timestamp_seconds"] == 2000


def test_process_and_configuration_are_told_as_they_are(metrics, facts):
    facts.dropped, facts.lag, facts.refused, facts.pending, facts.healthy = 5, 0.25, True, 3.5, False
    metrics.reloaded("watch", "refused", "check")
    metrics.reloaded("watch", "refused", "check")
    seen = scrape(metrics)
    expected = {
        "router_log_dropped_total": 5,
        "router_loop_lag_seconds": 0.25,
        'router_build_info{version="1.2.3"}': 1,
        'router_config_info{generation="7",hash="4f1c0000aaaa"}': 1,
        "router_config_last_reload_successful": 0,
        "router_config_last_reload_success_timestamp_seconds": 1000.5,
        'router_config_reloads_total{result="refused",stage="check",trigger="watch"}': 2,
        "router_config_pending_seconds": 3.5,
        "router_config_watch_healthy": 0,
    }
    assert {name: seen[name] for name in expected} == expected
    assert seen["process_resident_memory_bytes"] > 0


def test_content_type_follows_what_the_scraper_accepts(metrics):
    body, kind = metrics.render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    body, kind = metrics.render("")
    assert kind.startswith("text/plain; version=0.0.4")
    assert b"# TYPE router_requests_total counter" in body


def test_metrics_are_the_documented_ones_with_the_documented_labels(metrics, exchange):
    metrics.counts.settled(exchange(first_token=0.1))
    metrics.reloaded("api", "changed", "swap")
    document = Path(__file__).parents[2].joinpath("docs/names.md").read_text("utf-8")
    rows = re.findall(r"^\| `(router_\w+)` \| (\w+) \|(.*)\|$", document, re.MULTILINE)
    documented = {(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    seen = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, frozenset(sample.labels) - {"le"})
        for family in metrics.collect()
        for sample in family.samples
    }
    assert seen == documented


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1000), max_size=30))
def test_histogram_counts_each_value_in_the_first_bucket_that_holds_it(values):
    histogram = Histogram(REQUEST_BOUNDS)
    for value in values:
        histogram.observe(value)
    below = [sum(histogram.counts[: n + 1]) for n in range(len(REQUEST_BOUNDS))]
    assert below == [sum(value <= bound for value in values) for bound in REQUEST_BOUNDS]
    assert sum(histogram.counts) == len(values)


def test_counting_an_exchange_is_cheap(metrics, exchange):
    ended = exchange(first_token=0.2)
    best = min(_timed(metrics.counts.settled, ended, 2000) for _ in range(5))
    assert best < 20e-6  # 2 µs where it is quiet; what this catches is work that does not belong here.


def _timed(call, argument, times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        call(argument)
    return (time.perf_counter() - started) / times


async def test_lag_shows_what_blocked_the_loop(monkeypatch):
    monkeypatch.setattr("router.observe.lag.EVERY", 0.01)
    lag = LoopLag()
    loop = asyncio.get_running_loop()
    lag.start(loop)
    assert lag.seconds() == 0.0
    time.sleep(0.1)  # The blocking itself is what is measured.
    seen = loop.create_future()
    loop.call_later(0.02, seen.set_result, None)
    await seen
    lag.stop()
    assert 0.08 <= lag.seconds() < 1
