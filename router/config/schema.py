"""The JSON Schema of router.yaml, generated from the model, and the check of a file's shape with it.

Draft 7, because editors know that one best; `if`/`then` instead of `oneOf`, because they then show the one relevant error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from router.config.diagnostics import Diagnostic
from router.config.model import ConfigFile
from router.config.model.kinds import Json, choice
from router.config.model.provider import FORMATS, group
from router.config.shape import find
from router.config.tree import Document
from router.providers import TYPES, ProviderType

NOTE = "^x-"
"""Keys that are free, for anchors and notes."""


def check_shape(document: Document) -> list[Diagnostic]:
    """Everything about a file that its shape alone tells: unknown keys, wrong types, values out of range, missing units."""
    return find(document, validator().iter_errors(document.value))


@lru_cache(maxsize=1)
def json_schema() -> Json:
    """The published schema, as plain JSON. Not to be changed by the caller."""
    made = ConfigFile.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Draft7)
    made = _tidy(made)
    definitions = made.pop("$defs")
    made["definitions"] = dict(sorted(definitions.items()))
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "router.yaml", **made}


def render() -> str:
    """The text of `schemas/router.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


@lru_cache(maxsize=1)
def validator() -> Validator:
    """What a file is checked with; made once, and the same for the daemon, CI and tests."""
    widen: Any = extend  # It has no annotations.
    checked: Validator = widen(Draft7Validator, {"pattern": _pattern})(json_schema())
    return checked


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    # In JSON Schema `$` is the end of the text; in Python it would also match before a last line break.
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))


def _pattern(_: Validator, pattern: str, instance: Any, __: Json) -> Iterator[ValidationError]:
    if isinstance(instance, str) and _expression(pattern).search(instance) is None:
        yield ValidationError("does not match")


class _Draft7(GenerateJsonSchema):
    """pydantic's generator, with what draft 7 and this language need."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        # None is how the model says "left out"; a null in the file is refused.
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if key != "default" or value is not None}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A map of named things: no notes there, and no references in names."""
        made: JsonSchemaValue = {"type": "object", "additionalProperties": self.generate_inner(schema["values_schema"])}
        names = self.generate_inner(schema["keys_schema"])
        made["propertyNames"] = names | {"pattern": names["pattern"].removesuffix(r"|\$\{")}
        if schema.get("min_length"):
            made["minProperties"] = schema["min_length"]
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        if made.get("additionalProperties") is False:
            made["patternProperties"] = {NOTE: {}}
        return made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Providers: which map it is, the `type` says."""
        by_group = {tag: self.generate_inner(inner) for tag, inner in schema["choices"].items()}
        keys: dict[str, None] = {}
        for made in by_group.values():
            keys |= dict.fromkeys(self.get_schema_from_definitions_(made)["properties"])
        return {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": list(TYPES), "x-router-kind": "choice"}},
            # With a `type` that is missing or unknown none of the branches below holds; its other keys are still looked at.
            "propertyNames": {"anyOf": [{"enum": list(keys)}, {"pattern": NOTE}]},
            "allOf": [
                {
                    "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                    "then": _branch(row, by_group[str(group(name))]),
                }
                for name, row in TYPES.items()
            ],
        }

    def get_schema_from_definitions_(self, reference: JsonSchemaValue) -> JsonSchemaValue:
        found = self.get_schema_from_definitions(reference["$ref"])
        assert found is not None  # It was generated a moment ago.
        return found


def _branch(row: ProviderType, reference: Json) -> Json:
    if len(row.served) == len(FORMATS):
        return reference
    return {"allOf": [reference, {"properties": {"format": choice(*row.served).fragment()}}]}


def _tidy(node: Any) -> Any:
    """Without the titles pydantic makes of names, without siblings of `$ref` (draft 7 ignores them), and with
    `x-router-reload` on every key."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _tidy(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    if isinstance(made.get("properties"), dict):
        made["properties"] = {key: value if "const" in value else _reloaded(value) for key, value in made["properties"].items()}
    return _alone(made)


def _reloaded(key: Json) -> Json:
    return _alone({**key, "x-router-reload": key.get("x-router-reload", "hot")})


def _alone(node: Json) -> Json:
    return (
        {"allOf": [{"$ref": node["$ref"]}], **{k: v for k, v in node.items() if k != "$ref"}}
        if "$ref" in node and len(node) > 1
        else node
    )
