"""Which JSON schemas OpenAI's strict mode takes.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas: every object closed, every property required.
"""

from __future__ import annotations

from typing import Any

_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "prefixItems")
_FORBIDDEN = ("allOf", "oneOf", "not", "if", "then", "else", "patternProperties", "dependentRequired", "dependentSchemas")


def is_strict(schema: Any) -> bool:
    """Whether `schema` may be sent with `strict: true`. Sending it with another one is a 400."""
    if not isinstance(schema, dict) or any(key in schema for key in _FORBIDDEN):
        return False
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
            return False
        required = schema.get("required", [])
        if not isinstance(required, list) or not set(properties) <= {name for name in required if isinstance(name, str)}:
            return False
    below = [sub for key in _MAPS for sub in _values(schema.get(key))]
    below += [sub for key in _LISTS for sub in _values(schema.get(key))]
    if "items" in schema:
        below.append(schema["items"])
    return all(map(is_strict, below))


def _values(raw: Any) -> list[Any]:
    return list(raw.values()) if isinstance(raw, dict) else raw if isinstance(raw, list) else []
