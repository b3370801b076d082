"""Metrics for Prometheus, under the names of docs/names.md: rendered from plain counts when they are scraped.

No object of prometheus_client is touched per request: its counters cost about 1 µs each, locks included, ours a tenth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from router.engine.exchange import Exchange
from router.observe.counts import KINDS, OTHER, Counts, Histogram
from router.pricing import NANO
from router.snapshot import Snapshot
from router.state.condition import State

BREAKER: Mapping[State, int] = {"closed": 0, "trial": 1, "open": 2, "parked": 3}
"""What `router_breaker_state` says. Of the targets of one pattern it tells the highest."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Figures that others keep, asked for when scraped."""

    open: Callable[[], Iterable[Exchange]]
    """The exchanges that are not over."""
    log_dropped: Callable[[], int]
    loop_lag: Callable[[], float]
    config_refused: Callable[[], bool]
    """Whether what is on disk was refused and is not in force."""
    config_pending: Callable[[], float]
    """Seconds since a change was seen that is not in force; 0 when there is none."""
    watch_healthy: Callable[[], bool]
    breakers: Callable[[], Iterable[tuple[str, State]]]
    """Targets by their names in the file, and how each is."""


class Metrics(Collector):
    """`counts` is told of every exchange, `applied` and `reloaded` of every generation; `render` answers a scrape."""

    def __init__(self, version: str, counts: Counts, gauges: Gauges) -> None:
        self.counts = counts
        self._running = ("0", "")
        self._applied = 0.0
        self._reloads: dict[tuple[str, str, str], int] = {}
        self._version = version
        self._gauges = gauges
        self._registry = CollectorRegistry(auto_describe=False)  # Describing would collect everything once more at start.
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def applied(self, snapshot: Snapshot, wall: float) -> None:
        """A generation came into force, `wall` seconds after 1970."""
        self._running, self._applied = (str(snapshot.generation), snapshot.hash), wall
        self.counts.apply(snapshot)

    def reloaded(self, trigger: str, result: str, stage: str) -> None:
        """Counts one attempt to reload. The words are of closed sets: never text of a file."""
        series = (trigger, result, stage)
        self._reloads[series] = self._reloads.get(series, 0) + 1

    def render(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in OpenMetrics when the Accept header asks for it, else in Prometheus' text format."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._targets()
        yield from self._inflight()
        yield from self._process()
        yield from self._config()

    def _requests(self) -> Iterator[Metric]:
        counts = self.counts
        yield _counter("router_requests", "Requests that ended.", ("model", "api", "outcome"), counts.requests.items())
        seconds = HistogramMetricFamily("router_request_seconds", "From a request's first byte to its last.", labels=("model",))
        for model, durations in counts.durations.items():
            _add_histogram(seconds, (model,), durations)
        yield seconds
        overhead = HistogramMetricFamily("router_overhead_seconds", "The part of a request that no upstream took.", labels=())
        _add_histogram(overhead, (), counts.overhead)
        yield overhead

    def _targets(self) -> Iterator[Metric]:
        targets = self.counts.targets.items()
        attempts = (((target, outcome), n) for target, at in targets for outcome, n in at.attempts.items())
        yield _counter("router_attempts", "Tries at a target.", ("target", "outcome"), attempts)
        first = HistogramMetricFamily(
            "router_first_token_seconds", "From a request's start to its first token.", labels=("target",)
        )
        for target, at in targets:
            if any(at.first_token.counts):
                _add_histogram(first, (target,), at.first_token)
        yield first
        tokens = (((target, kind), n) for target, at in targets for kind, n in zip(KINDS, at.tokens, strict=True))
        yield _counter("router_tokens", "Input includes the cached kinds, output reasoning.", ("target", "kind"), tokens)
        cost = (((target, key), nano / NANO) for target, at in targets for key, nano in at.cost.items())
        yield _counter("router_cost_usd", "US dollars, where the price is known.", ("target", "key"), cost)
        malformed = (((target,), at.malformed) for target, at in targets)
        yield _counter("router_stream_malformed_frames", "Frames of streams that were skipped.", ("target",), malformed)
        states: dict[str, int] = {}
        for target, state in self._gauges.breakers():
            states[target] = max(states.get(target, 0), BREAKER[state])
        series = (((target,), n) for target, n in states.items())
        yield _gauge("router_breaker_state", "0 closed, 1 trial, 2 open, 3 parked.", ("target",), series)

    def _inflight(self) -> Iterator[Metric]:
        # Counted from the exchanges themselves: a pair of +1 and -1 would drift at the first path that forgets one.
        counts = self.counts
        open_now = list(self._gauges.open())
        models = dict.fromkeys([*counts.models, OTHER], 0) | Counter(exchange.model or OTHER for exchange in open_now)
        busy = Counter(counts.label(exchange.trying) for exchange in open_now if exchange.trying is not None)
        targets = dict.fromkeys(counts.targets, 0) | busy
        yield _gauge("router_inflight", "Open requests.", ("model",), (((model,), n) for model, n in models.items()))
        yield _gauge(
            "router_target_inflight", "Requests a target is at work on.", ("target",), (((t,), n) for t, n in targets.items())
        )

    def _process(self) -> Iterator[Metric]:
        yield _counter("router_log_dropped", "Log lines lost to a slow or dead sink.", (), [((), self._gauges.log_dropped())])
        yield _gauge("router_loop_lag_seconds", "Worst lateness of the event loop in 15 s.", (), [((), self._gauges.loop_lag())])
        yield _gauge("router_build_info", "Always 1.", ("version",), [((self._version,), 1)])

    def _config(self) -> Iterator[Metric]:
        gauges = self._gauges
        yield _gauge("router_config_info", "What is in force; always 1.", ("generation", "hash"), [(self._running, 1)])
        usable = int(not gauges.config_refused())
        yield _gauge("router_config_last_reload_successful", "0 while the file on disk is refused.", (), [((), usable)])
        name = "router_config_last_reload_success_timestamp_seconds"
        yield _gauge(name, "When what is in force came into force.", (), [((), self._applied)])
        yield _counter("router_config_reloads", "Attempts to reload.", ("trigger", "result", "stage"), self._reloads.items())
        yield _gauge("router_config_pending_seconds", "Age of a change not in force.", (), [((), gauges.config_pending())])
        yield _gauge("router_config_watch_healthy", "0 when changes cannot be seen.", (), [((), int(gauges.watch_healthy()))])


Series = Iterable[tuple[tuple[str, ...], float]]


def _counter(name: str, text: str, labels: tuple[str, ...], series: Series) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, amount in series:
        family.add_metric(values, amount)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], series: Series) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, amount in series:
        family.add_metric(values, amount)
    return family


def _add_histogram(family: HistogramMetricFamily, labels: tuple[str, ...], histogram: Histogram) -> None:
    cumulated = list(accumulate(histogram.counts))
    names = [*map(str, histogram.bounds), "+Inf"]
    family.add_metric(labels, buckets=list(zip(names, cumulated, strict=True)), sum_value=histogram.sum)
