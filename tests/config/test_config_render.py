"""What people and machines see of findings, to the character."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from router.config.check import Checked, check
from router.config.diagnostics import Diagnostic, Edit, Place, Position, Range, Related, Severity, Suggestion, span
from router.config.fix import fixable, fixed
from router.config.load import Source, salvage
from router.config.render import TextStyle, github, json_document, one_line, summary, text
from router.config.secrets import mask, mask_line

HERE = Path(__file__).parent
BROKEN = (HERE / "broken.yaml").read_bytes()
LEVELS = ("syntax", "schema")


def broken() -> Checked:
    return check([Source("router.yaml", BROKEN)])


def shown(line: str, place: Place, label: str = "", style: TextStyle | None = None, **more: tuple[Related, ...]) -> list[str]:
    """The lines below the head of one finding, without the summary."""
    finding = Diagnostic("RC101", "error", "m", "", place, label, **more)
    said = text([finding], ["a"], LEVELS, {"a": line}, style or TextStyle())
    return said.split("\n\n")[0].splitlines()[2:]


@pytest.mark.parametrize("name", ["text", "github", "json", "lines"])
def test_the_broken_file_looks_like_the_golden_one(name: str) -> None:
    checked = broken()
    found = (checked.diagnostics, checked.files, checked.levels)
    made = {
        "text": lambda: text(*found, checked.document.sources, TextStyle()),
        "github": lambda: github(*found),
        "json": lambda: json.dumps(json_document(*found), indent=2, ensure_ascii=False) + "\n",
        "lines": lambda: "".join(f"{one_line(each)}\n" for each in checked.diagnostics),
    }
    assert made[name]() == (HERE / f"broken.{name}.golden").read_text(encoding="utf-8")


def test_the_caret_stands_below_what_it_marks_whatever_stands_before() -> None:
    assert shown("key: value", span("a", 1, 6, 11), "here") == ["  |", "1 | key: value", "  |      ^^^^^ here"]
    assert shown("日本: x", span("a", 1, 5, 6)) == ["  |", "1 | 日本: x", "  |       ^"]
    assert shown("k: 日本 x", span("a", 1, 4, 6)) == ["  |", "1 | k: 日本 x", "  |    ^^^^"]
    assert shown("\tk:\tv", span("a", 1, 5, 6)) == ["  |", "1 |     k:    v", "  |           ^"]
    assert shown("e\u0301: v", span("a", 1, 5, 6)) == ["  |", "1 | e: v", "  |    ^"]
    assert shown("a\x1b[31mb: \u202ev", span("a", 1, 7, 8)) == ["  |", "1 | a\ufffd[31mb: v", "  |       ^"]


def test_an_empty_range_gets_one_caret_and_a_long_one_ends_with_its_line() -> None:
    assert shown("key:", span("a", 1, 5, 5)) == ["  |", "1 | key:", "  |     ^"]
    assert shown("a:\n  b: 1\n  c: 1\n", Place("a", Range(Position(2, 3), Position(3, 7)))) == ["  |", "2 |   b: 1", "  |   ^^^^"]
    assert shown("", span("a", 9, 1, 4)) == ["  |", "9 |", "  | ^"]


def test_a_long_line_is_cut_around_its_caret() -> None:
    line = "a" * 500 + "MARK" + "b" * 500
    [_, source, marks] = shown(line, span("a", 1, 501, 505), style=TextStyle(width=80))
    assert source == "1 | …" + "a" * 39 + "MARK" + "b" * 35 + "…"
    assert marks == "  | " + " " * 40 + "^^^^"
    [_, source, marks] = shown("k: " + "v" * 300, span("a", 1, 4, 304), style=TextStyle(width=80))
    assert source == "1 | k: " + "v" * 76 + "…"
    assert len(marks) <= len(source)


def test_the_margin_is_as_wide_as_the_greatest_line_number() -> None:
    related = (Related("there", span("a", 100, 1, 2)),)
    lines = shown("\n".join(["k: v"] * 100), span("a", 2, 1, 2), related=related)
    assert lines == ["    |", "  2 | k: v", "    | ^", "   ::: a:100:1", "    |", "100 | k: v", "    | - there"]


def test_colour_is_added_and_nothing_else_changes() -> None:
    checked = broken()
    found = (checked.diagnostics, checked.files, checked.levels, checked.document.sources)
    plain, painted = text(*found, TextStyle()), text(*found, TextStyle(color=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain != painted


def test_verbose_explains_each_code_once_and_a_limit_counts_the_rest() -> None:
    checked = broken()
    found = (checked.diagnostics, checked.files, checked.levels, checked.document.sources)
    assert text(*found, TextStyle(verbose=True)).count("The language has no such key here.") == 1
    limited = text(*found, TextStyle(most=2))
    assert limited.count("error[") == 2
    assert f"… and {len(checked.diagnostics) - 2} more\n" in limited
    assert limited.splitlines()[-1] == text(*found, TextStyle()).splitlines()[-1]


def test_no_output_shows_a_credential() -> None:
    checked = broken()
    found = (checked.diagnostics, checked.files, checked.levels)
    everything = [
        text(*found, checked.document.sources, TextStyle(verbose=True)),
        github(*found),
        json.dumps(json_document(*found)),
        *map(one_line, checked.diagnostics),
    ]
    assert all("abcdefghijklmnop" not in each for each in everything)


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("api_key: sk-ant-api03-abcdefghijkl", "api_key: sk-a" + "*" * 21),
        ('  key: "gsk_abcdefghijklmnop"  # note', '  key: "gsk_****************"  # note'),
        ("x: {secret: hunter2, api_key: none}", "x: {secret: hu*****, api_key: none}"),
        ("proxy: http://user:pass@proxy:1", "proxy: http://*********@proxy:1"),
        ("api_key: ${env:OPENAI_API_KEY}", "api_key: ${env:OPENAI_API_KEY}"),
        ("models: [sk-small, gpt-4o]", "models: [sk-small, gpt-4o]"),
        ("url: http://${env:U}:${env:P}@h", "url: http://${env:U}:${env:P}@h"),
    ],
)
def test_credentials_are_masked_and_nothing_moves(line: str, masked: str) -> None:
    assert mask_line(line) == masked
    assert len(mask(line)) == len(line)


def many(severity: Severity, count: int) -> list[Diagnostic]:
    return [Diagnostic("RC101", severity, f"{severity} {i}", "", span("a", i + 1, 1, 2)) for i in range(count)]


def test_github_shows_ten_of_a_severity_errors_first_and_escapes() -> None:
    lines = github([*many("warning", 12), *many("error", 11)], ["a"], LEVELS).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [*["::error"] * 10, "and", *["::warning"] * 10, "and", "11"]
    assert lines[10] == "and 1 more of severity error: router validate"
    odd = Diagnostic("RC101", "error", "100%\nof it: a, b", "", span("dir,a:b.yaml", 1, 2, 3), notes=("note",))
    assert github([odd], ["a"], LEVELS).splitlines()[0] == (
        "::error file=dir%2Ca%3Ab.yaml,line=1,col=2,endLine=1,title=RC101::100%25%0Aof it: a, b%0Anote"
    )


def test_a_line_stays_a_line() -> None:
    assert one_line(Diagnostic("RC101", "error", "a\nb\x1b[0m", "", span("f", 3, 4, 5))) == "f:3:4: error RC101 a\ufffdb\ufffd[0m"


def test_the_summary_counts() -> None:
    fix = Suggestion("t", (Edit(span("a", 1, 1, 2).range, "x"),))
    one = Diagnostic("RC101", "error", "m", "", span("a", 1, 1, 2), suggestions=(fix,))
    assert summary([], ["a", "b"], LEVELS) == "0 errors, 0 warnings in a, b (levels done: syntax, schema)"
    assert summary([one], ["a"], LEVELS) == "1 error in a (levels done: syntax, schema). 1 can be fixed: router validate --fix"
    assert summary(many("warning", 1), ["a"], LEVELS) == "0 errors, 1 warning in a (levels done: syntax, schema)"


def test_fixes_are_made_where_there_is_no_choice() -> None:
    source = Source("a", b"\xef\xbb\xbfversion: 1\r\nb:2\r\nc: {d: ${env:X}, e: ${env:Y}}\r\nf: NO\r\n")
    found = salvage([source])[1]
    assert {each.code for each in found if fixable(each)} == {"RC125", "RC129"}
    [once] = fixed([source], found)
    assert once.text == b'\xef\xbb\xbfversion: 1\r\nb: 2\r\nc: {d: "${env:X}", e: "${env:Y}"}\r\nf: NO\r\n'


def test_fixes_that_touch_one_another_are_not_made_together() -> None:
    def replaces(start: int, end: int, new: str) -> Diagnostic:
        place = span("a", 1, start, end)
        return Diagnostic("RC101", "error", "m", "", place, suggestions=(Suggestion("t", (Edit(place.range, new),)),))

    [made] = fixed([Source("a", b"abcdef")], [replaces(1, 4, "X"), replaces(3, 5, "Y"), replaces(5, 6, "Z")])
    assert made.text == b"XdZf"
