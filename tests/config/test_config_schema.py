"""The published schema: fresh, complete, and good for editors."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from router.config.schema import json_schema, render, validator
from router.providers import TYPES

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "router.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]


def test_the_published_schema_is_the_one_the_model_makes():
    assert (ROOT / "schemas" / "router.schema.json").read_text() == render(), "make schema writes it anew"


def test_it_is_a_draft_7_schema_that_uses_only_what_draft_7_has():
    schema = json_schema()
    Draft7Validator.check_schema(schema)
    later = {"$defs", "dependentRequired", "unevaluatedProperties", "prefixItems", "discriminator", "oneOf"}
    assert [key for node in nodes(schema) for key in node if key in later] == []
    assert [node for node in nodes(schema) if "$ref" in node and len(node) > 1] == []


def test_every_map_with_fixed_keys_is_closed_and_every_key_is_described():
    for node in nodes(json_schema()):
        if node.get("type") != "object" or "patternProperties" not in node:
            continue
        assert node["additionalProperties"] is False
        for name, key in node["properties"].items():
            told = key.get("description") or describes(key)
            assert told, name
            assert key["x-router-reload"] in {"hot", "drain", "restart"}


def test_every_provider_type_has_a_branch_of_its_own():
    branches = json_schema()["properties"]["providers"]["additionalProperties"]["allOf"]
    assert [branch["if"]["properties"]["type"]["const"] for branch in branches] == list(TYPES)


def test_every_default_is_one_the_schema_itself_accepts():
    checked = validator()
    for node in nodes(json_schema()):
        if "default" in node and "properties" not in node:
            assert (
                list(checked.evolve(schema={**node, "definitions": json_schema()["definitions"]}).iter_errors(node["default"]))
                == []
            )


def test_every_example_is_one_the_schema_itself_accepts():
    checked = validator()
    for node in nodes(json_schema()):
        for example in node.get("examples", ()):
            errors = checked.evolve(schema={**node, "definitions": json_schema()["definitions"]}).iter_errors(example)
            assert [error.message for error in errors] == [], example


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_people_start_from_fit_the_schema_without_any_reference_resolved(path):
    assert list(validator().iter_errors(yaml.safe_load(path.read_text()))) == []


def nodes(node: Any):
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def describes(key: dict) -> bool:
    parts = [each["$ref"].rsplit("/", 1)[1] for each in key.get("allOf", ()) if "$ref" in each]
    return any(json_schema()["definitions"][part].get("description") for part in parts)
