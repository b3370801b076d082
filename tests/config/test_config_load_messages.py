"""Every mistake people make in YAML has a message of its own, at the place where the mistake is, with what to write instead."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from router.config.codes import CATALOGUE, reading
from router.config.load import Source, salvage
from router.config.repair import edited

NBSP = "\xa0"


class Case(NamedTuple):
    code: str
    message: str
    at: str
    """`line:column-column`"""
    fixed: str | None = None
    """The text after the first edit that is suggested."""


CASES: dict[str, tuple[str | bytes, Case]] = {
    "empty": ("", Case("RC121", "the file is empty", "1:1-1")),
    "blank": ("\n  \n", Case("RC121", "the file is empty", "1:1-1")),
    "comments": ("# version: 1\n", Case("RC121", "the file holds nothing but comments", "1:1-1")),
    "only a marker": ("---\n", Case("RC121", "the file holds nothing but comments", "1:1-1")),
    "list": ("- a: 1\n", Case("RC122", "the file is a list; it has to be a map", "1:1-7")),
    "single value": ("router\n", Case("RC122", "the file is a single value; it has to be a map", "1:1-7")),
    "documents": ("a: 1\n---\nb: 2\n", Case("RC123", "a second document begins here; a configuration is one", "2:1-4")),
    "tab": ("a:\n\tb: 1\n", Case("RC124", "a tab is used to indent; YAML takes only spaces", "2:1-2", "a:\n  b: 1\n")),
    "tab after spaces": (
        "a:\n  b: 1\n \tc: 1\n",
        Case("RC124", "a tab is used to indent; YAML takes only spaces", "3:1-3", "a:\n  b: 1\n  c: 1\n"),
    ),
    "no space": ("a: 1\nb:2\nc: 3\n", Case("RC125", "a space is missing after `b:`", "2:1-3", "a: 1\nb: 2\nc: 3\n")),
    "no space at the start": (
        "version:1\nb: 2\n",
        Case("RC125", "a space is missing after `version:`", "1:1-9", "version: 1\nb: 2\n"),
    ),
    "no space at all": ("version:1\n", Case("RC125", "a space is missing after `version:`", "1:1-9", "version: 1\n")),
    "no space in a map": ("s:\n  l:1\n  m: 1\n", Case("RC125", "a space is missing after `l:`", "2:3-5", "s:\n  l: 1\n  m: 1\n")),
    "no space, alone": ("s:\n  l:1\n", Case("RC125", "a space is missing after `l:`", "2:3-5", "s:\n  l: 1\n")),
    "no space in braces": ("{a:b, c: d}\n", Case("RC125", "a space is missing after `a:`", "1:2-4", "{a: b, c: d}\n")),
    "no space before a map": (
        "log:{level: info}\n",
        Case("RC125", "a space is missing after `log:`", "1:1-5", "log: {level: info}\n"),
    ),
    "no-break space": (
        f"a:{NBSP}b\nc: d\n",
        Case("RC126", "U+00A0 (no-break space) is text to YAML, not a space", "1:3-4", "a: b\nc: d\n"),
    ),
    "no-break indentation": (
        f"a:\n  b: 1\n{NBSP}{NBSP}c: 1\n",
        Case("RC126", "U+00A0 (no-break space) is text to YAML, not a space", "3:1-2", f"a:\n  b: 1\n {NBSP}c: 1\n"),
    ),
    "no-break space at the end": (
        f"a: b{NBSP}\n",
        Case("RC126", "U+00A0 (no-break space) is text to YAML, not a space", "1:5-6", "a: b \n"),
    ),
    "curly quotes": (
        "a: \u201cb\u201d\n",
        Case("RC126", "U+201C (left double quotation mark) is not a quote to YAML", "1:4-7", 'a: "b"\n'),
    ),
    "control character": (
        "a: b\x1b[31m\n",
        Case("RC126", "U+001B (a control character) does not belong into this file", "1:5-6"),
    ),
    "line separator": ("a: 1 # b\u2028c: 1\n", Case("RC126", "U+2028 (line separator) does not belong into this file", "1:9-10")),
    "bidirectional text": (
        "a: b\u202ec\n",
        Case("RC126", "U+202E (right-to-left override) does not belong into this file", "1:5-6", "a: bc\n"),
    ),
    "unclosed quote": ('a: "b\nc: 1\n', Case("RC127", "a quote is opened here and not closed on its line", "1:4-5")),
    "quote closed by the next": (
        'a: "b\nc: "d"\ne: 1\n',
        Case("RC127", "a quote is opened here and not closed on its line", "1:4-5"),
    ),
    "single quote closed by the next": (
        "a: 'b\nc: 'd'\n",
        Case("RC127", "a quote is opened here and not closed on its line", "1:4-5"),
    ),
    "apostrophe": ("a: 'it's'\n", Case("RC127", "the text in quotes ends before `s'`", "1:4-8", 'a: "it\'s"\n')),
    "text after quotes": ('a: "b" c\n', Case("RC127", "the text in quotes ends before `c`", "1:4-7")),
    "escape": ('a: "\\d"\n', Case("RC127", "`\\d` is no escape that YAML knows", "1:5-7")),
    "star": ("a: *\n", Case("RC128", "`*` needs quotes", "1:4-5", 'a: "*"\n')),
    "star key": ("m:\n  *: 1\n", Case("RC128", "`*` needs quotes", "2:3-4", 'm:\n  "*": 1\n')),
    "star in a list": ("a: [*, b]\n", Case("RC128", "`*` needs quotes", "1:5-6", 'a: ["*", b]\n')),
    "star suffix": (
        "a: *-mini # x\n",
        Case("RC134", "`*-mini` repeats an anchor, and no `&-mini` stands above it", "1:4-10", 'a: "*-mini" # x\n'),
    ),
    "percent": ("a: %x y # z\n", Case("RC128", "`%x y` needs quotes", "1:4-8", 'a: "%x y" # z\n')),
    "percent first": ("%x: 1\n", Case("RC128", "`%x` needs quotes", "1:1-3", '"%x": 1\n')),
    "at": ("a: @x\n", Case("RC128", "`@x` needs quotes", "1:4-6", 'a: "@x"\n')),
    "backtick": ("a: `x`\n", Case("RC128", "``x`` needs quotes", "1:4-7", 'a: "`x`"\n')),
    "folded": ("a: >=5\n", Case("RC128", "`>=5` needs quotes", "1:4-7", 'a: ">=5"\n')),
    "tag": ("a: !env X\n", Case("RC133", "`!env` is a tag; tags are not used here", "1:4-8", 'a: "!env X"\n')),
    "tag of a map": ("a: !!map {b: 1}\n", Case("RC133", "`!!map` is a tag; tags are not used here", "1:4-9")),
    "exclamation mark": ("a: !\n", Case("RC133", "`!` is a tag; tags are not used here", "1:4-5", 'a: "!"\n')),
    "reference in braces": (
        "a: {b: ${env:X}, c: 1}\n",
        Case("RC129", "inside braces or brackets `${env:X}` needs quotes", "1:8-16", 'a: {b: "${env:X}", c: 1}\n'),
    ),
    "reference with a default": (
        "a: {b: ${env:X:-a b}}\n",
        Case("RC129", "inside braces or brackets `${env:X:-a b}` needs quotes", "1:8-21", 'a: {b: "${env:X:-a b}"}\n'),
    ),
    "reference in a text": (
        "a: [http://${env:H}:1/x]\n",
        Case("RC129", "inside braces or brackets `http://${env:H}:1/x` needs quotes", "1:5-24", 'a: ["http://${env:H}:1/x"]\n'),
    ),
    "bracket in braces": (
        "a: {b: x[1]}\n",
        Case("RC129", "inside braces or brackets `x[1]` needs quotes", "1:8-12", 'a: {b: "x[1]"}\n'),
    ),
    "two colons": ("use: m: n\n", Case("RC130", "a second `key:` on one line: `m: n`", "1:7-8", 'use: "m: n"\n')),
    "two colons in a map": (
        "a:\n  b: c: d # e\n",
        Case("RC130", "a second `key:` on one line: `c: d`", "2:7-8", 'a:\n  b: "c: d" # e\n'),
    ),
    "latin-1": (b"a: caf\xe9\n", Case("RC131", "the file is not UTF-8", "1:7-8")),
    "utf-16": ("a: 1\n".encode("utf-16"), Case("RC131", "the file is written in UTF-16, not UTF-8", "1:1-2")),
    "byte order mark": (b"\xef\xbb\xbfa: 1\n", Case("RC132", "the file begins with a byte order mark", "1:1-1")),
    "unknown anchor": ("a: *b\n", Case("RC134", "`*b` repeats an anchor, and no `&b` stands above it", "1:4-6", 'a: "*b"\n')),
    "merge twice": ("a: &a {b: 1}\nc: {<<: *a, <<: *a}\n", Case("RC135", "`<<` is written twice in one map", "2:13-15")),
    "merge of a text": ("c: {<<: b}\n", Case("RC135", "`<<` takes a map, or a list of maps", "1:9-10")),
    "template": ("a: {{ b }}\n", Case("RC136", "a key has to be text", "1:5-6")),
    "list as a key": ("? [a]\n: b\n", Case("RC136", "a key has to be text", "1:3-4")),
    "less indented": ("a:\n    b: 1\n  c: 1\n", Case("RC138", "this line is indented like nothing above it", "3:3-4")),
    "first line indented": ("  a: 1\nb: 1\n", Case("RC138", "this line is indented like nothing above it", "2:1-2")),
    "more indented": (
        "a: 1\n  b: 2\n",
        Case("RC138", "`b` is indented deeper than the line before, which has its value already", "2:3-4"),
    ),
    "list on the line": ("a: - b\n", Case("RC138", "a list cannot begin on the line of its key", "1:4-5")),
    "bracket open": ("a: [b, c\nd: e\n", Case("RC139", "`[` is opened here and not closed", "1:4-5")),
    "brace open": ("a: {b: c\nd: e\n", Case("RC139", "`{` is opened here and not closed", "1:4-5")),
    "brace open at the end": ("a: {b: c\n", Case("RC139", "`{` is opened here and not closed", "1:4-5")),
    "comma missing": ('a: {b: "c" d: "e"}\n', Case("RC127", 'the text in quotes ends before `d: "e"}`', "1:8-11")),
    "bracket closes nothing": ("a: b]\nc: [d]]\n", Case("RC139", "`]` closes nothing that is open", "2:7-8")),
    "null": ("limits:\n", Case("RC113", "`limits` is empty (null)", "1:1-7")),
    "null word": ("a: {limits: ~}\n", Case("RC113", "`a.limits` is empty (null)", "1:13-14")),
    "null in a list": ("a: [b, null]\n", Case("RC113", "`a.1` is empty (null)", "1:8-12")),
    "bare word": ("a: 1\nb\nc: 2\n", Case("RC120", "`b` is neither `key: value` nor a list item", "2:1-2")),
    "lost value": (
        "deny: EU only #42\n",
        Case("RC402", "text after ` #` is a comment: `EU only #42`", "1:15-18", 'deny: "EU only #42"\n'),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_message_says_what_is_wrong_and_where(name: str) -> None:
    text, case = CASES[name]
    raw = text if isinstance(text, bytes) else text.encode()
    [found] = salvage([Source("a.yaml", raw)])[1]
    start, end = found.place.range
    column = f"{end.column}" if end.line == start.line else "…"
    assert (found.code, found.message, f"{start.line}:{start.column}-{column}") == (case.code, case.message, case.at)
    edit = next((edit for suggestion in found.suggestions for edit in suggestion.edits), None)
    if case.fixed is not None:
        assert edit is not None
        assert edited(raw.decode(), edit) == case.fixed
        assert salvage([Source("a.yaml", case.fixed.encode())])[1] == [] or name == "no-break indentation"


def test_every_code_of_reading_has_a_case() -> None:
    elsewhere = {"RC102", "RC111", "RC137", "RC140"}  # tests/config/test_config_load.py
    assert {case.code for _, case in CASES.values()} | elsewhere == {code.code for code in reading.CODES}


@pytest.mark.parametrize(
    "text",
    [
        "base_url:\n  https://host/v1\n",
        "admin:\n  unix:/run/x.sock\n",
        "listen:\n  localhost:4000\n",
        "listen: host:4000\n",
        "llama3:8b: {a: b}\n",
        "targets: [ollama/llama3:8b, a/b:c]\n",
        "reply: 'a: b'\n",
        "reply: a # b\n",
        "reply: a # router: allow RC402\n",
        "reply: |\n  key:value #1\n  {{ x }}\n",
        "reply: a\xe9\n",
        'reply: "a\xa0b"\n',
        "reply: a long\n  text\n",
        "a: {b: 'x', c: \"y\"}\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: 1\n...\n",
        'a: "x #1"\n',
        "a: b#c\n",
    ],
)
def test_what_only_looks_like_a_mistake_is_none(text: str) -> None:
    document, found = salvage([Source("a.yaml", text.encode())])
    assert found == []
    assert document is not None


def test_all_mistakes_of_a_file_are_found_at_once() -> None:
    text = "a: {b: ${env:X}}\nc: NO\nd:1\ne:\n\tf: 1\ng: @h\na: 1\ni:\n"
    found = salvage([Source("a.yaml", text.encode())])[1]
    assert sorted((each.place.range.start.line, each.code) for each in found) == [
        (1, "RC129"),
        (2, "RC111"),
        (3, "RC125"),
        (5, "RC124"),
        (6, "RC128"),
        (7, "RC102"),
        (8, "RC113"),
    ]


def test_severities_are_those_of_the_catalogue() -> None:
    for text, case in CASES.values():
        [found] = salvage([Source("a.yaml", text if isinstance(text, bytes) else text.encode())])[1]
        assert found.severity == CATALOGUE[case.code].severity
