"""The smallest value a JSON Schema allows, for what tools and structured output use of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import BadRequest

MAX_DEPTH = 32
MAX_VALUES = 1000
"""Schemas may refer to themselves, twice on every level: both bounds are needed."""
MAX_TEXT = 1000

Schema = Mapping[str, Any]


def smallest(schema: Schema) -> Any:
    """Of an object only what is `required`, of a choice the first; `pattern` and `format` are not looked at.

    Raises BadRequest when it is no schema.
    """
    try:
        return _Walk(schema).value(schema, 0)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise BadRequest("a JSON schema of the request cannot be read") from error


class _Walk:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = MAX_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH or self._left < 0:
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if (inner := self._inner(schema)) is not None:
            return self.value(inner, depth + 1)
        return self._typed(schema, depth)

    def _inner(self, schema: Schema) -> Any:
        """Where another schema stands for this one."""
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        return next((schema[word][0] for word in ("anyOf", "oneOf", "allOf") if schema.get(word)), None)

    def _referred(self, pointer: str) -> Any:
        """`#/$defs/name`, within the schema itself (RFC 6901); nothing is fetched."""
        found: Any = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            found = found[step.replace("~1", "/").replace("~0", "~")]
        return found

    def _typed(self, schema: Schema, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                properties = schema.get("properties", {})
                return {str(name): self.value(properties.get(name, {}), depth + 1) for name in schema.get("required", ())}
            case "array":
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(min(schema.get("minItems", 0), MAX_VALUES))]
            case "integer" | "number":
                return _number(schema)
            case "boolean" | "null" as word:
                return True if word == "boolean" else None
            case _:
                return "text".ljust(min(schema.get("minLength", 0), MAX_TEXT), ".")[: schema.get("maxLength", MAX_TEXT)]


def _number(schema: Schema) -> Any:
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return min(1, schema.get("maximum", 1))
