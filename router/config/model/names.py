"""`models` and `keys`: what clients ask for, and who they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from router.config.model.base import Short, Strict, unset, written
from router.config.model.kinds import (
    KEY_HASH,
    TARGET,
    Boolean,
    ClientSecret,
    Json,
    KeyHash,
    ModelName,
    PlainName,
    SomeTokens,
    TargetName,
    Weight,
    whole,
)
from router.config.model.outcomes import FallbackName
from router.config.model.prices import PRICE_EXAMPLES, PriceOrFree
from router.config.model.settings import Inheritable, ModelSettings


class TargetConfig(Inheritable):
    """One provider and one upstream model."""

    target: TargetName
    """PROVIDER/MODEL. In a model whose name is a pattern, `*` is what the pattern's `*` matched."""
    tier: Annotated[int, whole("tier", 1, 100, 2)] = written(1)
    """Priority: 1 is tried first, the next when nothing of it is left."""
    weight: Weight = written(1)
    """Its part of the traffic within the tier, with `strategy: weighted`. 0: only when nothing else is left."""
    price: PriceOrFree | None = unset(examples=PRICE_EXAMPLES)
    """What it costs: `free`, or US dollars per million tokens."""
    context: SomeTokens | None = unset(examples=[128000])
    """Tokens that fit into its window. Left out: what the built-in table knows."""
    prefill: Boolean | None = unset()
    """Whether it can continue a half-written answer. Left out: what is known of the model."""


TargetOrName = Annotated[TargetConfig, Short("object", TARGET.fragment(), lambda name: {"target": name})]


class ModelConfig(ModelSettings):
    """A name clients ask for. A name with one `*` is a pattern: exact names win over patterns, longer literal prefixes over
    shorter ones; `*` alone is any other name."""

    targets: list[TargetOrName] = Field(
        min_length=1, examples=[["openai/gpt-4o-mini", {"target": "groq/llama-3.3-70b-versatile", "tier": 2}]]
    )
    """Who serves it: PROVIDER/MODEL, or a map that says more."""
    fallback: list[FallbackName] = Field(default_factory=list, examples=[["smart"]])
    """Other models, or PROVIDER/MODEL, when no target here is left. Their own fallbacks are not followed."""
    also: list[PlainName] = Field(default_factory=list, examples=[["quick-chat"]])
    """Further names."""
    visible: Boolean = written(default=True)
    """Whether it is listed, and meant by the `*` of a key's `models`."""


def _hashed_or_secret(schema: Json) -> None:
    schema["anyOf"] = [{"required": ["hash"]}, {"required": ["secret"]}]
    schema["x-router-expected"] = "hash or secret"


class KeyConfig(Strict):
    """A client key."""

    model_config = ConfigDict(json_schema_extra=_hashed_or_secret)

    hash: Annotated[list[KeyHash], Short("array", KEY_HASH.fragment(), lambda one: [one])] = Field(
        default_factory=list, min_length=1, examples=[["sha256:" + "0" * 64]]
    )
    """SHA-256 of the whole secret, one or several (for rotation)."""
    secret: ClientSecret = unset(examples=["${env:ROUTER_APP_KEY}"])
    """The secret itself, as a reference; kept as its hash."""
    models: list[ModelName] | None = unset(examples=[["fast", "gpt-*"]])
    """What it may ask for: names, or patterns with one `*`. Left out: every visible model."""
    enabled: Boolean = written(default=True)
    """false refuses it without forgetting it."""

    @model_validator(mode="after")
    def _either(self) -> KeyConfig:
        if not self.hash and self.secret is None:
            raise ValueError("expected hash or secret")
        return self
