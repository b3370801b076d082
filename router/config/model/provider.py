"""`providers`: configured accounts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from router.config.model.base import Strict, none_or, unset, written
from router.config.model.kinds import (
    ApiKey,
    BaseUrl,
    Boolean,
    Duration,
    Flag,
    HeaderName,
    HeaderValue,
    Json,
    PathOrNone,
    Period,
    PerWindow,
    ProxyUrl,
    Share,
    Speed,
    Text,
    UpstreamName,
    choice,
    fixed,
    text,
    whole,
)
from router.config.model.prices import PRICE_EXAMPLES, PriceOrFree
from router.config.model.settings import Inheritable
from router.errors import Kind
from router.providers import TYPES

ErrorCode = Annotated[str, text("error code", "an error code, without spaces", r"[^\s\$]+", "quota_exhausted")]
OutcomeClass = Annotated[Kind, choice(*get_args(Kind))]
FORMATS = tuple(dict.fromkeys(name for row in TYPES.values() for name in row.served))


def group(type_name: str) -> str | None:
    """Which of the model's classes a provider type is read by; None for a type that is not known."""
    row = TYPES.get(type_name)
    if row is None:
        return None
    if row.key == "unused":
        return "sandbox"
    if row.base_url is None:
        return "compatible"
    return "local" if row.key == "optional" else "hosted"


class QuirksConfig(Strict):
    """How this server departs from its wire format, where its type does not know it yet."""

    max_tokens_field: Annotated[
        Literal["max_tokens", "max_completion_tokens"] | None, choice("max_tokens", "max_completion_tokens")
    ] = unset()
    """The only name of the output limit it knows."""
    stream_usage: Boolean | None = unset()
    """Whether it takes `stream_options.include_usage`."""


class PacingConfig(Strict):
    """Smooths outbound calls."""

    rate: PerWindow
    """Calls per window, on the average."""
    burst: Annotated[int, whole("calls", 1, 100_000, 8)] = written(1)
    """Calls at once."""


class HealthConfig(Strict):
    """Looks whether the provider is there, with a call that costs nothing."""

    probe: Period
    """How often."""
    path: Annotated[str | None, text("path", "a path such as /models", r"/[\x21\x22\x24-\x7e]*", "/models")] = unset()
    """What is fetched with GET, relative to the base URL. Left out: the list of models."""


def _key_with_cert(schema: Json) -> None:
    schema["dependencies"] = {"client_key": ["client_cert"]}


class TlsClientConfig(Strict):
    """How the provider is to be trusted."""

    model_config = ConfigDict(json_schema_extra=_key_with_cert)

    ca_file: PathOrNone = unset()
    """PEM file of the authorities to trust instead of the system's."""
    verify: Boolean = written(default=True)
    """false trusts anybody: for tests only."""
    client_cert: PathOrNone = unset(examples=["/etc/router/client.crt"])
    """PEM file with a certificate of our own."""
    client_key: PathOrNone = unset(examples=["/etc/router/client.key"])
    """Its private key, where that is another file."""

    @model_validator(mode="after")
    def _certified(self) -> TlsClientConfig:
        if "client_key" in self.model_fields_set and "client_cert" not in self.model_fields_set:
            raise ValueError("expected client_key with client_cert")
        return self


class BaseProvider(Inheritable):
    """What every provider has."""

    type: Annotated[str, fixed(*TYPES)]
    """What kind of vendor or server it is."""
    optional: Flag = written(default=False)
    """Off, and no error, while one of its references is unset or empty."""
    format: Annotated[str | None, choice(*FORMATS)] = unset()
    """Forces one wire format. Left out: the client's own where this type serves it, else the type's first."""
    names: dict[UpstreamName, UpstreamName] = Field(default_factory=dict, examples=[{"gpt-4o": "prod-gpt4o"}])
    """Our name for an upstream model, and the vendor's."""
    price: PriceOrFree | None = unset(examples=PRICE_EXAMPLES)
    """What its models cost: `free`, or US dollars per million tokens."""
    discount: Share = written("0%", examples=["12%"])
    """Taken off every price of its targets."""
    quirks: QuirksConfig = Field(default_factory=QuirksConfig, examples=[{"max_tokens_field": "max_tokens"}])
    """How this server departs from its wire format."""
    pacing: Annotated[PacingConfig | None, none_or("a map with rate and burst")] = unset(examples=[{"rate": "8/1s", "burst": 8}])
    """Smooths outbound calls; none: they go out as they come."""
    errors: dict[ErrorCode, OutcomeClass] = Field(default_factory=dict, examples=[{"quota_exhausted": "billing"}])
    """Error codes of this provider, and the class of outcome each means; before what is known of them anyway."""

    @model_validator(mode="after")
    def _serves_format(self) -> Any:
        if self.format is not None and self.format not in TYPES[self.type].served:
            raise ValueError(f"expected format to be one of {', '.join(TYPES[self.type].served)}")
        return self


class RemoteProvider(BaseProvider):
    """Reached over the network."""

    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, examples=[{"x-team": "search"}])
    """Sent with every request."""
    tls: TlsClientConfig = Field(default_factory=TlsClientConfig, examples=[{"ca_file": "/etc/ssl/private-ca.pem"}])
    """How the provider is to be trusted. Without effect where its address is http://."""
    proxy: ProxyUrl = unset()
    """An HTTP proxy to go through, or none."""
    health: Annotated[HealthConfig | None, none_or("a map with probe")] = unset(examples=[{"probe": "30s", "path": "/models"}])
    """Looks whether it is there, by free calls only; none: what requests tell is all."""


class HostedProvider(RemoteProvider):
    """A vendor's service: where it is, is known."""

    api_key: ApiKey
    """The credential, as a reference; none: send none."""
    base_url: BaseUrl | None = unset()
    """Another address than the vendor's own."""


class LocalProvider(RemoteProvider):
    """A server of one's own that needs no credential."""

    api_key: ApiKey = written("none")
    """The credential, as a reference; none: send none."""
    base_url: BaseUrl | None = unset()
    """Another address than the server's usual one on this machine."""


class CompatibleProvider(RemoteProvider):
    """Anything that speaks the format."""

    api_key: ApiKey
    """The credential, as a reference; none: send none."""
    base_url: BaseUrl
    """Where it is, as its own documentation tells users of the vendor's SDK."""


def _one_fault(schema: Json) -> None:
    schema["if"] = {"required": ["status"]}
    schema["then"] = {"not": {"required": ["stream"]}, "x-router-expected": "status or stream, not both"}
    schema["else"] = {"required": ["stream"], "x-router-expected": "status or stream"}
    schema["dependencies"] = {"retry_after": ["status"], "after_tokens": ["stream"]}


class FaultConfig(Strict):
    """What breaks, and how often."""

    model_config = ConfigDict(json_schema_extra=_one_fault)

    status: Annotated[int | None, whole("status", 400, 599, 429)] = unset()
    """Answer with this HTTP status."""
    stream: Annotated[Literal["cut", "stall", "malformed", "error"] | None, choice("cut", "stall", "malformed", "error")] = (
        unset()
    )
    """Break the answer after `after_tokens`."""
    share: Share = written("100%", examples=["5%"])
    """The part of requests it hits."""
    retry_after: Duration | None = unset(examples=["1s"])
    """The Retry-After of `status`."""
    after_tokens: Annotated[int, whole("tokens", 0, 1_000_000, 20)] = written(0)
    """How many tokens leave before `stream` happens."""

    @model_validator(mode="after")
    def _one(self) -> FaultConfig:
        if (self.status is None) == (self.stream is None):
            raise ValueError("expected status or stream, not both")
        if "retry_after" in self.model_fields_set and self.status is None:
            raise ValueError("expected retry_after with status")
        if "after_tokens" in self.model_fields_set and self.stream is None:
            raise ValueError("expected after_tokens with stream")
        return self


class SandboxProvider(BaseProvider):
    """Built in, in process: deterministic answers, latency and faults; no key, no network."""

    first_token: Duration = written("50ms")
    """How long until it begins to answer."""
    tokens_per_second: Speed = written(200)
    """How fast it writes."""
    reply: Text = written("echo", examples=["echo", "lorem", "Hello from the sandbox."])
    """echo (the last user message), lorem, or the text to answer."""
    faults: list[FaultConfig] = Field(default_factory=list, examples=[[{"status": 429, "share": "5%", "retry_after": "1s"}]])
    """What breaks, and how often; deterministic for a given seed."""
    seed: Annotated[int, whole("seed", 0, 2**31 - 1, 0)] = written(0)
    """Another seed, another sequence of faults."""


def _group_of(value: Any) -> str | None:
    found = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return group(found) if isinstance(found, str) else None


Provider = Annotated[
    Annotated[HostedProvider, Tag("hosted")]
    | Annotated[LocalProvider, Tag("local")]
    | Annotated[CompatibleProvider, Tag("compatible")]
    | Annotated[SandboxProvider, Tag("sandbox")],
    Discriminator(_group_of),
]
