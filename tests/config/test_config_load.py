"""Text to Document: what words mean, where they stand, and several files as one."""

from __future__ import annotations

import pytest

from router.config.diagnostics import Diagnostic, Place, Position, Range
from router.config.load import Source, load, salvage
from router.config.tree import Document


def read(*texts: str | bytes) -> Document:
    names = ["a.yaml", "b.yaml", "c.yaml"]
    sources = [Source(name, t.encode() if isinstance(t, str) else t) for name, t in zip(names, texts, strict=False)]
    document, found = load(sources)
    assert found == []
    assert document is not None
    return document


def problems(*texts: str) -> list[Diagnostic]:
    return salvage([Source(f"{chr(97 + i)}.yaml", text.encode()) for i, text in enumerate(texts)])[1]


def place(line: int, start: int, end: int, *, file: str = "a.yaml", to: int | None = None) -> Place:
    return Place(file, Range(Position(line, start), Position(to or line, end)))


def test_every_key_and_value_has_its_place() -> None:
    document = read('version: 1\nmodels:\n  fast: {targets: [a/b, "c/d"]}\n')
    assert document.value == {"version": 1, "models": {"fast": {"targets": ["a/b", "c/d"]}}}
    assert document.keys == {
        "/version": place(1, 1, 8),
        "/models": place(2, 1, 7),
        "/models/fast": place(3, 3, 7),
        "/models/fast/targets": place(3, 10, 17),
    }
    assert document.values == {
        "": place(1, 1, 32, to=3),
        "/version": place(1, 10, 11),
        "/models": place(3, 3, 32),
        "/models/fast": place(3, 9, 32),
        "/models/fast/targets": place(3, 19, 31),
        "/models/fast/targets/0": place(3, 20, 23),
        "/models/fast/targets/1": place(3, 25, 30),
    }


def test_columns_count_characters_also_after_a_byte_order_mark() -> None:
    document, found = load([Source("a.yaml", "\ufeffdé日: {k: ü}\n".encode())])
    assert document is not None
    assert (document.keys["/dé日"], document.values["/dé日/k"]) == (place(1, 1, 4), place(1, 10, 11))
    assert [(each.code, each.severity) for each in found] == [("RC132", "warning")]


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    document = read('"a/b~c": {"~": 1}\n')
    assert document.values["/a~1b~0c/~0"] == place(1, 16, 17)
    assert document.at("/a~1b~0c/nowhere/deeper") == place(1, 10, 18)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_in_yaml(newline: str) -> None:
    assert read(f"a: 1{newline}b: 2{newline}").values["/b"] == place(2, 4, 5)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text", "text"),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("1.5e+3", 1500.0),
        ("1.5e-3", 0.0015),
        ("true", True),
        ("False", False),
        ("30s", "30s"),
        ("60/1m", "60/1m"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:4000", "127.0.0.1:4000"),
        ("1.2.3", "1.2.3"),
        ("nothing", "nothing"),
        ("Nope", "Nope"),
        ("5%", "5%"),
        ("none", "none"),
        ("gpt-4o", "gpt-4o"),
        ("2024-10-21-preview", "2024-10-21-preview"),
        ("0xyz", "0xyz"),
        ("${env:NAME:-x}", "${env:NAME:-x}"),
        ('"NO"', "NO"),
        ("'2027-03-31'", "2027-03-31"),
    ],
)
def test_a_plain_word_means_one_thing(word: str, value: object) -> None:
    found = read(f"k: {word}\n").value["k"]
    assert (found, type(found)) == (value, type(value))


TWO_MEANINGS = [
    ("NO", "YAML 1.1: false, 1.2: text", ['"NO"', "false"]),
    ("yes", "YAML 1.1: true, 1.2: text", ['"yes"', "true"]),
    ("On", "YAML 1.1: true, 1.2: text", ['"On"', "true"]),
    ("n", "YAML 1.1: false, 1.2: text", ['"n"', "false"]),
    ("012", "YAML 1.1: 10, 1.2: 12", ['"012"', "12"]),
    ("089", "YAML 1.1: text, 1.2: 89", ['"089"', "89"]),
    ("0o17", "YAML 1.1: text, 1.2: 15", ['"0o17"', "15"]),
    ("0x1F", "YAML some readers: text, others: 31", ['"0x1F"', "31"]),
    ("0b101", "YAML 1.2: text, 1.1: 5", ['"0b101"', "5"]),
    ("1_000", "YAML 1.2: text, 1.1: 1000", ['"1_000"', "1000"]),
    ("22:00", "YAML 1.1: a number to base 60, 1.2: text", ['"22:00"']),
    ("1e3", "YAML 1.1: text, 1.2: 1000", ['"1e3"', "1000"]),
    ("1e-3", "YAML 1.1: text, 1.2: 0.001", ['"1e-3"', "0.001"]),
    ("1e400", "YAML 1.1: text, 1.2: a number", ['"1e400"']),
    ("2027-03-31", "YAML 1.1: a date, 1.2: text", ['"2027-03-31"']),
    ("2027-03-31T10:00:00Z", "YAML 1.1: a date, 1.2: text", ['"2027-03-31T10:00:00Z"']),
    (".inf", "YAML: not a finite number", ['".inf"']),
    (".NaN", "YAML: not a finite number", ['".NaN"']),
    ("=", "YAML 1.1: a mark of its own, 1.2: text", ['"="']),
    ("01.5", "readers disagree about its leading zeros", ['"01.5"']),
    ("12345678901234567890", "a number with more digits than some readers keep", ['"12345678901234567890"']),
]


@pytest.mark.parametrize(("word", "readings", "fixes"), TWO_MEANINGS)
def test_a_word_with_two_meanings_is_refused_with_what_to_write(word: str, readings: str, fixes: list[str]) -> None:
    found = problems(f"k: {word}\n")
    [one] = found
    assert (one.code, one.message, one.label, one.pointer) == ("RC111", f"`{word}` has two meanings", readings, "/k")
    assert one.place == place(1, 4, 4 + len(word))
    assert [edit.text for suggestion in one.suggestions for edit in suggestion.edits] == fixes


def test_keys_are_text_whatever_they_look_like_and_two_meanings_count_there_too() -> None:
    assert read("128000: a\n4.1: b\n").value == {"128000": "a", "4.1": "b"}
    assert [(each.code, each.message) for each in problems("on: a\ntrue: b\n~: c\n")] == [
        ("RC111", "`on` has two meanings"),
        ("RC136", "the key `true` is a truth value, not text"),
        ("RC136", "the key `~` is empty, not text"),
    ]


def test_a_duplicate_key_shows_its_first_place() -> None:
    [one] = problems("m:\n  fast: 1\n  fast: 2\n")
    assert (one.code, one.message, one.place) == ("RC102", "`m.fast` is written twice", place(3, 3, 7))
    assert [(each.message, each.place) for each in one.related] == [("first written here", place(2, 3, 7))]


def test_notes_are_free_except_where_keys_are_names() -> None:
    document = read(
        "x-common: &c {retries: 2}\n"
        "models:\n"
        "  x-ai/grok: {<<: *c, targets: [a/b], x-note: why, params: {x-vendor: 1}}\n"
        "providers:\n"
        "  a: {type: openai, headers: {x-team: search}}\n"
    )
    assert document.value == {
        "models": {"x-ai/grok": {"targets": ["a/b"], "params": {"x-vendor": 1}, "retries": 2}},
        "providers": {"a": {"type": "openai", "headers": {"x-team": "search"}}},
    }
    assert "/x-common" not in document.values
    assert document.at("/models/x-ai~1grok/retries") == place(1, 24, 25)


def test_a_merge_stands_below_what_the_map_says_and_the_first_of_several_wins() -> None:
    document = read("x-a: &a {p: 1, q: 1}\nx-b: &b {q: 2, r: 2}\nm: {<<: [*a, *b], p: 0}\n")
    assert document.value == {"m": {"p": 0, "q": 1, "r": 2}}


def test_aliases_that_would_unfold_without_end_are_refused() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
    )
    assert [each.message for each in problems(bomb)] == ["aliases repeat more than 100000 values"]
    assert [each.message for each in problems("a: &a {b: *a}\n")] == ["`*a` stands inside what it repeats"]


@pytest.mark.parametrize("depth", [61, 999, 100_000])
def test_deep_nesting_is_refused_and_does_not_crash(depth: int) -> None:
    assert [each.code for each in problems("k: " + "[" * depth)] == ["RC137"]


def test_an_enormous_file_is_refused_unread() -> None:
    document, found = load([Source("a.yaml", b"#" * (8 * 1024 * 1024 + 1))])
    assert (document, [each.code for each in found]) == (None, ["RC137"])


BASE = """\
providers:
  a: {type: openai, headers: {x-one: "1", x-two: "2"}}
  b: {type: groq}
server: {admin: 127.0.0.1:1}
models: {fast: {targets: [a/x, b/y]}}
rules: [{name: one}]
"""


def test_a_later_file_lies_over_an_earlier_one() -> None:
    document = read(
        BASE,
        "providers: {b: none, a: {headers: {x-two: none}}, c: {type: ollama}}\n"
        "server: {admin: none}\nmodels: {fast: {targets: [c/z]}}\nrules: [{name: two}]\n",
    )
    assert document.value == {
        "providers": {"a": {"type": "openai", "headers": {"x-one": "1"}}, "c": {"type": "ollama"}},
        "server": {"admin": "none"},
        "models": {"fast": {"targets": ["c/z"]}},
        "rules": [{"name": "one"}, {"name": "two"}],
    }
    assert document.values["/models/fast/targets/0"] == place(3, 27, 30, file="b.yaml")
    assert document.values["/providers/a/type"] == place(2, 13, 19)
    assert "/models/fast/targets/1" not in document.values
    assert set(document.sources) == {"a.yaml", "b.yaml"}


def test_three_files_are_laid_in_their_order() -> None:
    assert read("a: 1\nb: 1\nc: 1\n", "b: 2\nc: 2\n", "c: 3\n").value == {"a": 1, "b": 2, "c": 3}


def test_taking_away_what_is_not_there_is_an_error_at_its_key() -> None:
    [one] = problems(BASE, "providers: {bb: none}\n")
    assert (one.code, one.message, one.place) == (
        "RC140",
        "`providers.bb` is taken away here, and no earlier file has it",
        place(1, 13, 15, file="b.yaml"),
    )


def test_the_problems_of_every_file_are_reported() -> None:
    assert [(each.place.file, each.code) for each in problems("a: NO\n", "- b\n", "c:\n")] == [
        ("a.yaml", "RC111"),
        ("b.yaml", "RC122"),
        ("c.yaml", "RC113"),
    ]


def test_load_gives_a_document_only_for_yaml_and_salvage_for_what_can_be_repaired() -> None:
    source = Source("a.yaml", b"server:\n\tlisten:127.0.0.1:1\n\tadmin: none\nmodels: {a: ${env:X}}\n")
    assert load([source])[0] is None
    document, found = salvage([source])
    assert document is not None
    assert document.value == {"server": {"listen": "127.0.0.1:1", "admin": "none"}, "models": {"a": "${env:X}"}}
    assert sorted((each.code, each.place.range.start) for each in found) == [
        ("RC124", (2, 1)),
        ("RC124", (3, 1)),
        ("RC125", (2, 2)),
        ("RC129", (4, 13)),
    ]
    assert document.values["/server/listen"] == place(2, 9, 20)
    assert document.values["/models/a"] == place(4, 13, 21)
