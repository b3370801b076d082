"""One wrong letter in a key gives one finding: at its line, with the right key. Issue 3's forty, and all the others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from router.config.check import check
from router.config.load import Source, load
from router.config.overlay import is_named
from router.config.repair import edited
from router.config.scalars import read_plain
from router.config.tree import Document, parts

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")
ALPHABET = "etaoinshr"
BOUNDS = {"lt", "lte", "gt", "gte"}


class Mutation(NamedTuple):
    pointer: str
    key: str
    wrong: str


def document() -> Document:
    found, problems = load([Source("router.yaml", FULL.encode())])
    assert problems == []
    assert found is not None
    return found


def keys_of_the_language(written: Document) -> list[str]:
    """Pointers of keys that are words, not names of somebody's choice. Each place once: aliases repeat it."""
    seen: dict[object, str] = {}
    for pointer, place in written.keys.items():
        above = tuple(parts(pointer))[:-1]
        if not is_named(above) and above[-1:] != ("above",) and FULL.splitlines()[place.range.start.line - 1].lstrip()[:1] != "x":
            seen.setdefault(place, pointer)
    return list(seen.values())


def wrong_spellings(key: str, number: int) -> str:
    """One letter wrong, missing, doubled or swapped, each in turn. Of `gte` and its like only a doubled one still says which."""
    if key in BOUNDS:
        return key[0] + key
    at = number % len(key)
    letter = ALPHABET[number % len(ALPHABET)]
    letter = letter if letter != key[at] else "z"
    ways = (
        key[:at] + letter + key[at + 1 :],
        key[:at] + key[at + 1 :],
        key[: at + 1] + key[at:],
        key[:at] + key[at : at + 2][::-1] + key[at + 2 :],
    )
    made = ways[number % len(ways)]
    return made if made and made != key and not made.startswith("x-") and isinstance(read_plain(made), str) else ways[2]


def mutations() -> list[Mutation]:
    made = []
    for number, pointer in enumerate(keys_of_the_language(document())):
        key = list(parts(pointer))[-1]
        made.append(Mutation(pointer, key, wrong_spellings(key, number)))
    return made


ALL = mutations()


def test_the_full_configuration_has_no_finding_at_any_level() -> None:
    environ = {"OPENAI_API_KEY": "one", "ROUTER_CI_KEY": "two"}
    checked = check(
        [Source("router.yaml", FULL.encode())],
        level="env",
        environ=environ,
        read_file=lambda name: b"-----BEGIN CERTIFICATE-----",
    )
    assert checked.diagnostics == ()
    assert checked.levels == ("syntax", "schema", "refs", "policy", "env")
    assert checked.file is not None
    assert len(ALL) >= 2 * 40
    assert {len(list(parts(each.pointer))) for each in ALL} >= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("mutation", ALL, ids=lambda each: f"{each.pointer}:{each.wrong}")
def test_a_wrong_letter_in_a_key_is_one_finding_with_its_correction(mutation: Mutation) -> None:
    place = document().keys[mutation.pointer]
    start = place.range.start
    lines = FULL.splitlines(keepends=True)
    line = lines[start.line - 1]
    lines[start.line - 1] = line[: start.column - 1] + mutation.wrong + line[start.column - 1 + len(mutation.key) :]
    text = "".join(lines)

    checked = check([Source("router.yaml", text.encode())])

    [found] = checked.diagnostics
    assert (found.code, found.place.range.start) == ("RC101", start)
    [suggestion] = found.suggestions
    assert suggestion.title == f"did you mean `{mutation.key}`?"
    assert edited(text, suggestion.edits[0]) == FULL
