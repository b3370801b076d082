"""Prices as the file writes them: US dollars per million tokens."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from router.config.model.base import Short, Strict, unset, written
from router.config.model.kinds import Json, Money, TargetPattern, choice, text
from router.units import COUNT

KINDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output")
Threshold = Annotated[str, text("count", "a number of tokens such as 200k", COUNT, "200k")]


class RatesConfig(Strict):
    """US dollars per million tokens of each kind; a kind that is left out is charged as the kind it is a part of."""

    input: Money | None = unset()
    """What the model reads."""
    output: Money | None = unset()
    """What the model writes."""
    cache_read: Money | None = unset()
    """Input that the vendor's cache had."""
    cache_write: Money | None = unset()
    """Input that was put into the vendor's cache."""
    cache_write_1h: Money | None = unset()
    """The same, kept for an hour."""
    reasoning: Money | None = unset()
    """Output that was thinking."""
    audio_input: Money | None = unset()
    """Input that was sound."""
    audio_output: Money | None = unset()
    """Output that is sound."""

    def rates(self) -> dict[str, float]:
        """What is set, by kind."""
        return {kind: value for kind in KINDS if (value := getattr(self, kind)) is not None}


def _together(schema: Json) -> None:
    # A price with input but no output is a slip that would make half of every answer free.
    schema["dependencies"] = {kind: sorted({"input", "output"} - {kind}) for kind in KINDS}
    schema["anyOf"] = [{"required": ["input"]}, {"required": ["request"]}]
    schema["x-router-expected"] = "input and output, or request"


class PriceConfig(RatesConfig):
    """What a target costs."""

    model_config = ConfigDict(json_schema_extra=_together)

    request: Money | None = unset(examples=[0.01])
    """US dollars per call."""
    above: dict[Threshold, RatesConfig] = Field(default_factory=dict, examples=[{"200k": {"input": 6, "output": 22.5}}])
    """Beyond that many input tokens the whole request is charged by these rates; what they leave out stays as it is."""

    @model_validator(mode="after")
    def _input_and_output(self) -> PriceConfig:
        rates = self.rates()
        if rates and not {"input", "output"} <= set(rates):
            raise ValueError("expected both input and output")
        if not rates and self.request is None:
            raise ValueError("expected input and output, or request")
        return self


FREE = text("price", "free, or a map of rates", "free", "free")


def _free(value: Any) -> Json:
    FREE.read(value)
    return {"input": 0, "output": 0}


PriceOrFree = Annotated[PriceConfig, Short("object", FREE.fragment(), _free)]
PRICE_EXAMPLES: list[Any] = ["free", {"input": 0.15, "output": 0.60, "cache_read": 0.075}]


class PricesConfig(Strict):
    """Prices by target. Precedence: a target's `price`, its provider's, these, the built-in table."""

    missing: Annotated[Literal["reject_if_budgeted", "reject", "warn"], choice("reject_if_budgeted", "reject", "warn")] = written(
        "reject_if_budgeted"
    )
    """What to do with a target whose price nobody knows."""
    targets: dict[TargetPattern, PriceOrFree] = Field(default_factory=dict, examples=[{"local/*": "free"}])
    """Prices by target pattern; the longest pattern that fits wins."""
