"""The command line as people and CI use it: what goes where, and what the exit code says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from router import __version__
from router.cli import COMMANDS, main
from router.cli.options import Options
from router.config.codes import CATALOGUE
from router.config.schema import render

GOOD = """\
version: 1
providers: {sandbox: {type: sandbox}}
models: {fast: {targets: [sandbox/any]}}
"""
WARNS = GOOD.replace("[sandbox/any]", "[sandbox/any, sandbox/any]")
BAD = GOOD.replace("targets", "tragets")
SECRET = GOOD.replace("{type: sandbox}", '{type: groq, api_key: "${env:ROUTER_TEST_KEY}"}')


class Result(NamedTuple):
    code: object
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command line in an empty directory, in an environment that says nothing to it."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROUTER_CONFIG", "GITHUB_ACTIONS", "NO_COLOR", "ROUTER_TEST_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfdbinary.readouterr()
        return Result(ended.value.code, out.decode(), err.decode())

    return run


def write(text: str, name: str = "router.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("text", "flags", "code"),
    [
        (GOOD, [], 0),
        (GOOD, ["--strict"], 0),
        (WARNS, [], 0),
        (WARNS, ["--strict"], 3),
        (BAD, [], 1),
        (BAD, ["--strict"], 1),
        ("", [], 1),
    ],
)
def test_the_exit_code_tells_what_was_found(run: Run, text: str, flags: list[str], code: int) -> None:
    write(text)
    assert run("validate", *flags).code == code


def test_people_read_standard_error_and_machines_standard_output(run: Run) -> None:
    write(BAD)
    text = run("validate")
    assert text.out == ""
    assert "did you mean `targets`?" in text.err
    assert text.err.endswith(
        "1 error in router.yaml (levels done: syntax, schema, refs, policy). 1 can be fixed: router validate --fix\n"
    )
    as_json = run("validate", "--format", "json")
    assert as_json.err == ""
    assert {key: value for key, value in json.loads(as_json.out).items() if key != "diagnostics"} == {
        "files": ["router.yaml"],
        "levels": ["syntax", "schema", "refs", "policy"],
        "errors": 1,
        "warnings": 0,
    }
    assert run("validate", "-q") == Result(1, "", "router.yaml:3:17: error RC101 unknown key `tragets` in `models.fast`\n")


@pytest.mark.parametrize(
    "line",
    [
        ["--format", "json", "-c", "other.yaml", "validate"],
        ["validate", "-c", "other.yaml", "--format", "json"],
        ["-c", "other.yaml", "validate", "--format=json"],
        ["--format", "text", "validate", "--format", "json", "--config", "other.yaml"],
    ],
)
def test_options_stand_before_or_after_the_command(run: Run, line: list[str]) -> None:
    write(GOOD, "other.yaml")
    result = run(*line)
    assert (result.code, json.loads(result.out)["files"]) == (0, ["other.yaml"])


def test_files_overlay_in_the_order_they_are_named_wherever(run: Run) -> None:
    write(GOOD, "a.yaml")
    write("models: {fast: {targets: [nobody/x]}}\n", "b.yaml")
    assert run("-c", "a.yaml", "validate", "-c", "b.yaml", "-q").err == "b.yaml:1:27: error RC201 no provider is named `nobody`\n"
    assert run("-c", "b.yaml", "validate", "-c", "a.yaml", "-q").code == 0


def test_the_configuration_is_looked_for_where_the_help_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = run("validate")
    assert nothing.code == 4
    assert "looked for $ROUTER_CONFIG, ./router.yaml, /etc/router/router.yaml" in nothing.err
    write(BAD)
    monkeypatch.setenv("ROUTER_CONFIG", write(GOOD, "other.yaml"))
    assert run("validate").code == 0
    assert run("validate", "-c", "router.yaml").code == 1


def test_default_places_are_tried_in_order() -> None:
    both = {"router.yaml", "/etc/router/router.yaml"}
    assert Options().paths({}, both.__contains__) == ["router.yaml"]
    assert Options().paths({}, lambda path: path.startswith("/etc")) == ["/etc/router/router.yaml"]
    assert Options().paths({}, lambda path: False) == []


def test_standard_input_is_a_file(run: Run) -> None:
    result = run("-c", "-", "validate", "-q", stdin=BAD.encode())
    assert result.err == "<stdin>:3:17: error RC101 unknown key `tragets` in `models.fast`\n"
    assert run("-c", "-", "-c", "-", "validate").code == 2
    assert run("-c", "-", "validate", "--fix", stdin=BAD.encode()).code == 2


def test_what_cannot_be_checked_is_neither_fine_nor_wrong(run: Run) -> None:
    assert run("validate", "-c", "missing.yaml") == Result(
        4, "", "Error: missing.yaml cannot be read: No such file or directory\n"
    )
    Path("folder").mkdir()
    assert run("validate", "-c", "folder").code == 4
    assert run("validate", "-c", write(GOOD), "-o", "no/such/folder", "--format", "json").code == 4


@pytest.mark.parametrize(
    "line",
    [
        ["valdate"],
        ["validate", "--levle", "env"],
        ["validate", "--level", "live"],
        ["validate", "--at", "soon"],
        ["validate", "--format", "sarif"],
        ["validate", "--max-errors", "0"],
        ["validate", "-q", "-v"],
        ["-q", "validate", "-v"],
        ["validate", "extra"],
        ["explain", "RC999"],
    ],
)
def test_a_wrong_command_line_is_2(run: Run, line: list[str]) -> None:
    write(GOOD)
    result = run(*line)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: router")


def test_a_misspelt_command_gets_a_suggestion(run: Run) -> None:
    assert "did you mean validate?" in run("valdate").err


def test_github_chooses_itself_in_an_actions_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(BAD)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run("validate")
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("::error file=router.yaml,line=3,col=17,endLine=3,title=RC101::unknown key `tragets`")
    assert run("validate", "--format", "text").out == ""
    assert run("validate", "-q").out == ""


def test_an_output_file_takes_the_answer_whatever_its_form(run: Run) -> None:
    write(BAD)
    assert run("validate", "--format", "json", "-o", "report.json") == Result(1, "", "")
    assert json.loads(Path("report.json").read_bytes())["errors"] == 1
    assert run("validate", "-o", "report.txt", "--color", "auto") == Result(1, "", "")
    assert Path("report.txt").read_text(encoding="utf-8").startswith("error[RC101]: unknown key `tragets`")
    assert run("-o", "schema.json", "schema").code == 0
    assert Path("schema.json").read_text(encoding="utf-8") == render()


@pytest.mark.parametrize(
    ("flag", "environ", "terminal", "colored"),
    [
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_for_terminals(flag: str, environ: dict[str, str], terminal: bool, colored: bool) -> None:
    options = Options()
    options.color = "always" if flag == "always" else "never" if flag == "never" else "auto"
    assert options.colored(environ, terminal=terminal) is colored


def test_colour_reaches_the_terminal_when_asked_for(run: Run) -> None:
    write(BAD)
    assert "\x1b[1;31merror[RC101]" in run("validate", "--color", "always").err
    assert "\x1b" not in run("validate").err


def test_levels_limit_what_is_looked_at(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(SECRET.replace("sandbox/any", "nobody/any"))
    assert run("validate", "--level", "schema").code == 0
    assert run("validate", "--level", "refs").code == 1
    write(SECRET)
    assert run("validate").code == 0
    assert "ROUTER_TEST_KEY is not set" in run("validate", "--level", "env").err
    monkeypatch.setenv("ROUTER_TEST_KEY", "k")
    assert run("validate", "--level", "env").code == 0


def test_at_is_the_day_allowances_are_judged_by(run: Run) -> None:
    write(WARNS.rstrip() + "  # router: allow RC212 reason='test' until=2030-01-01\n")
    assert run("validate", "--strict", "--at", "2030-01-01").code == 0
    assert run("validate", "--strict", "--at", "2030-01-02").code == 3


def test_max_errors_shows_fewer_and_counts_all(run: Run) -> None:
    write(BAD + "one: 1\ntwo: 2\nthree: 3\n")
    result = run("validate", "--max-errors", "1")
    assert result.err.count("error[") == 1
    assert "\n4 errors in router.yaml" in result.err
    assert run("validate", "--max-errors", "2", "-q").err.count("\n") == 2


def test_verbose_explains(run: Run) -> None:
    write(BAD)
    assert "A key that is not understood is never passed over" in run("validate", "-v").err


def test_fix_edits_the_file_and_leaves_what_needs_a_person(run: Run) -> None:
    write(
        "version:1\nproviders: {sandbox: {tpye: sandbox, first_token: 2sec}}\n"
        "models: {fast: {tragets: [sandbox/any], visible: NO}}\n"
    )
    Path("router.yaml").chmod(0o640)
    Path("link.yaml").symlink_to("router.yaml")
    result = run("validate", "-c", "link.yaml", "--fix", "-q")
    assert result == Result(1, "", "link.yaml: fixed\nlink.yaml:3:50: error RC111 `NO` has two meanings\n")
    assert Path("link.yaml").is_symlink()
    assert Path("router.yaml").stat().st_mode & 0o777 == 0o640
    assert Path("router.yaml").read_text(encoding="utf-8") == (
        "version: 1\nproviders: {sandbox: {type: sandbox, first_token: 2s}}\n"
        "models: {fast: {targets: [sandbox/any], visible: NO}}\n"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["link.yaml", "router.yaml"]


def test_fix_leaves_a_good_file_alone(run: Run) -> None:
    write(GOOD)
    before = Path("router.yaml").stat()
    assert run("validate", "--fix", "-q") == Result(0, "", "")
    assert Path("router.yaml").stat() == before


def test_schema_prints_the_published_schema_and_checks_a_copy(run: Run) -> None:
    assert run("schema") == Result(0, render(), "")
    write(render(), "fresh.json")
    write(render().replace("router", "rooter"), "stale.json")
    assert run("schema", "--check", "fresh.json") == Result(0, "", "")
    assert run("schema", "--check", "stale.json").code == 1
    assert run("schema", "--check", "missing.json").code == 4


def test_explain_tells_what_a_code_means(run: Run) -> None:
    result = run("explain", "rc301")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("error[RC301]: a secret is written into the file\n\n")
    assert "# router: allow RC301" in result.out
    assert "# router: allow" not in run("explain", "RC101").out
    assert json.loads(run("explain", "RC101", "--format", "json").out)["title"] == "unknown key"
    assert [line.split()[0] for line in run("explain").out.splitlines()] == list(CATALOGUE)
    assert "did you mean RC101?" in run("explain", "RC1O1").err


def test_help_teaches(run: Run) -> None:
    for line in (["--help"], ["-h"], ["validate", "--help"], ["schema", "-h"], ["explain", "-h"]):
        result = run(*line)
        assert (result.code, result.err) == (0, "")
        assert "Examples:" in result.out
        assert "--format" in result.out
    assert all(name in run("--help").out and listed.summary in run("--help").out for name, listed in COMMANDS.items())


def test_no_command_is_help_and_a_wrong_command_line(run: Run) -> None:
    result = run()
    assert result.code == 2
    assert "Usage: router" in result.out + result.err


def test_a_bug_of_ours_is_neither_fine_nor_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError

    write(GOOD)
    monkeypatch.setattr("router.cli.validate.check", broken)
    assert run("validate").code == 4


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_the_version_is_told_without_loading_the_router() -> None:
    told = python("-X", "importtime", "-m", "router", "--version")
    assert (told.returncode, told.stdout) == (0, f"router {__version__}\n")
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in loaded
    assert (
        loaded & {"aiohttp", "pydantic", "jsonschema", "yaml", "rich", "orjson", "genai_prices", "router.config.check"} == set()
    )


def test_a_hang_up_is_ignored_before_anything_else_is_imported() -> None:
    script = (
        "import os, signal, sys\n"
        "class Hangup:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'router.cli':\n"
        "            os.kill(os.getpid(), signal.SIGHUP)\n"
        "sys.meta_path.insert(0, Hangup())\n"
        "sys.argv = ['router', '--version']\n"
        "from router.__main__ import main\n"
        "main()\n"
    )
    told = python("-c", script)
    assert (told.returncode, told.stdout) == (0, f"router {__version__}\n")


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    told = python(
        "-c",
        "import subprocess, sys\n"
        "writer = subprocess.Popen([sys.executable, '-m', 'router', 'schema'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "writer.stdout.close()\n"
        "errors = writer.stderr.read()\n"
        "print(writer.wait(), errors)\n",
    )
    assert told.stdout == "0 b''\n"
