"""What the configuration means: names resolved, defaults filled, nothing left to look up. Never changes.

Types only. `router.config.compile` makes a Snapshot, `router.runtime` holds the current one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, NewType

from router.errors import Kind, UnknownModel
from router.outcomes import OUTCOMES, Backoff, Meaning
from router.pricing import Price
from router.secret import Secret
from router.strategies import Order
from router.wire.base import Wanted

TargetId = NewType("TargetId", str)
"""`provider/model` as the file writes it: stable across reloads, so what was learned of a target outlives a snapshot."""
UpstreamModel = NewType("UpstreamModel", str)
"""The name the vendor knows: after `names:`."""


class Tls(NamedTuple):
    """How a provider is to be trusted. All defaults: the system's authorities, no client certificate."""

    ca_file: str | None = None
    verify: bool = True
    client_cert: str | None = None
    client_key: str | None = None


class Origin(NamedTuple):
    """Where connections go; equal origins share a pool, before and after a reload."""

    scheme: Literal["http", "https", "sandbox"]
    host: str
    port: int
    tls: Tls = Tls()
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault of the sandbox: exactly one of `status` and `stream` is set."""

    status: int | None
    stream: Literal["cut", "stall", "malformed", "error"] | None
    share: float
    """0..1: the part of requests it hits."""
    retry_after: float | None
    after_tokens: int


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    first_token: float
    tokens_per_second: float
    reply: str
    """`echo`, `lorem`, or the text to answer."""
    faults: tuple[Fault, ...]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One place to ask, in one wire format. `headers` carry the credential: they are never printed."""

    format: str
    """Name of the wire format spoken there: a key of `router.wire.FORMATS`."""
    origin: Origin
    path: str
    """Path and query, percent-encoded."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """All but Host, Content-Length and what a single request adds. Lower-case names."""
    connect: float
    """Seconds a connection may take."""
    sandbox: SandboxSettings | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    """Headers a request carries unless the client sent its own (`anthropic-version`)."""
    method: Literal["POST", "GET"] = "POST"
    """GET only where nothing is asked for: probes."""
    passes: frozenset[str] = frozenset()
    """Client headers that go on to this endpoint when the client speaks its format (`anthropic-beta`, …)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. See `defaults.timeouts` in the reference."""

    connect: float
    first_token: float
    last_first_token: float
    idle: float
    answer: float
    total: float


@dataclass(frozen=True, slots=True)
class Pacing:
    """At most `burst` calls at once, `count` in `window` seconds on the average."""

    count: float
    window: float
    burst: int


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a vendor departs from its wire format. Every default is the format's own behaviour."""

    max_tokens_field: str | None = None
    """The name of the output limit in an OpenAI chat request, where the vendor knows only one."""
    stream_usage: bool = True
    """Takes `stream_options.include_usage`."""


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Opens after `failures` in `window` seconds (of `min_requests` at least), for `open` seconds, doubling to `max_open`."""

    failures: int = 5
    min_requests: int = 5
    window: float = 30.0
    open: float = 5.0
    max_open: float = 15.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries are at most `share` (0..1) of a target's recent requests, but `min` in ten seconds are always allowed."""

    share: float = 0.2
    min: int = 3


class HealthKey(NamedTuple):
    """Whose health it is. Equal keys share what was learned, under every model and over every reload."""

    provider: str
    address: str
    """Where it is: another base URL is another provider of the same name."""
    credential: str
    """Fingerprint of the API key; empty without one."""
    model: UpstreamModel


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One provider and one upstream model, with every setting it inherits under one model of the file."""

    id: TargetId
    provider: str
    model: UpstreamModel
    endpoints: Mapping[str, Endpoint]
    """By wire format; the first is what the vendor speaks by preference."""
    tier: int
    weight: float
    off: str | None
    """Why it is not there (its optional provider has no key), or None."""
    price: Price | None
    timeouts: Timeouts
    retries: int
    backoff: Backoff
    wanted: Wanted
    """What every request to it must say: the upstream model's name, `params`, the known output limit, quirks."""
    pacing: Pacing | None
    """Shared by all targets of the provider."""
    health: HealthKey
    context: int | None = None
    """Tokens that fit into the model's window, when known."""
    breaker: BreakerSettings | None = BreakerSettings()
    """None: it is never taken out for failing."""
    retry_after_max: float = 3.0
    """Seconds: a Retry-After up to this is waited for, a longer one moves on."""
    retry_budget: RetryBudget = RetryBudget()
    errors: Mapping[str, Kind] = field(default_factory=dict)
    """The provider's own error codes and what they mean: `errors:` of the file, before the built-in tables."""
    prefill: bool = False
    """It can continue a half-written answer."""
    label: str = ""
    """`id` as the file writes it: `openai/gpt-*` for what a pattern made. For metrics: labels must not come from clients."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Seconds: how long headers are held for the first meaningful event, and how often a ping goes out."""

    hold_headers: float
    ping: float


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A name clients ask for. `tiers` are its own targets by priority; `fallback` those of the models behind it."""

    name: str
    """As the file writes it (for a pattern: the pattern). The label of logs and metrics."""
    tiers: tuple[tuple[Target, ...], ...]
    strategy: Order
    fallback: tuple[Model, ...]
    """Their own `fallback` is empty: it is not followed."""
    max_attempts: int
    deadline: float
    stream: StreamSettings
    visible: bool
    outcomes: Mapping[Kind, Meaning] = field(default_factory=lambda: OUTCOMES)
    """What the outcome of an attempt means under this model: the whole table, overrides applied."""
    midstream: Literal["error", "continue", "guard", "buffer"] = "continue"
    """What happens when a stream breaks after its first token."""
    guard: float = 1.5
    """Seconds that output lags behind with `midstream: guard`."""
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    alternatives: Mapping[str, Model] = field(default_factory=dict)
    """What the names in `outcomes` (`Meaning.next`) mean. Their own `fallback` is empty: it is not followed."""

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(target for tier in self.tiers for target in tier)


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A look, every `period` seconds, whether a provider is there: a GET of `endpoint.path`, which costs nothing."""

    provider: str
    period: float
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A model whose name has one `*`. `make` gives the model for what the `*` matched."""

    name: str
    prefix: str
    suffix: str
    visible: bool
    make: Callable[[str], Model] = field(repr=False)

    def match(self, name: str) -> str | None:
        """What the `*` stands for in `name`, or None."""
        if len(name) < len(self.prefix) + len(self.suffix) or not name.startswith(self.prefix) or not name.endswith(self.suffix):
            return None
        return name[len(self.prefix) : len(name) - len(self.suffix)]


@dataclass(frozen=True, slots=True, eq=False)
class ClientKey:
    """Who is asking. `allows(name)` says whether it may ask for the model of that name."""

    name: str
    enabled: bool
    allows: Callable[[str], bool] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listener:
    """`host` and `port`, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    listen: Listener
    admin: Listener | None
    admin_token: Secret | None
    auth: Literal["keys", "none"]
    tls_cert: str | None
    tls_key: str | None
    max_body: int
    max_inflight: int
    drain_delay: float
    drain_timeout: float
    watch: Literal["auto", "poll", "none"]
    settle: float


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: Literal["debug", "info", "warning", "error"]
    format: Literal["json", "text"]
    requests: Literal["all", "errors", "none"]


MAX_MADE = 10_000  # Names a pattern was asked for that are remembered; beyond, they are made again.


@dataclass(slots=True, eq=False)
class Snapshot:
    """One generation of the configuration."""

    generation: int
    hash: str
    """First 12 hex digits of the SHA-256 over all files and the fingerprints of their references."""
    server: ServerSettings
    log: LogSettings
    models: Mapping[str, Model]
    """Exact names, `also` included."""
    patterns: tuple[Pattern, ...]
    """In the order they are tried: the longest literal prefix first."""
    keys: Mapping[str, ClientKey]
    """By the hex SHA-256 of the whole secret."""
    secrets: frozenset[str] = field(repr=False)
    """Every secret of the file: error texts of providers are cleaned of them."""
    optional_off: Mapping[str, str]
    """Providers that are off, and why."""
    prices_missing: Literal["reject_if_budgeted", "reject", "warn"] = "reject_if_budgeted"
    probes: tuple[Probe, ...] = ()
    """Of the providers that are on and ask for it."""
    _made: dict[str, Model] = field(default_factory=dict, repr=False)

    def model(self, name: str) -> Model:
        """The model of that name: exact, else by pattern. Raises `UnknownModel`."""
        found = self.models.get(name) or self._made.get(name)
        return found if found is not None else self._make(name)

    def _make(self, name: str) -> Model:
        for pattern in self.patterns:
            star = pattern.match(name)
            if star is not None:
                if len(self._made) >= MAX_MADE:
                    self._made.clear()
                made = self._made[name] = pattern.make(star)
                return made
        raise UnknownModel(f"no model is named {name!r}", param="model")
