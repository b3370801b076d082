"""`router test`: what goes where, and what the exit code says."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from router.cli import main

CONFIG = """\
version: 1
providers:
  groq: {type: groq, api_key: "${env:GROQ_API_KEY}", optional: true, price: {input: 0.5, output: 1}}
  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}", price: {input: 1, output: 4}}
models: {fast: {targets: [groq/llama, {target: openai/gpt, tier: 2}]}}
"""
PASSES = """\
  - name: groq answers
    given: {model: fast}
    expect: {target: groq/llama, attempts: 1}
  - name: Groq is down
    given: {model: fast}
    world: {groq: {down: true}}
    expect: {target: openai/gpt}
"""
FAILS = """\
  - name: groq is never down
    given: {model: fast}
    world: {groq: {down: true}}
    expect: {attempts: 1, target: groq/llama}
"""
DRILL = """\
  - name: a drill
    given: {model: fast, load: {rate: 10/1s, for: 20s}}
    world: {groq: {status: 429, from: 5s, to: 10s}}
    expect: {errors: 0}
"""


class Ended(NamedTuple):
    code: object
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs `router test` in an empty directory, in an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROUTER_CONFIG", "GITHUB_ACTIONS", "NO_COLOR", "GROQ_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main(("test", *arguments))
        out, err = capfdbinary.readouterr()
        return Ended(ended.value.code, out.decode(), err.decode())

    return run


def write(tests: str = "", name: str = "router.yaml", config: str = CONFIG) -> str:
    Path(name).write_text(config + (f"tests:\n{tests}" if tests else ""), encoding="utf-8")
    return name


def test_tests_that_pass(run: Run) -> None:
    write(PASSES + DRILL.replace("groq: {status: 429, from: 5s, to: 10s}", ""))
    assert run() == Ended(
        0,
        "ok    groq answers  groq/llama ok, 1 attempt\n"
        "ok    Groq is down  openai/gpt ok, 3 attempts\n"
        "ok    a drill       200 requests, 0 errors; 1 attempt per request, p99 +0s, $0.12\n"
        "\n3 tests: 3 passed, 0 failed\n",
        "",
    )


def test_a_test_that_fails_says_what_where_and_why(run: Run) -> None:
    write(PASSES + FAILS)
    assert run() == Ended(
        1,
        "ok    groq answers        groq/llama ok, 1 attempt\n"
        "ok    Groq is down        openai/gpt ok, 3 attempts\n"
        "FAIL  groq is never down  openai/gpt ok, 3 attempts\n"
        "      attempts: expected 1, got 3  router.yaml:17:14\n"
        "      target: expected groq/llama, got openai/gpt  router.yaml:17:27\n"
        "      attempts: groq/llama connect (2 times), openai/gpt ok 200\n"
        "\n3 tests: 2 passed, 1 failed\n",
        "",
    )
    assert run("-q") == Ended(
        1,
        "router.yaml:17:14: groq is never down: attempts: expected 1, got 3\n"
        "router.yaml:17:27: groq is never down: target: expected groq/llama, got openai/gpt\n",
        "",
    )


def test_the_document_for_machines(run: Run) -> None:
    write(FAILS + DRILL)
    ended = run("--format", "json", "--seed", "7")
    assert (ended.code, ended.err) == (1, "")
    single, drill = json.loads(ended.out)["tests"]
    assert {key: value for key, value in json.loads(ended.out).items() if key != "tests"} == {"passed": 1, "failed": 1, "seed": 7}
    assert single == {
        "name": "groq is never down",
        "passed": False,
        "place": {"file": "router.yaml", "line": 7, "column": 11},
        "expected": {"attempts": 1, "target": "groq/llama"},
        "got": {
            "target": "openai/gpt",
            "targets": ["groq/llama", "openai/gpt"],
            "attempts": 3,
            "status": 200,
            "code": None,
            "cost_usd": 0.001401,
        },
        "broken": ["attempts", "target"],
        "attempts": [
            {"target": "groq/llama", "outcome": "connect", "status": None, "times": 2},
            {"target": "openai/gpt", "outcome": "ok", "status": 200, "times": 1},
        ],
        "message": None,
    }
    assert (drill["name"], drill["passed"], set(drill["got"])) == (
        "a drill",
        True,
        {"requests", "errors", "p99_added", "attempts_per_request", "cost_usd"},
    )


def test_annotations_of_a_pull_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(FAILS.replace("never down", "never 100% down, is it"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    title = "groq is never 100%25 down%2C is it"
    assert run() == Ended(
        1,
        f"::error file=router.yaml,line=10,col=14,title={title}::attempts: expected 1, got 3\n"
        f"::error file=router.yaml,line=10,col=27,title={title}::target: expected groq/llama, got openai/gpt\n"
        "1 test: 0 passed, 1 failed\n",
        "",
    )


def test_a_word_chooses_tests_by_their_names(run: Run) -> None:
    write(PASSES + FAILS)
    assert [test["name"] for test in json.loads(run("-k", "DOWN", "--format", "json").out)["tests"]] == [
        "Groq is down",
        "groq is never down",
    ]
    assert run("-k", "answers").code == 0


def test_no_test_is_no_pass(run: Run) -> None:
    write()
    assert run() == Ended(7, "", "no test ran: the configuration has no `tests`, and no *.router-test.yaml file is beside it\n")
    write(PASSES)
    ended = run("-k", "nothing like it")
    assert (ended.code, ended.out) == (7, "")
    assert "'groq answers', 'Groq is down'" in ended.err


def test_files_of_tests_beside_the_configuration_are_read(run: Run) -> None:
    Path("conf").mkdir()
    write(name="conf/router.yaml")
    write(PASSES, "conf/a.router-test.yaml", config="")
    write(FAILS, "conf/b.router-test.yaml", config="version: 1\nx-note: kept apart\n")
    write(FAILS, "conf/other.yaml", config="")
    ended = run("-c", "conf/router.yaml", "-q")
    assert (ended.code, ended.out.splitlines()) == (
        1,
        [
            "conf/b.router-test.yaml:7:14: groq is never down: attempts: expected 1, got 3",
            "conf/b.router-test.yaml:7:27: groq is never down: target: expected groq/llama, got openai/gpt",
        ],
    )
    with_its_own = write(DRILL, name="conf/router.yaml")
    assert len(json.loads(run("-c", with_its_own, "--format", "json").out)["tests"]) == 4


def test_a_file_of_tests_changes_nothing(run: Run) -> None:
    write()
    write(PASSES, "a.router-test.yaml", config="models: {fast: {targets: [openai/gpt]}}\n")
    ended = run()
    assert (ended.code, ended.out) == (1, "")
    assert "error[RC101]: `models` has no place in a file of tests" in ended.err
    assert "a.router-test.yaml:1:1" in ended.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG.replace("targets", "tragets"), "did you mean `targets`?"),
        (CONFIG + "tests:\n" + PASSES.replace("groq: {down", "grog: {down"), "did you mean `groq`?"),
        (CONFIG + "tests:\n" + PASSES + PASSES, "two tests are named `groq answers`"),
        (CONFIG.replace("${env:GROQ_API_KEY}", "${env:KEY:-a b}") + "tests:\n" + PASSES, "RC602"),
    ],
)
def test_a_wrong_configuration_is_said_as_validate_says_it(run: Run, text: str, said: str) -> None:
    Path("router.yaml").write_text(text, encoding="utf-8")
    ended = run()
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    as_json: dict[str, Any] = json.loads(run("--format", "json").out)
    assert as_json["errors"] >= 1


def test_warnings_stand_beside_the_results(run: Run) -> None:
    write(PASSES, config=CONFIG.replace("[groq/llama,", "[groq/llama, groq/llama,"))
    lenient, strict = run(), run("--strict")
    assert (lenient.code, strict.code) == (0, 3)
    assert "2 tests: 2 passed, 0 failed" in lenient.out
    assert "1 warning" in lenient.err


def test_what_cannot_be_read_is_4(run: Run) -> None:
    assert run().code == 4
    assert run("-c", "missing.yaml").code == 4


def test_standard_input_is_a_file(run: Run) -> None:
    write(FAILS, "a.router-test.yaml", config="")  # Beside no file: not read.
    assert run("-c", "-", stdin=f"{CONFIG}tests:\n{PASSES}").code == 0


def test_an_output_file_takes_the_answer(run: Run) -> None:
    write(FAILS)
    printed = run("-v").out
    assert run("-v", "-o", "report.txt") == Ended(1, "", "")
    assert Path("report.txt").read_text(encoding="utf-8") == printed
    assert run("-o", "report.json", "--format", "json") == Ended(1, "", "")
    assert json.loads(Path("report.json").read_bytes())["failed"] == 1


def test_colours_are_for_terminals(run: Run) -> None:
    write(PASSES + FAILS)
    assert "\x1b[" not in run().out
    coloured = run("--color", "always").out
    assert "\x1b[32mok  \x1b[0m  groq answers" in coloured
    assert "\x1b[31mFAIL\x1b[0m" in coloured


def test_the_same_seed_the_same_output(run: Run) -> None:
    write(DRILL)
    assert run("--seed", "3") == run("--seed", "3")
