"""What every section of the model shares: closed maps, spellings, and the way fields say their defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from router.config.model.kinds import Json


class Strict(BaseModel):
    """A closed map. Keys that start with `x-` are free, for anchors and notes."""

    # Values may be secrets: an error must not show them.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_null_no_notes(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if cls.model_config["extra"] != "allow":
            # The reader takes notes out of the tree; a file given as a plain mapping still has them.
            data = {key: value for key, value in data.items() if not key.startswith("x-")}
        if any(value is None for value in data.values()):
            raise ValueError("expected no null: write none, or leave the key out")
        return data


def written(default: str | int | bool, *, reload: str = "hot", examples: list[Any] | None = None) -> Any:
    """A field whose default is spelled as the file would spell it."""
    return Field(default=default, validate_default=True, examples=examples, json_schema_extra={"x-router-reload": reload})


def unset(*, reload: str = "hot", examples: list[Any] | None = None) -> Any:
    """A field that may be left out and then is None."""
    return Field(default=None, examples=examples, json_schema_extra={"x-router-reload": reload})


def inherited(default: str | int) -> Any:
    """A field that is None unless it is set here. `default` is what holds when nothing above sets it either."""
    return Field(default=None, json_schema_extra={"default": default})


@dataclass(frozen=True, slots=True, eq=False)
class Short:
    """A second, shorter spelling of a value: `expand` makes the long one of it.

    The schema says `if` the long type, `then` the long form, `else` the short: one relevant error instead of two.
    """

    long: str
    """JSON type of the long form: `object` or `array`."""
    schema: Json
    expand: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        python_type = {"object": dict, "array": list}[self.long]

        def before(value: Any) -> Any:
            return value if isinstance(value, python_type) else self.expand(value)

        return core_schema.no_info_before_validator_function(before, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"if": {"type": self.long}, "then": handler(core), "else": self.schema}


def none_or(what: str) -> Short:
    """A map, or the word none."""
    expected = f"{what}, or none"

    def expand(value: Any) -> None:
        if value != "none":
            raise ValueError(f"expected {expected}")

    schema = {"anyOf": [{"enum": ["none"]}], "x-router-kind": "choice", "patternErrorMessage": f"expected {expected}"}
    return Short("object", schema, expand)
