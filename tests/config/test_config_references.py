"""References: what they become, what cannot be, and that no value is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.load import Source, load
from router.config.references import Resolved, ResolvedDocument, Unset, check_syntax, plain, resolve
from router.config.tree import Document

FILES = {"/key": b"from-file\n", "/two": b"line\n\n", "/empty": b"\n", "/binary": b"\xff"}
CANARY = "sk-canary-0123456789"


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def document(value: str, *, optional: bool = False) -> Document:
    text = f"providers:\n  a:\n    type: openai\n    optional: {str(optional).lower()}\n    api_key: '{value}'\n"
    made, problems = load([Source("router.yaml", text.encode())])
    assert made is not None
    assert problems == []
    return made


def resolved(value: str, environ: dict[str, str] | None = None, *, optional: bool = False):
    made, findings = resolve(document(value, optional=optional), environ or {}, read_file)
    return made.value["providers"]["a"]["api_key"], [(each.code, each.message) for each in findings], dict(made.off)


@pytest.mark.parametrize(
    ("written", "text", "origin"),
    [
        ("${env:A}", "x", "env:A"),
        ("a-${env:A}-${env:B}", "a-x-y", "env:A + env:B"),
        ("${env:A}${env:A}", "xx", "env:A"),
        ("${env:NO:-fallback}", "fallback", "env:NO"),
        ("${env:NO:-}", "", "env:NO"),
        ("${env:EMPTY:-d}", "d", "env:EMPTY"),
        ("${file:/key}", "from-file", "file:/key"),
        ("${file:/two}", "line\n", "file:/two"),
        ("$${env:A} costs $$5 and ${env:A}", "${env:A} costs $5 and x", "env:A"),
    ],
)
def test_a_reference_becomes_the_text_it_stands_for_and_keeps_its_origin(written, text, origin):
    value, findings, _ = resolved(written, {"A": "x", "B": "y", "EMPTY": ""})
    assert (value, value.origin, findings) == (text, origin, [])


def test_text_without_a_reference_is_ordinary_text():
    value, _, _ = resolved("a $ b $$ c")
    assert (type(value), value) == (str, "a $ b $ c")


@pytest.mark.parametrize(
    ("written", "code", "reason"),
    [
        ("${env:NO}", "RC601", "the environment variable NO is not set"),
        ("${env:EMPTY}", "RC601", "the environment variable EMPTY is empty"),
        ("${file:/no}", "RC603", "/no cannot be read: No such file or directory"),
        ("${file:/empty}", "RC603", "/empty is empty"),
        ("${file:/binary}", "RC603", "/binary is not UTF-8 text"),
        ("${NO}", "RC114", "a `${` that is no reference"),
        ("${env:NO", "RC114", "a `${` that is no reference"),
        ("${env:${env:A}}", "RC114", "a `${` that is no reference"),
    ],
)
def test_what_cannot_be_resolved_is_a_finding_at_its_place(written, code, reason):
    value, findings, off = resolved(written, {"A": "x", "EMPTY": ""})
    assert (type(value), findings, off) == (Unset, [(code, f"`providers.a.api_key`: {reason}")], {})


@pytest.mark.parametrize("written", ["${env:NO}", "${file:/no}"])
def test_an_optional_provider_is_off_instead_and_says_why(written):
    _, findings, off = resolved(written, optional=True)
    assert findings == []
    assert list(off) == ["a"]
    assert off["a"]


def test_a_malformed_reference_is_an_error_even_where_the_provider_is_optional():
    assert [code for code, _ in resolved("${env:NO", optional=True)[1]] == ["RC114"]
    assert [each.code for each in check_syntax(document("${nev:A}"))] == ["RC114"]
    assert check_syntax(document("$${nev:A} ${env:A} ${file:/x}")) == []


def test_no_value_is_shown_by_repr_or_finding():
    made, findings = resolve(document("${env:A}"), {"A": CANARY}, read_file)
    assert isinstance(made, ResolvedDocument)
    assert CANARY not in f"{made!r}{findings!r}"
    assert repr(made.value["providers"]["a"]["api_key"]) == "<env:A>"


@given(st.text(alphabet="${}env:fil-/A_ \n", max_size=30), st.text(max_size=10))
def test_a_value_is_never_read_as_a_reference_again(written, value):
    tree = Document({"k": written}, document("x").values, {}, {})
    made, _ = resolve(tree, {"A": value, "e": value}, lambda path: b"${env:A}")
    found = made.value["k"]
    if isinstance(found, Resolved) and not isinstance(found, Unset) and written == "${env:A:-}":
        assert found == value
    assert isinstance(found, str)


def test_what_a_variable_holds_stays_text_whatever_it_looks_like():
    made, findings = resolve(document("${env:A}"), {"A": "${env:B}\nx: {y: 1}"}, read_file)
    assert (made.value["providers"]["a"]["api_key"], findings) == ("${env:B}\nx: {y: 1}", [])


def test_plain_takes_origins_away():
    tree = plain({"a": [Resolved("x", "env:A"), 1, True]})
    assert tree == {"a": ["x", 1, True]}
    assert type(tree["a"][0]) is str
