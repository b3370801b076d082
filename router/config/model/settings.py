"""Settings that are inherited: target > model > provider > defaults, leaf by leaf."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from router.config.model.base import Short, Strict, inherited, none_or, unset
from router.config.model.kinds import Boolean, Duration, Json, Period, Share, SomeTokens, Text, choice, number, text, whole
from router.config.model.outcomes import OutcomesConfig
from router.config.references import plain
from router.strategies import STRATEGIES

Tries = Annotated[int, whole("retries", 0, 10, 1)]
Attempts = Annotated[int, whole("attempts", 1, 100, 4)]
STRATEGY = choice(*STRATEGIES)
Midstream = Literal["error", "continue", "guard", "buffer"]


class TimeoutsConfig(Strict):
    """The clocks of an attempt."""

    connect: Period | None = inherited("5s")
    """How long opening a connection may take."""
    first_token: Period | None = inherited("10s")
    """Streams: how long until the first meaningful event, while another target is left."""
    last_first_token: Period | None = inherited("60s")
    """The same on the last target (`first_token`, if that is longer)."""
    idle: Period | None = inherited("30s")
    """Streams: how long the upstream may be silent between bytes."""
    answer: Period | None = inherited("120s")
    """Plain requests: how long until the answer, while another target is left."""
    total: Period | None = inherited("600s")
    """How long one attempt may take as a whole."""


class BackoffConfig(Strict):
    """The wait before a retry: a random time between 0 and `min(base * 2^n, max)`."""

    base: Period | None = inherited("250ms")
    """Upper bound of the first wait; doubles with each retry."""
    max: Period | None = inherited("5s")
    """The longest wait."""


class RetryBudgetConfig(Strict):
    """Protects a provider in trouble from ever more tries: beyond this a failure moves on at once."""

    share: Share | None = inherited("20%")
    """Retries of a target are at most this part of its recent requests."""
    min: Annotated[int | None, whole("retries", 0, 1000, 3)] = inherited(3)
    """This many in 10 seconds are always allowed."""


class BreakerConfig(Strict):
    """When a target that keeps failing is left alone, and for how long. Only failures of the upstream count."""

    failures: Annotated[int | None, whole("failures", 2, 1000, 5)] = inherited(5)
    """It opens after so many failures in `window`."""
    min_requests: Annotated[int | None, whole("requests", 1, 10_000, 5)] = inherited(5)
    """It does not open before so many requests in `window`."""
    window: Period | None = inherited("30s")
    """How far back is counted."""
    open: Period | None = inherited("5s")
    """How long it stays open before one trial is let through; doubles each time that fails."""
    max_open: Period | None = inherited("15s")
    """The longest it stays open (`open`, if that is longer)."""


class StreamConfig(Strict):
    """How streams are begun and kept alive towards the client."""

    hold_headers: Period | None = inherited("8s")
    """How long the answer's headers are held back for the first meaningful event; fallback is invisible until then."""
    ping: Period | None = inherited("15s")
    """How often a keep-alive goes out while nothing arrives."""


OWNED = (
    "model",
    "messages",
    "system",
    "prompt",
    "input",
    "stream",
    "stream_options",
    "router",
    "api_key",
    "api_base",
    "base_url",
    "extra_headers",
)
PARAM = text("parameter", "a parameter the file may set", rf"(?!(?:{'|'.join(OWNED)})$)[A-Za-z_][A-Za-z0-9_.-]*", "temperature")


class ParamsConfig(Strict):
    """Body fields that are set when the client did not, in the spelling of OpenAI chat. Fields that are not listed here are
    passed on as they are."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "propertyNames": {**PARAM.schema, "patternErrorMessage": f"expected {PARAM.expected}"},
            "additionalProperties": {"type": ["string", "number", "boolean", "array", "object"]},
        },
    )

    max_tokens: SomeTokens | None = unset()
    """The output limit."""
    temperature: Annotated[float, number("temperature", "a number from 0 to 2", 0, 2, 0.7)] | None = unset()
    """Randomness."""
    top_p: Annotated[float, number("share", "a number from 0 to 1", 0, 1, 0.9)] | None = unset()
    """Nucleus sampling."""
    top_k: Annotated[int, whole("top_k", 1, 100000, 40)] | None = unset()
    """Sampling from the k likeliest tokens, where the vendor has it."""
    frequency_penalty: Annotated[float, number("penalty", "a number from -2 to 2", -2, 2, 0.1)] | None = unset()
    """Less of what was said often."""
    presence_penalty: Annotated[float, number("penalty", "a number from -2 to 2", -2, 2, 0.1)] | None = unset()
    """Less of what was said at all."""
    seed: Annotated[int, whole("seed", -(2**53), 2**53, 42)] | None = unset()
    """For answers that can be repeated."""
    reasoning_effort: Text | None = unset(examples=["low", "medium", "high"])
    """How much a reasoning model thinks, in the vendor's word."""
    parallel_tool_calls: Boolean | None = unset()
    """Whether the model may call several tools at once."""

    @model_validator(mode="before")
    @classmethod
    def _names(cls, data: Any) -> Any:
        for name in data if isinstance(data, dict) else ():
            PARAM.read(name)
        return data

    def values(self) -> Json:
        """What is set, as plain JSON."""
        known = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return {**known, **plain(self.model_extra or {})}


class Strategy(Strict):
    """The order in which the targets of a tier are tried."""

    type: Annotated[str, STRATEGY]
    """Its name."""


StrategyOrName = Annotated[Strategy, Short("object", STRATEGY.fragment(), lambda name: {"type": name})]


class Inheritable(Strict):
    """What may be set at every level."""

    timeouts: TimeoutsConfig = Field(default_factory=TimeoutsConfig, examples=[{"first_token": "30s"}])
    """The clocks of an attempt; each is inherited by itself."""
    retries: Tries | None = inherited(1)
    """More tries at the same target, where the failure allows it. Never takes the attempt an untried target needs."""
    backoff: BackoffConfig = Field(default_factory=BackoffConfig, examples=[{"base": "500ms"}])
    """The wait before a retry."""
    retry_after_max: Duration | None = inherited("3s")
    """A Retry-After up to this is waited for; after a longer one the next target is tried."""
    retry_budget: RetryBudgetConfig = Field(default_factory=RetryBudgetConfig, examples=[{"share": "10%", "min": 5}])
    """How many retries there may be in all."""
    breaker: Annotated[BreakerConfig | None, none_or("a map with failures, window, open, …")] = Field(
        default_factory=BreakerConfig, examples=["none", {"failures": 10, "open": "10s"}]
    )
    """When a failing target is left alone; none: never."""
    params: ParamsConfig = Field(default_factory=ParamsConfig, examples=[{"max_tokens": 4096, "temperature": 0.2}])
    """Body fields that are set when the client did not; maps merge leaf by leaf."""


class ModelSettings(Inheritable):
    """What may be set at `defaults` and at a model: it concerns a request as a whole."""

    max_attempts: Attempts | None = inherited(4)
    """Attempts over all targets of one request; raised to the number of targets."""
    deadline: Period | None = inherited("600s")
    """Time for the whole chain of attempts, waiting included."""
    stream: StreamConfig = Field(default_factory=StreamConfig, examples=[{"ping": "10s"}])
    """How streams are begun and kept alive."""
    outcomes: OutcomesConfig = Field(default_factory=OutcomesConfig, examples=[{"context": {"next": ["long"]}}])
    """What failures mean, where it is not what the outcome table says."""
    midstream: Annotated[Midstream | None, choice(*get_args(Midstream))] = inherited("continue")
    """When a stream breaks after its first token: error, continue (by a target that can), guard, or buffer."""
    guard: Period | None = inherited("1500ms")
    """How far `midstream: guard` holds the output back."""
    on_disconnect: Annotated[Literal["cancel", "drain"] | None, choice("cancel", "drain")] = inherited("cancel")
    """When the client leaves: cancel the upstream's work, or let it finish."""
    strategy: StrategyOrName | None = unset(examples=["ordered", {"type": "weighted"}])
    """How the targets of a tier are ordered: ordered (the default), weighted, or round_robin."""


class DefaultsConfig(ModelSettings):
    """What every model and target inherits."""


def _shipped(section: type[BaseModel]) -> Json:
    """The defaults that `inherited` fields of a section and of its sections name."""
    found: Json = {}
    for name, info in section.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and "default" in extra:
            found[name] = extra["default"]
            continue
        kinds = (info.annotation, *get_args(info.annotation))  # A section, or one that may be none.
        inner = next((_shipped(kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner:
            found[name] = inner
    return found


BUILT_IN = DefaultsConfig.model_validate(_shipped(DefaultsConfig))
"""What holds when nothing in the file says otherwise."""
