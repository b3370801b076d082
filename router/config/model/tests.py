"""`tests`: what the file promises, for `router test`. Nothing here reaches a Snapshot."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from router.config.model.base import Short, Strict, unset, written
from router.config.model.kinds import (
    DURATION,
    NAME,
    TARGET,
    Boolean,
    Duration,
    HeaderValue,
    Json,
    Name,
    Period,
    PerWindow,
    TargetName,
    choice,
    number,
    text,
    whole,
)

_YEAR_MONTH_DAY = (
    r"(?:19[7-9][0-9]|2[0-9]{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_INSTANT = _YEAR_MONTH_DAY + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

CaseName = Annotated[str, text("name", "a name on one line", r"[^\s](?:[^\n\r]*[^\s])?", "a provider is down")]
AnyModel = Annotated[str, text("model name", "the name of a model", r"[^\s]+", "fast")]
Instant = Annotated[
    datetime, text("time", "a time such as 2026-12-01T10:00:00Z", _INSTANT, "2026-12-01T10:00:00Z", datetime.fromisoformat)
]
RequestHeader = Annotated[str, text("header name", "the name of a header", r"[A-Za-z0-9_.-]+", "x-router-deadline", str.lower)]
PROVIDER_OR_TARGET = text("provider or target", "PROVIDER or PROVIDER/MODEL", rf"{NAME}(?:/[^\s]+)?", "openai")
ProviderOrTarget = Annotated[str, PROVIDER_OR_TARGET]
Learned = Annotated[Literal["open", "parked"], choice("open", "parked")]
ErrorWord = Annotated[str, text("error code", "the code of an error", r"[^\s]+", "upstream_timeout")]

COUNT = whole("count", 0, 10**9, 3)
NUMBER = number("number", "a number, 0 or more", 0, 1e9, 1.3)


def _some_bound(schema: Json) -> None:
    schema["anyOf"] = [{"required": [bound]} for bound in ("lt", "lte", "gt", "gte")]
    schema["x-router-expected"] = "lt, lte, gt or gte"


class Bounds(Strict):
    """What a figure has to be."""

    model_config = ConfigDict(json_schema_extra=_some_bound)

    lt: float | None
    lte: float | None
    gt: float | None
    gte: float | None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expected lt, lte, gt or gte")
        return self

    def hold(self, value: float) -> bool:
        """Whether a figure is within them."""
        return (
            (self.lt is None or value < self.lt)
            and (self.lte is None or value <= self.lte)
            and (self.gt is None or value > self.gt)
            and (self.gte is None or value >= self.gte)
        )


class Counts(Bounds):
    """What a count has to be; a number alone is meant exactly."""

    lt: Annotated[float | None, COUNT] = unset()
    """Less than this."""
    lte: Annotated[float | None, COUNT] = unset()
    """This or less."""
    gt: Annotated[float | None, COUNT] = unset()
    """More than this."""
    gte: Annotated[float | None, COUNT] = unset()
    """This or more."""


class Numbers(Bounds):
    """What a number has to be; one alone is meant exactly."""

    lt: Annotated[float | None, NUMBER] = unset()
    """Less than this."""
    lte: Annotated[float | None, NUMBER] = unset()
    """This or less."""
    gt: Annotated[float | None, NUMBER] = unset()
    """More than this."""
    gte: Annotated[float | None, NUMBER] = unset()
    """This or more."""


class Durations(Bounds):
    """What a duration has to be, in seconds once it is read; one alone is meant exactly."""

    lt: Duration | None = unset()
    """Less than this."""
    lte: Duration | None = unset()
    """This or less."""
    gt: Duration | None = unset()
    """More than this."""
    gte: Duration | None = unset()
    """This or more."""


def _exactly(value: Any) -> Json:
    return {"gte": value, "lte": value}


CountBounds = Annotated[Counts, Short("object", COUNT.fragment(), _exactly)]
NumberBounds = Annotated[Numbers, Short("object", NUMBER.fragment(), _exactly)]
DurationBounds = Annotated[Durations, Short("object", DURATION.fragment(), _exactly)]


class LoadConfig(Strict):
    """Many requests: the test is a drill, on a clock of its own."""

    rate: PerWindow
    """Requests per window, evenly spread."""
    duration: Period = Field(alias="for", examples=["5m"])
    """How long they keep coming."""


def _once_or_many(schema: Json) -> None:
    schema["not"] = {"required": ["repeat", "load"]}
    schema["x-router-expected"] = "repeat or load, not both"


class GivenConfig(Strict):
    """The request."""

    model_config = ConfigDict(json_schema_extra=_once_or_many)

    model: AnyModel
    """The name that is asked for."""
    headers: dict[RequestHeader, HeaderValue] = Field(default_factory=dict, examples=[{"x-router-deadline": "20s"}])
    """Headers of the request."""
    key: Name | None = unset(examples=["web-app"])
    """The client key it comes with, by its name under `keys`."""
    stream: Boolean = written(default=False)
    """Whether it asks for a stream."""
    repeat: Annotated[int, whole("requests", 1, 100_000, 10)] = written(1)
    """How often it is sent, one after the other; the last one is looked at."""
    load: LoadConfig | None = unset(examples=[{"rate": "50/1s", "for": "5m"}])
    """Many requests at a rate; figures over all of them are looked at."""

    @model_validator(mode="after")
    def _one_or_the_other(self) -> GivenConfig:
        if {"repeat", "load"} <= self.model_fields_set:
            raise ValueError("expected repeat or load, not both")
        return self


_TROUBLE = ("down", "off", "status", "latency")
_EXCLUSIVE = (("down", "off"), ("down", "status"), ("off", "status"))


def _some_trouble(schema: Json) -> None:
    schema["anyOf"] = [{"required": [key]} for key in _TROUBLE]
    schema["not"] = {"anyOf": [{"required": list(pair)} for pair in _EXCLUSIVE]}
    schema["x-router-expected"] = "one of down, off and status, or latency"


class StateConfig(Strict):
    """How a provider or target behaves."""

    model_config = ConfigDict(json_schema_extra=_some_trouble)

    down: Boolean | None = unset()
    """No connection: every attempt fails."""
    off: Boolean | None = unset()
    """It is not there: nothing is tried."""
    status: Annotated[int | None, whole("status", 400, 599, 503)] = unset()
    """It answers with this HTTP status."""
    latency: Period | None = unset(examples=["2s"])
    """How long it thinks before its first token or answer."""
    begin: Duration | None = Field(default=None, alias="from", examples=["1m"])
    """When that begins, counted from the first request. Left out: at once."""
    end: Period | None = Field(default=None, alias="to", examples=["2m"])
    """When it is over. Left out: never."""

    @model_validator(mode="after")
    def _says_something(self) -> StateConfig:
        said = self.model_fields_set
        if not said.intersection(_TROUBLE) or any(said.issuperset(pair) for pair in _EXCLUSIVE):
            raise ValueError("expected one of down, off and status, or latency")
        return self


class WorldConfig(Strict):
    """What the request meets: PROVIDER or PROVIDER/MODEL, and how it behaves. What is not named here answers well."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "propertyNames": {
                "pattern": PROVIDER_OR_TARGET.schema["pattern"].removesuffix(r"|\$\{"),
                "patternErrorMessage": f"expected {PROVIDER_OR_TARGET.expected}, clock or health",
                "examples": [PROVIDER_OR_TARGET.example],
            }
        },
    )
    __pydantic_extra__: dict[str, StateConfig] = Field(init=False)

    clock: Instant | None = unset()
    """What time it is when the first request comes. Left out: now."""
    health: dict[ProviderOrTarget, Learned] = Field(default_factory=dict, examples=[{"openai/gpt-4o-mini": "open"}])
    """What was learned before: open (its breaker), or parked, by PROVIDER or PROVIDER/MODEL."""

    @model_validator(mode="before")
    @classmethod
    def _names(cls, data: Any) -> Any:
        for name in data if isinstance(data, dict) else ():
            PROVIDER_OR_TARGET.read(name)
        return data

    def states(self) -> dict[str, StateConfig]:
        """How each provider or target behaves, by its name."""
        return dict(self.__pydantic_extra__)


_FIGURES = ("target", "targets", "attempts", "status", "code", "cost_usd", "errors", "p99_added", "attempts_per_request")


def _something(schema: Json) -> None:
    schema["anyOf"] = [{"required": [key]} for key in _FIGURES]
    schema["x-router-expected"] = "something to expect"


class ExpectConfig(Strict):
    """What has to come of it."""

    model_config = ConfigDict(json_schema_extra=_something)

    target: TargetName | None = unset()
    """Who answers."""
    targets: Annotated[list[TargetName] | None, Field(min_length=1)] = unset(examples=[[TARGET.example]])
    """Who is tried, in order; the last one answers."""
    attempts: CountBounds | None = unset(examples=[1, {"lte": 3}])
    """How many attempts it takes."""
    status: CountBounds | None = unset(examples=[200, {"gte": 500}])
    """The HTTP status of the answer."""
    code: ErrorWord | None = unset(examples=["upstream_timeout"])
    """The code of the error that the client gets."""
    cost_usd: NumberBounds | None = unset(examples=[{"lt": 0.01}])
    """What it costs in US dollars, all attempts included."""
    errors: CountBounds | None = unset(examples=[0])
    """A drill: how many requests end in an error."""
    p99_added: DurationBounds | None = unset(examples=[{"lt": "3s"}])
    """A drill: the time that trouble adds to a request; one in a hundred may take longer."""
    attempts_per_request: NumberBounds | None = unset(examples=[{"lt": 1.3}])
    """A drill: attempts per request, on the average."""

    @model_validator(mode="after")
    def _expects(self) -> ExpectConfig:
        if not self.model_fields_set:
            raise ValueError("expected something to expect")
        return self


class CaseConfig(Strict):
    """One test. With `given.load` it is a drill."""

    name: CaseName
    """What it shows; each name once."""
    given: GivenConfig
    """The request."""
    world: WorldConfig = Field(default_factory=WorldConfig, examples=[{"openai": {"down": True}}])
    """What the request meets."""
    expect: ExpectConfig
    """What has to come of it."""
