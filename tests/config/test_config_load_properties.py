"""Whatever bytes a file holds, reading and checking end in findings, never in another exception; and places are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from router.config.check import check
from router.config.codes import CATALOGUE
from router.config.diagnostics import Diagnostic, Edit, Position, Range, split_lines
from router.config.fix import fixed
from router.config.load import Source, load, salvage
from router.config.render import TextStyle, github, json_document, one_line, text
from router.config.repair import edited
from router.config.scalars import Doubt, read_plain
from router.config.tree import join, parts

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")
ENVIRON = {"OPENAI_API_KEY": "one", "ROUTER_CI_KEY": "two"}

JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2.5,
        "",
        "x",
        "none",
        "a/b",
        "*",
        "${",
        "${env:X}",
        "${file:/x}",
        "30",
        "NO",
        [],
        {},
        [[]],
        {"": 1},
        {"a": None},
    ]
)
WORDS = st.sampled_from(
    ["openai", "fast", "version", "targets", "weight", "gpt-*", "x-note", "sandbox/any", "/", "~", "é", "日本"]
)
TREES = st.recursive(
    JUNK | WORDS | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def every_step(tree: Any, pointer: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [step for key, value in items for step in [(*pointer, key), *every_step(value, (*pointer, key))]]


STEPS = every_step(yaml.safe_load(FULL))


def follow(tree: Any, step: tuple[Any, ...]) -> Any:
    """What stands there, or None where an earlier graft took the way."""
    for key in step:
        if not (isinstance(tree, dict) and key in tree) and not (
            isinstance(tree, list) and isinstance(key, int) and key < len(tree)
        ):
            return None
        tree = tree[key]
    return tree


@st.composite
def grafted(draw: st.DrawFn) -> Any:
    """The full configuration with something else in a few places: errors deep inside what is right around them."""
    tree = yaml.safe_load(FULL)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3)):
        node = follow(tree, step[:-1])
        if isinstance(node, list):
            node.append(draw(TREES))
        elif isinstance(node, dict):
            action = draw(st.sampled_from(["graft", "drop", "rename"]))
            old = node.pop(step[-1], None)
            if action != "drop":
                node[draw(WORDS) if action == "rename" else step[-1]] = draw(TREES) if action == "graft" else old
    return tree


def whole(found: tuple[Diagnostic, ...] | list[Diagnostic], raw: bytes) -> None:
    """Findings that can be shown: each of a known code, in the file, and fit for every renderer."""
    lines = split_lines(raw.removeprefix(b"\xef\xbb\xbf").decode(errors="replace"))
    for each in found:
        assert CATALOGUE[each.code].severity == each.severity
        assert inside(each.place.range, lines), each
        assert all(inside(related.place.range, lines) for related in each.related)
        assert all(inside(edit.range, lines) for suggestion in each.suggestions for edit in suggestion.edits)
        assert each.message
        assert "\n" not in one_line(each)


def inside(range_: Range, lines: list[str]) -> bool:
    start, end = range_
    return 1 <= start.line <= end.line <= len(lines) and 1 <= start.column <= len(lines[start.line - 1]) + 1 and start <= end


def everything(raw: bytes) -> None:
    sources = [Source("router.yaml", raw)]
    checked = check(sources, level="env", environ=ENVIRON, read_file=_missing)
    whole(checked.diagnostics, raw)
    assert (checked.file is None) == (checked.errors > 0)
    shown = (checked.diagnostics, checked.files, checked.levels)
    text(*shown, checked.document.sources, TextStyle(color=True, verbose=True, width=60))
    github(*shown)
    json_document(*shown)
    fixed(sources, checked.diagnostics)


def _missing(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file", name)


@settings(max_examples=150)
@given(grafted() | st.dictionaries(WORDS, TREES, max_size=4) | TREES, st.booleans())
def test_any_tree_gives_findings(tree: Any, flow: bool) -> None:
    everything(yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, sort_keys=False).encode("utf-8", "replace"))


@settings(max_examples=150)
@given(st.data())
def test_any_damage_to_a_good_file_gives_findings(data: st.DataObject) -> None:
    """Characters that mean something to YAML, put in, taken out or put over what stands there."""
    written = FULL
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(written)))
        length = data.draw(st.integers(0, 12))
        new = data.draw(
            st.sampled_from(
                [
                    "",
                    " ",
                    "\t",
                    "\n",
                    "\r",
                    ":",
                    "- ",
                    "{",
                    "}",
                    "[",
                    "]",
                    '"',
                    "'",
                    "#",
                    "*",
                    "&a ",
                    "!",
                    "%",
                    "${",
                    "\xa0",
                    "\u2028",
                    "|",
                    "? ",
                    "---\n",
                    "~",
                    "é",
                    "\x00",
                ]
            )
        )
        written = written[:at] + new + written[at + length :]
    everything(written.encode())


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda each: each.encode("utf-8", "replace")))
def test_any_bytes_give_findings(raw: bytes) -> None:
    everything(raw)


KEYS = st.text("abcxyzé日~/ .*", min_size=1, max_size=5).filter(lambda each: each.strip() == each)
LEAVES = st.integers(-(10**6), 10**6) | st.booleans() | st.text("abcé日 :#'\"\n", min_size=1, max_size=8)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def leaves(tree: Any, pointer: str = "") -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in leaves(value, join(pointer, key))]
    if isinstance(tree, list):
        return [leaf for i, value in enumerate(tree) for leaf in leaves(value, join(pointer, i))]
    return [(pointer, tree)]


@settings(max_examples=150)
@given(DOCUMENTS, st.sampled_from([None, True, False]))
def test_every_place_holds_what_the_document_says(tree: dict[str, Any], flow: bool | None) -> None:
    written = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, width=10_000, sort_keys=False)
    document, found = load([Source("a.yaml", written.encode())])
    assert document is not None, found
    lines = split_lines(written)
    said = dict(leaves(document.value))
    for pointer, value in said.items():
        piece = cut(lines, document.values[pointer].range)
        assert piece[:1] in "|>" or yaml.safe_load(piece) == value
    for pointer, place in document.keys.items():
        assert yaml.safe_load(cut(lines, place.range)) == list(parts(pointer))[-1]
    assert set(said) | {""} <= set(document.values)
    assert said == {pointer: value for pointer, value in leaves(yaml.safe_load(written)) if not re.search(r"/x-", pointer)}


def cut(lines: list[str], range_: Range) -> str:
    start, end = range_
    return "\n".join([*lines[start.line - 1 : end.line - 1], lines[end.line - 1][: end.column - 1]])[start.column - 1 :]


@settings(max_examples=300)
@given(st.text("0123456789+-.eExob_:~nNyYaAiIfFtTrRuUlLsS ", min_size=1, max_size=12).filter(lambda word: word == word.strip()))
def test_a_plain_word_that_is_let_through_means_the_same_in_yaml_1_1(word: str) -> None:
    """PyYAML reads YAML 1.1: what we take as text it must take as text, numbers as the same numbers."""
    ours = read_plain(word)
    try:
        [theirs] = yaml.safe_load(f"[{word}]")
    except (yaml.YAMLError, ValueError, OverflowError):
        return  # No single word, or none that PyYAML can make something of.
    if not isinstance(ours, Doubt) and not isinstance(theirs, dict | list):
        assert (theirs, type(theirs)) == (ours, type(ours))


@settings(max_examples=100)
@given(st.text("ab\n\ré", max_size=30), st.data())
def test_an_edit_touches_nothing_else(written: str, data: st.DataObject) -> None:
    lines = split_lines(written)
    number = data.draw(st.integers(1, len(lines)))
    start = data.draw(st.integers(1, len(lines[number - 1]) + 1))
    end = data.draw(st.integers(start, len(lines[number - 1]) + 1))
    changed = edited(written, Edit(Range(Position(number, start), Position(number, end)), "NEW"))
    after = split_lines(changed)
    assert after[number - 1] == lines[number - 1][: start - 1] + "NEW" + lines[number - 1][end - 1 :]
    assert [*after[: number - 1], *after[number:]] == [*lines[: number - 1], *lines[number:]]


@pytest.mark.parametrize("cut", range(0, len(FULL), 97))
def test_half_a_file_gives_findings(cut: int) -> None:
    raw = FULL.encode()[:cut]
    everything(raw)
    salvage([Source("a.yaml", raw)])
