"""docs/failures.md says what the outcome table says, to the word."""

from pathlib import Path
from typing import get_args

import pytest

from router.config.model.outcomes import OutcomesConfig
from router.errors import Kind
from router.outcomes import OUTCOMES, Meaning

DOCUMENT = Path(__file__).parents[2] / "docs" / "failures.md"
NEXT = {"yes": "yes", "other_provider": "yes, of another provider", "none": "no: the client gets it"}


def row(kind: str, meaning: Meaning) -> str:
    told = OutcomesConfig.model_fields[kind].description
    again = "no" if meaning.retries == 0 else "up to `retries`" if meaning.retries is None else f"{meaning.retries} times"
    return f"| `{kind}` | {told} | {again} | {NEXT[str(meaning.next)]} |"


def test_the_table_of_the_document_is_the_table_of_the_engine():
    written = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    first = next(i for i, line in enumerate(written) if line.startswith("| `connect`"))
    assert written[first : first + len(OUTCOMES)] == [row(kind, meaning) for kind, meaning in OUTCOMES.items()]


def test_every_class_has_its_row_and_its_key():
    assert list(OUTCOMES) == list(OutcomesConfig.model_fields) == list(OutcomesConfig().rows())
    assert set(OUTCOMES) == set(get_args(Kind))


@pytest.mark.parametrize("kind", OutcomesConfig.model_fields)
def test_each_class_reads_its_own_key(kind):
    read = OutcomesConfig.model_validate({kind: {"retry": 3}}).rows()
    assert {name for name, outcome in read.items() if outcome.retry == 3} == {kind}
