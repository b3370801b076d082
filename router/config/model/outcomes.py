"""`outcomes`: what the outcome of an attempt means, class by class, where it is not what the table says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from router.config.model.base import Strict, unset
from router.config.model.kinds import Json, text, whole
from router.errors import Kind

FallbackName = Annotated[str, text("model name", "the name of a model, or PROVIDER/MODEL", r"[^\s\$]+", "smart")]


@dataclass(frozen=True, slots=True, eq=False)
class ListOrNone:
    """A list with something in it, or the word none, which is read as the empty list: None is a key that was left out."""

    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return [] if value == "none" else inner(value)

        return core_schema.no_info_wrap_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        told = {"x-router-kind": "choice", "patternErrorMessage": f"expected {self.what}, or none"}
        return {"if": {"type": "array"}, "then": handler(core), "else": {"anyOf": [{"enum": ["none"]}], **told}}


class OutcomeConfig(Strict):
    """One row of the outcome table; what it leaves out stays as it is there."""

    retry: Annotated[int | None, whole("retries", 0, 10, 1)] = unset()
    """More tries at the same target."""
    next: Annotated[list[FallbackName] | None, Field(min_length=1), ListOrNone("a list of models")] = unset(
        examples=["none", ["long"]]
    )
    """none: the client gets the error. Models, or PROVIDER/MODEL, that are tried instead of what is left."""


def _row() -> Any:
    return Field(default_factory=OutcomeConfig, examples=[{"next": ["smart"]}])


class OutcomesConfig(Strict):
    """Overrides of the outcome table, by class of outcome."""

    connect: OutcomeConfig = _row()
    """No connection, or one that broke before the answer."""
    server: OutcomeConfig = _row()
    """500, 502, 503, 504, 529, or an answer that is incomplete."""
    timeout: OutcomeConfig = _row()
    """No first token or answer in time, idle too long, or over its total time."""
    rate: OutcomeConfig = _row()
    """429: too many requests."""
    billing: OutcomeConfig = _row()
    """402, or 429 because the account has nothing left."""
    auth: OutcomeConfig = _row()
    """401 or 403: the provider refuses our key."""
    context: OutcomeConfig = _row()
    """The request is longer than the model's context window."""
    policy: OutcomeConfig = _row()
    """The provider's content policy refuses the request."""
    client: OutcomeConfig = _row()
    """400, 404, 422 and other refusals of the request itself."""
    empty: OutcomeConfig = _row()
    """A good answer with nothing in it."""
    broken_stream: OutcomeConfig = _row()
    """A stream that broke after its first token, while the client had seen nothing (`midstream: guard` or `buffer`)."""

    def rows(self) -> dict[Kind, OutcomeConfig]:
        """By class, in the order of the table."""
        return {
            "connect": self.connect,
            "server": self.server,
            "timeout": self.timeout,
            "rate": self.rate,
            "billing": self.billing,
            "auth": self.auth,
            "context": self.context,
            "policy": self.policy,
            "client": self.client,
            "empty": self.empty,
            "broken_stream": self.broken_stream,
        }
