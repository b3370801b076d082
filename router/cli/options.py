"""Options that every command takes, before or after its name: what to read, how to answer, and where."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource

Format = Literal["text", "json", "github"]
STDIN = "-"
DEFAULTS = ("router.yaml", "/etc/router/router.yaml")
"""Where a configuration is looked for when neither `-c` nor $ROUTER_CONFIG names one."""


@dataclass(slots=True)
class Options:
    """What was said, before and after the command together; after wins, and `-c` adds."""

    config: list[str] = field(default_factory=list)
    format: Format | None = None
    output: str | None = None
    strict: bool = False
    color: Literal["auto", "always", "never"] = "auto"
    quiet: bool = False
    verbose: bool = False

    def paths(self, environ: Mapping[str, str], exists: Callable[[str], bool]) -> list[str]:
        """The configuration files, in the order they overlay one another; empty when there is none."""
        if self.config:
            return self.config
        if named := environ.get("ROUTER_CONFIG"):
            return [named]
        return [path for path in DEFAULTS if exists(path)][:1]

    def shape(self, environ: Mapping[str, str]) -> Format:
        """How to answer: as asked; in a GitHub Actions run as annotations."""
        if self.format is not None:
            return self.format
        return "github" if environ.get("GITHUB_ACTIONS") == "true" and not self.quiet else "text"

    def colored(self, environ: Mapping[str, str], *, terminal: bool) -> bool:
        """https://no-color.org"""
        if self.color != "auto":
            return self.color == "always"
        return terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def options_of(ctx: click.Context) -> Options:
    """What was said on this command line."""
    found = ctx.find_root().ensure_object(Options)
    assert isinstance(found, Options)
    return found


def config_paths(options: Options) -> list[str]:
    """The files to read. Raises a usage error that says where was looked when there is none."""
    paths = options.paths(os.environ, lambda path: Path(path).is_file())
    if not paths:
        looked = ", ".join(["$ROUTER_CONFIG", *(f"./{path}" if not path.startswith("/") else path for path in DEFAULTS)])
        raise NoConfig(f"there is no configuration: looked for {looked}; name one with -c FILE")
    if paths.count(STDIN) > 1:
        raise click.UsageError("standard input can be read only once")
    return paths


class NoConfig(click.ClickException):
    exit_code = 4


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Writes what was really said into the options of the whole line."""
    assert param.name is not None
    if ctx.get_parameter_source(param.name) is not ParameterSource.COMMANDLINE:
        return
    options = options_of(ctx)
    if param.name == "config":
        options.config += value
    else:
        setattr(options, param.name, value)
    if options.quiet and options.verbose:
        raise click.UsageError("-q and -v contradict each other")


def _options() -> Sequence[click.Option]:
    kept: dict[str, Any] = {"callback": _keep, "expose_value": False}
    return (
        click.Option(
            ["-c", "--config"],
            multiple=True,
            metavar="FILE",
            help="A configuration file; later ones overlay earlier ones; - is standard input. "
            "[default: $ROUTER_CONFIG, ./router.yaml, /etc/router/router.yaml]",
            **kept,
        ),
        click.Option(
            ["--format"],
            type=click.Choice(["text", "json", "github"]),
            help="How to answer. [default: text; github in a GitHub Actions run]",
            **kept,
        ),
        click.Option(["-o", "--output"], metavar="FILE", help="Write the answer there instead of to the terminal.", **kept),
        click.Option(["--strict"], is_flag=True, help="Warnings are not fine either: exit 3.", **kept),
        click.Option(["--color"], type=click.Choice(["auto", "always", "never"]), help="[default: auto]", **kept),
        click.Option(["-q", "--quiet"], is_flag=True, help="One line for each finding, and nothing else.", **kept),
        click.Option(["-v", "--verbose"], is_flag=True, help="Explain each finding at length.", **kept),
    )


OPTIONS = _options()

C = TypeVar("C", bound=click.Command)


def common(command: C) -> C:
    """Lets a command take the options after its name, too. Stands above `@click.command`."""
    command.params.extend(OPTIONS)
    return command
