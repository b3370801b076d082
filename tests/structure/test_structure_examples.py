"""What people copy works: the root file, every example, every whole configuration in the documents, the published schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.config.check import check
from router.config.load import Source
from router.config.schema import json_schema
from tests.structure.source import ROOT

BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
FILES = [ROOT / "router.yaml", *sorted((ROOT / "examples").rglob("*.yaml")), ROOT / "tests" / "conformance" / "router.yaml"]


def findings(name: str, text: str) -> list[str]:
    """What `router validate` says, warnings included: an example has none."""
    found = check([Source(name, text.encode())]).diagnostics
    return [f"{each.place.file}:{each.place.range.start.line}: {each.code} {each.message}" for each in found]


def whole_configurations(text: str) -> Iterator[str]:
    """YAML blocks that say their version; the others are parts of a file."""
    return (block for block in BLOCK.findall(text) if re.search(r"^version:", block, re.MULTILINE))


def broken_links(path: Path, text: str) -> list[str]:
    return [target for target in LINK.findall(text) if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_people_start_from_has_no_finding(path: Path) -> None:
    assert findings(path.name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_document_shows_only_what_works(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [finding for block in whole_configurations(text) for finding in findings(path.name, block)] == []
    assert broken_links(path, text) == []


def test_the_published_schema_is_fresh() -> None:
    published = json.loads((ROOT / "schemas" / "router.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(), "make schema"


def test_a_wrong_example_is_found() -> None:
    wrong = "version: 1\nproviders: {local: {type: ollama}}\nmodels: {fast: {targets: [lokal/llama3.2]}}\n"
    document = f"# Title\n\n```yaml\n{wrong}```\n\n```yaml\nmodels: {{part: of a file}}\n```\n"
    assert list(whole_configurations(document)) == [wrong]
    assert findings("wrong.yaml", wrong)


def test_a_broken_link_is_found() -> None:
    text = "[here](README.md) [there](no-such-page.md#part) [out](https://example.com/x.md)"
    assert broken_links(ROOT / "README.md", text) == ["no-such-page.md"]
