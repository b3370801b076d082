"""The catalogue and the sources know the same codes, and every example in it is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.config.codes import CATALOGUE
from router.config.explanation import LEVELS

ROUTER = Path(__file__).parents[2] / "router"
CATALOGUES = ("codes", "checks")


def codes_in(paths: list[Path]) -> set[str]:
    return {code for path in paths for code in re.findall(r'"(RC\d{3})"', path.read_text(encoding="utf-8"))}


def test_every_code_in_the_sources_is_explained_and_every_explained_code_is_used() -> None:
    sources = [path for path in ROUTER.rglob("*.py") if "codes" not in path.parts]
    used = codes_in(sources)
    declared = {
        code for path in ROUTER.rglob("*.py") for code in re.findall(r'Code\(\s*"(RC\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert used - set(CATALOGUE) == set()
    assert declared == set(CATALOGUE)
    reported = {code for code in CATALOGUE if _reported(code)}
    assert set(CATALOGUE) - reported == set()


def _reported(code: str) -> bool:
    """Somebody makes a finding of it: it stands in a source otherwise than as its own explanation."""
    for path in ROUTER.rglob("*.py"):
        text = re.sub(rf'Code\(\s*"{code}"', "", path.read_text(encoding="utf-8"))
        if f'"{code}"' in text:
            return True
    return False


def test_the_catalogue_is_in_order() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)
    assert all(key == code.code for key, code in CATALOGUE.items())


@pytest.mark.parametrize("code", CATALOGUE)
def test_an_explanation_says_what_why_and_how(code: str) -> None:
    found = CATALOGUE[code]
    assert found.level in LEVELS
    assert not found.title.endswith(".")
    assert found.why.endswith(".")
    assert found.fix.rstrip(")").endswith((".", "sha256sum", "validate`", "more.yaml"))
    assert found.wrong != found.right
    family = {
        "1": {"syntax", "schema", "env"},
        "2": {"refs"},
        "3": {"refs", "policy", "env"},
        "4": {"syntax", "policy"},
        "6": {"env"},
    }
    assert found.level in family[code[2]]
