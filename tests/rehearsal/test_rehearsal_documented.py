"""What people copy keeps its promises: every test in the root file, the examples and the documents passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.config.load import Source
from router.rehearsal import examine, rehearsal, run_tests
from tests.rehearsal.staged import NOW
from tests.structure.source import ROOT
from tests.structure.test_structure_examples import DOCUMENTS, FILES, whole_configurations


def broken(name: str, text: str) -> list[str]:
    checked, found = examine([Source(name, text.encode())], [])
    assert not found
    made = rehearsal(checked, NOW)
    results = run_tests(made, [scene.name for scene in made.scenes], 0)
    return [f"{result.name}: {each}" for result in results for each in result.broken]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_people_start_from_passes_its_tests(path: Path) -> None:
    assert broken(path.name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_tests_of_a_document_pass(path: Path) -> None:
    blocks = [block for block in whole_configurations(path.read_text(encoding="utf-8")) if "\ntests:" in block]
    assert [each for block in blocks for each in broken(path.name, block)] == []


def test_the_page_about_tests_shows_some() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert sum("\ntests:" in block for block in whole_configurations(page)) == 2
