"""`router test`: does the configuration do what its tests say? Offline, in seconds, without a secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import click

from router.cli.exits import NO_TEST, NOT_FINE
from router.cli.options import STDIN, Options, common, config_paths, options_of
from router.cli.output import Report, read_sources, write, write_json
from router.config.diagnostics import ConfigError
from router.config.load import texts
from router.rehearsal import Rehearsal, Result, beside, examine, rehearsal, run_tests
from router.rehearsal.render import annotated, document, lines, short_lines, total

WIDEST = 60
"""Columns of a name after which results no longer stand in a column."""

EPILOG = """\b
What a test says:
  given    the request: model, headers, key, stream; repeat, or load {rate, for}: a drill
  world    what is the matter: PROVIDER or PROVIDER/MODEL: {down, off, status, latency, from, to}
  expect   what has to come of it: target, attempts, status, errors, p99_added, ...

Files named *.router-test.yaml beside the configuration are read, too.

\b
Examples:
  router test
  router test -k outage                  only tests with that in their name
  router test --format json | jq .failed

\b
Exit codes:
  0  all passed   1  one failed, or the configuration is wrong   7  no test ran
"""


@common
@click.command(epilog=EPILOG)
@click.option("-k", "word", metavar="WORD", help="Only tests whose name has WORD in it, in any case.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other chances.")
@click.pass_context
def test(ctx: click.Context, word: str | None, seed: int) -> None:
    """Run the tests of the configuration: the real decisions and retries, on a clock of their own, against providers that do
    what the test says. Nothing is sent anywhere; optional providers count as on."""
    options = options_of(ctx)
    played, code = _read(options)
    names = [scene.name for scene in played.scenes if word is None or word.lower() in scene.name.lower()]
    if not names:
        _say_none(played, word)
        ctx.exit(NO_TEST)
    results = _run(played, names, seed, options)
    ctx.exit(code if all(result.passed for result in results) else NOT_FINE)


def _read(options: Options) -> tuple[Rehearsal, int]:
    """What there is to play, and the exit code when all passes. Ends the command where the configuration is wrong."""
    paths = config_paths(options)
    sources = read_sources(paths)
    tests = read_sources(beside([path for path in paths if path != STDIN]))
    checked, found = examine(sources, tests)
    said = dict(texts([*sources, *tests]))
    if not any(each.severity == "error" for each in found):
        try:
            played = rehearsal(checked, datetime.now(UTC))
        except ConfigError as error:
            found = error.diagnostics
        else:
            if found:  # Warnings: beside the results, not in their place.
                Report(replace(options, format="text", output=None)).show(found, checked.files, checked.levels, said)
            return played, Report(options).exit_code(found)
    Report(options).show(found, checked.files, checked.levels, said)
    raise click.exceptions.Exit(NOT_FINE)


def _run(played: Rehearsal, names: list[str], seed: int, options: Options) -> list[Result]:
    """Plays them and says what came of it; at a terminal each as soon as it is there."""
    shape = options.shape(os.environ)
    results: list[Result] = []
    said: list[str] = []
    show = _lines_of(names, options)
    for result in run_tests(played, names, seed):
        results.append(result)
        said += [f"{line}\n" for line in show(result)]
        if shape == "text" and options.output is None:
            click.echo("".join(said), nl=False, color=_colored(options))
            said.clear()
    if not options.quiet:
        said.append(f"\n{total(results)}\n")
    match shape:
        case "json":
            write_json(document(results, seed), options)
        case "github":
            write(annotated(results), options)
        case "text":
            write("".join(said), options)
    return results


def _lines_of(names: list[str], options: Options) -> Callable[[Result], Iterable[str]]:
    if options.quiet:
        return short_lines
    paint = partial(_painted, _colored(options))
    return partial(lines, width=min(max(map(len, names)), WIDEST), paint=paint, verbose=options.verbose)


def _painted(colored: bool, text: str, colour: str) -> str:
    return click.style(text, fg=colour) if colored else text


def _colored(options: Options) -> bool:
    return options.colored(os.environ, terminal=sys.stdout.isatty() and options.output is None)


def _say_none(played: Rehearsal, word: str | None) -> None:
    if not played.scenes:
        click.echo("no test ran: the configuration has no `tests`, and no *.router-test.yaml file is beside it", err=True)
        return
    known = ", ".join(repr(scene.name) for scene in played.scenes)
    click.echo(f"no test ran: none of them has {word!r} in its name; there are {known}", err=True)
