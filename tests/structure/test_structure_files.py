"""What is true of the repository as a whole: its locks, and what tracked files must not say."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.structure.source import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")

# Where packages come from and where somebody's files lie is a matter of the machine. The patterns are written so that they
# do not find themselves.
FOREIGN = [
    (
        re.compile(r"--(?:extra-)?index-ur[l]\s*[=\s]\s*\S|--find-link[s]\s*[=\s]\s*\S|UV_INDE[X]|PIP_INDE[X]"),
        "a package index is chosen",
    ),
    (re.compile(r"files\.pythonhoste[d]|registry\.npmj[s]|pypi\.org/simpl[e]|proxy\.golan[g]"), "a package registry's address"),
    (re.compile(r"(?<![\w.])/(?:wor[k]|roo[t]|User[s]|home/\w+)/"), "a path of somebody's machine"),
]
BINARY = {".png", ".gz", ".ico"}


def tracked() -> list[Path]:
    """Files of the repository; without git (an unpacked archive) there is nothing to tell them from what was made here."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file() and path.suffix not in BINARY]


def foreign(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from (f"{name}:{number}: {why}: {line.strip()[:100]}" for pattern, why in FOREIGN if pattern.search(line))


def pins(name: str) -> dict[str, str]:
    found = [PIN.match(line) for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def required(*groups: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    return [Requirement(line) for line in lines + [line for group in groups for line in project["dependency-groups"][group]]]


def unmet(requirements: list[Requirement], locked: dict[str, str]) -> list[str]:
    found = [(want, locked.get(canonicalize_name(want.name))) for want in requirements]
    return [str(want) for want, version in found if version is None or not want.specifier.contains(version, prereleases=True)]


def test_no_tracked_file_names_a_package_index_or_a_machine() -> None:
    found = [
        problem for path in tracked() for problem in foreign(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "pip install --index-ur" + "l https://packages.example/simple x",
        "PIP_INDE" + "X_URL=https://packages.example",
        "https://files.pythonhoste" + "d.org/packages/a/b/c.whl",
        '"resolved": "https://registry.npmj' + 's.org/a/-/a-1.0.0.tgz"',
        "see /roo" + "t/notes.txt",
        "cd '/home/so" + "mebody/src/router'",
    ],
)
def test_an_index_or_a_machine_is_found(text: str) -> None:
    assert list(foreign("a", f"first line\n{text}\n"))


def test_the_lock_meets_what_the_project_requires() -> None:
    assert unmet(required(), pins("requirements.lock")) == []
    assert unmet(required("build", "dev"), pins("requirements-dev.lock")) == []


def test_an_unmet_requirement_is_found() -> None:
    wanted = [Requirement("aiohttp>=3.14"), Requirement("PyYAML>=6"), Requirement("left-out")]
    assert unmet(wanted, {"aiohttp": "3.13.9", "pyyaml": "6.0.4"}) == ["aiohttp>=3.14", "left-out"]


def test_the_lock_for_tests_holds_everything_the_daemon_runs_with() -> None:
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash(name: str) -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / name).read_text(encoding="utf-8"))[1:]
    assert len(entries) == len(pins(name)) > 20
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
