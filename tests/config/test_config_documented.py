"""docs/configuration.md has a row for every key of the language, in the schema's own words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.config.schema import json_schema

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
SECTIONS = sorted(name for name, section in json_schema()["definitions"].items() if "properties" in section)


def described(key: dict[str, Any]) -> str:
    if "description" in key:
        return str(key["description"])
    (reference,) = [each["$ref"] for each in key["allOf"]]
    return str(json_schema()["definitions"][reference.rsplit("/", 1)[1]]["description"])


def rows(section: dict[str, Any]) -> Iterator[str]:
    """`| key | default | what it means |`, as the document has it."""
    for name, key in section["properties"].items():
        default = key.get("default", "required" if name in section.get("required", ()) else None)
        shown = (
            ""
            if default is None
            else default
            if default == "required"
            else f"`{default if isinstance(default, str) else json.dumps(default)}`"
        )
        told = " ".join(described(key).split())
        yield f"| `{name}` | {shown} | {told} |".replace("|  |", "| |")


@pytest.mark.parametrize("name", ["", *SECTIONS])
def test_every_key_has_its_row(name):
    section = json_schema()["definitions"][name] if name else json_schema()
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [row for row in rows(section) if row not in text] == []


def test_no_row_is_of_a_key_that_is_gone():
    known = {
        row
        for section in (json_schema(), *json_schema()["definitions"].values())
        if "properties" in section
        for row in rows(section)
    }
    written = {line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")}
    assert written - known == set()
