"""Where answers go: data to standard output or a file, what people read to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from router.cli.exits import FINE, NOT_FINE, ONLY_WARNINGS
from router.cli.options import STDIN, Options
from router.config.diagnostics import Diagnostic
from router.config.load import Source
from router.config.render import WIDTH, TextStyle, github, json_document, one_line, text
from router.types import Json

STDIN_NAME = "<stdin>"


class Unreadable(click.ClickException):
    exit_code = 4


def read_sources(paths: Sequence[str]) -> list[Source]:
    """The files as they are now. Raises `Unreadable` (exit 4)."""
    return [_read(path) for path in paths]


def _read(path: str) -> Source:
    if path == STDIN:
        return Source(STDIN_NAME, sys.stdin.buffer.read())
    try:
        return Source(path, Path(path).read_bytes())
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from error


def write(data: str | bytes, options: Options) -> None:
    """Data: to `-o`, else to standard output; always UTF-8. Raises `Unreadable` when the file cannot be written."""
    raw = data.encode() if isinstance(data, str) else data
    if options.output is None:
        click.echo(raw, nl=False)
        return
    try:
        Path(options.output).write_bytes(raw)
    except OSError as error:
        raise Unreadable(f"{options.output} cannot be written: {error.strerror or error}") from error


def write_json(value: Json, options: Options) -> None:
    write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), options)


class Report:
    """Findings, in whichever form was asked for."""

    def __init__(self, options: Options, *, most: int | None = None) -> None:
        self._options = options
        self._most = most

    def show(self, found: Sequence[Diagnostic], files: Sequence[str], levels: Sequence[str], sources: dict[str, str]) -> None:
        """Text goes to standard error, what machines read to standard output; `-o FILE` takes either."""
        options = self._options
        shape = options.shape(os.environ)
        if shape == "json":
            write_json(json_document(found, files, levels), options)
        elif shape == "github":
            write(github(found, files, levels), options)
        elif options.quiet:
            self._to_people("".join(f"{one_line(diagnostic)}\n" for diagnostic in found[: self._most]))
        else:
            self._to_people(text(found, files, levels, sources, self._style()))

    def exit_code(self, found: Sequence[Diagnostic]) -> int:
        if any(diagnostic.severity == "error" for diagnostic in found):
            return NOT_FINE
        return ONLY_WARNINGS if found and self._options.strict else FINE

    def _to_people(self, said: str) -> None:
        if self._options.output is not None:
            write(said, self._options)
        else:
            click.echo(said, err=True, nl=False, color=self._style().color)

    def _style(self) -> TextStyle:
        terminal = sys.stderr.isatty() and self._options.output is None
        width = shutil.get_terminal_size((WIDTH, 24)).columns if terminal else WIDTH
        color = self._options.colored(os.environ, terminal=terminal)
        return TextStyle(color=color, verbose=self._options.verbose, width=max(width, 40), most=self._most)
