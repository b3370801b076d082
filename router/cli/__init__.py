"""The command line: arguments in, exit code out. To add a command: one function in the module of its family, listed here."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

import click

from router import __version__
from router.cli.exits import CANNOT_CHECK, FINE, INTERRUPTED
from router.cli.options import OPTIONS
from router.config.similar import nearest


class Listed(NamedTuple):
    module: str
    """Where the click command stands, under its own name. Imported only when it is asked for: `router --version` must answer
    in a moment, and the daemon's imports take longer than that."""
    summary: str


COMMANDS: dict[str, Listed] = {
    "serve": Listed("router.cli.serve", "Run the daemon."),
    "validate": Listed("router.cli.validate", "Check the configuration, all of it at once."),
    "schema": Listed("router.cli.schema", "Print the JSON Schema of the configuration."),
    "test": Listed("router.cli.test", "Run the tests of the configuration, offline."),
    "reset": Listed("router.cli.reset", "Let a target be asked again, now."),
    "explain": Listed("router.cli.explain", "Tell what a finding means, and what to do."),
}

EPILOG = """\b
Examples:
  router validate                       check ./router.yaml
  router -c base.yaml -c prod.yaml validate --level env
  router explain RC101                  what a finding means
  router serve                          run on what ./router.yaml says

\b
Exit codes, the same for every command:
  0  fine                               3  only warnings, and --strict
  1  what was checked is not fine       4  it could not be checked
  2  wrong command line                 7  test: no test ran
                                       78  serve: the configuration was refused
"""


class _Commands(click.Group):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name].module), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no command is named {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in COMMANDS.items()])


@click.group(
    cls=_Commands,
    params=[*OPTIONS],
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, message="router %(version)s")
def cli() -> None:
    """One HTTP endpoint in front of many LLM providers. Everything it does is said in router.yaml.

    The options below may stand before or after the command.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line (that of the process, if None) and ends the process with its exit code."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    # Not cli.main(): it ends with 1 when whoever reads our output has seen enough, and 1 says that a configuration is wrong.
    try:
        with cli.make_context("router", arguments) as ctx:
            cli.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # `router explain | head`: the interpreter must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception:
        # The root of the process. A bug of ours says nothing about what was checked.
        logging.getLogger(__name__).exception("a bug of the router")
        return CANNOT_CHECK
    return FINE
