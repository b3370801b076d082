"""Finding and changing members of a JSON object by its bytes, however it is spelled."""

from __future__ import annotations

import json
import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.wire.scan import MAX_DEPTH, Edit, TooMany, appended, lone_member, members, removed, splice

TRICKY = [
    "model",
    'say "model": 1',
    '\\"model"',
    "}",
    "]{",
    "a\\",
    "é",
    "",
    "\u2028",
    "\\u006dodel",
    "x" * 600,
    '"' * 30,
    "\\" * 5,
]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.sampled_from(TRICKY) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(TRICKY) | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
pairs = st.lists(st.tuples(st.sampled_from(TRICKY) | st.text(max_size=5), values), max_size=6)
seeds = st.integers(0, 2**32).map(random.Random)


def spell(value: object, rng: random.Random) -> bytes:
    """One of the many ways to write `value`."""
    if isinstance(value, dict):
        inside = b",".join(gap(rng) + spell(k, rng) + gap(rng) + b":" + spell(v, rng) + gap(rng) for k, v in value.items())
        return gap(rng) + b"{" + inside + b"}" + gap(rng)
    if isinstance(value, list):
        return gap(rng) + b"[" + b",".join(spell(v, rng) for v in value) + b"]"
    if isinstance(value, str) and rng.random() < 0.3:
        return b'"' + "".join(one_char(c, rng) for c in value).encode() + b'"'
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()


def one_char(char: str, rng: random.Random) -> str:
    if ord(char) <= 0xFFFF and rng.random() < 0.4:
        return f"\\u{ord(char):04{rng.choice('xX')}}"
    return json.dumps(char, ensure_ascii=False)[1:-1]


def gap(rng: random.Random) -> bytes:
    return rng.choice([b"", b"", b"", b" ", b"\n  ", b"\t\r\n"])


def written(found: list[tuple[str, object]], rng: random.Random) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """An object of these members, and of each its name and the bytes of name and value."""
    parts = [(name, spell(name, rng), spell(value, rng).strip()) for name, value in found]
    inside = b",".join(gap(rng) + key + gap(rng) + b":" + gap(rng) + value + gap(rng) for _, key, value in parts)
    return gap(rng) + b"{" + inside + gap(rng) * (not parts) + b"}" + gap(rng), parts


@given(pairs, seeds)
def test_every_member_is_found_where_it_stands_whatever_the_spelling(found, rng):
    raw, parts = written(found, rng)
    assert [(m.name, raw[m.key : m.key_end], raw[m.start : m.end]) for m in members(raw)] == parts


@given(pairs, seeds)
def test_a_lone_member_is_the_one_the_scan_finds(found, rng):
    raw, _ = written([("model", "m"), *found], rng)
    same = [m for m in members(raw) if m.name == "model"]
    lone = lone_member(raw, "model")
    assert lone is None or [lone] == same


@given(pairs.filter(bool), seeds, st.data())
def test_removing_a_member_leaves_every_other_byte_of_the_others(found, rng, data):
    raw, parts = written(found, rng)
    gone = data.draw(st.sampled_from([name for name, _ in found]))
    left = splice(raw, removed(members(raw), gone))
    kept = [part for part in parts if part[0] != gone]
    assert [(m.name, left[m.key : m.key_end], left[m.start : m.end]) for m in members(left)] == kept
    assert orjson.loads(left) == {name: orjson.loads(value) for name, _, value in kept}


@given(pairs.filter(bool), seeds)
def test_appending_changes_no_byte_before_the_closing_brace(found, rng):
    raw, _ = written(found, rng)
    grown = splice(raw, [appended(raw, b'"last":1')])
    assert grown.replace(b',"last":1', b"") == raw
    assert orjson.loads(grown) == orjson.loads(raw) | {"last": 1}


def test_splice_applies_edits_in_any_order():
    assert splice(b"abcdef", [Edit(4, 5, b"E"), Edit(0, 1, b""), Edit(2, 2, b"-")]) == b"b-cdEf"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "an object was expected (byte 0)"),
        (b"[]", "an object was expected (byte 0)"),
        (b"{", "a member name was expected (byte 1)"),
        (b'{"a"}', "':' was expected (byte 4)"),
        (b'{"a":}', "a value was expected (byte 5)"),
        (b'{"a":1', "',' or '}' was expected (byte 6)"),
        (b'{"a":1]', "',' or '}' was expected (byte 6)"),
        (b'{"a":1,}', "a member name was expected (byte 7)"),
        (b'{"a":"x', "a string is not closed (byte 6)"),
        (b'{"a":"x\\"', "a string is not closed (byte 6)"),
        (b'{"a":["}', "a string is not closed (byte 7)"),
        (b'{"a":[[]', "an object or array is not closed (byte 8)"),
        (b'{"a":1} x', "something follows the object (byte 8)"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(raw, reason):
    with pytest.raises(ValueError) as caught:
        members(raw)
    assert str(caught.value) == reason


@given(st.binary(max_size=30) | st.text(alphabet='{}[]":,\\a1 ', max_size=30).map(str.encode))
def test_any_bytes_give_members_or_a_value_error(raw):
    try:
        members(raw)
    except ValueError:
        return


def test_depth_is_counted_as_a_parser_counts_it():
    def nested(levels: int) -> bytes:
        return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    assert len(members(nested(MAX_DEPTH))) == 1
    with pytest.raises(ValueError, match="nested deeper than 128 levels"):
        members(nested(MAX_DEPTH + 1))


def test_following_nested_values_is_bounded():
    raw = b'{"a":[' + b",".join([b"{}"] * 100) + b"]}"
    assert len(members(raw, 300)) == 1
    with pytest.raises(TooMany):
        members(raw, 100)
