"""Everything that can be said about a configuration before it is used. CLI, CI, daemon and admin port all ask here.

Pure: texts, environment, files and the day are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from router.config.allow import apply_allows
from router.config.certificates import unusable
from router.config.checks import CHECKS
from router.config.codes import CATALOGUE
from router.config.compile import compile_config
from router.config.diagnostics import ConfigError, Diagnostic, Place, Position, Range
from router.config.explanation import LEVELS, Level
from router.config.load import Source, salvage, texts
from router.config.model import ConfigFile, read
from router.config.references import resolve
from router.config.respell import respell
from router.config.schema import check_shape
from router.config.secrets import mask
from router.config.tree import Document
from router.snapshot import Snapshot

MAX_ROUNDS = 5
"""How often misspelt keys are corrected to see what is below them: as deep as one can be misspelt inside another."""

_WORDS = frozenset(("RC111", "RC113", "RC126", "RC133"))
"""Findings about a single value: what the schema then says about the same value follows from them, and is left out."""

_OF_KEYS = frozenset(("RC101", "RC110"))
"""What the schema says about a key is another matter."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it."""

    files: tuple[str, ...]
    document: Document
    """As written, misspelt keys corrected; its references resolved where `file` is set. Empty when a file could not be read."""
    file: ConfigFile | None
    """What the document says: at level `env`, and only when there is no error."""
    snapshot: Snapshot | None
    """What it means, as generation 0 without a digest: there when `file` is. Compiling is a part of the check, for it finds what
    nothing else finds; whoever uses the file need not do it again: `dataclasses.replace(snapshot, generation=…, hash=…)`."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted: by file, then by place."""
    levels: tuple[Level, ...]
    """Those that were done. Fewer than asked for when a file could not be read."""

    @property
    def errors(self) -> int:
        return sum(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    @property
    def warnings(self) -> int:
        return len(self.diagnostics) - self.errors


def check(
    sources: Sequence[Source],
    *,
    level: Level = "policy",
    environ: Mapping[str, str] | None = None,
    read_file: Callable[[str], bytes] | None = None,
    today: date | None = None,
) -> Checked:
    """Checks the files as one configuration, later ones laid over earlier ones, up to and including `level`.

    Every problem of every level that can still be judged is reported. Level `env` needs `environ` and `read_file` (which takes
    the path of a `${file:…}`, gives bytes and raises OSError); a ValueError says so. `today` is the day on which allowances
    expire; without it none does.
    """
    files = tuple(source.name for source in sources)
    document, found = salvage(sources)
    if document is None:
        return Checked(files, _empty(sources), None, None, _sorted(found, files), ("syntax",))
    levels = LEVELS[: LEVELS.index(level) + 1]
    if "schema" in levels:
        document, shape = _shape(document)
        found += _new(shape, found)
    for step in ("refs", "policy"):
        if step in levels:
            found += _new((each for one in CHECKS if one.level == step for each in one.run(document)), found)
    usable = _Usable(document, None, None)
    if level == "env":
        if environ is None or read_file is None:
            raise ValueError("level env needs environ and read_file")
        usable, more = _environment(document, found, _Surroundings(environ, read_file, today))
        found += more
    found = apply_allows(found, document.sources, levels, today)
    if any(diagnostic.severity == "error" for diagnostic in found):
        usable = _Usable(document, None, None)
    return Checked(files, *usable, _sorted(found, files), levels)


def _shape(document: Document) -> tuple[Document, list[Diagnostic]]:
    """The document with its misspelt keys corrected, and what is wrong with its shape: the wrong letters, and what remains when
    they are right. A key that is missing because it is misspelt is no second mistake; what stands below it is looked at, too."""
    misspelt: list[Diagnostic] = []
    for _ in range(MAX_ROUNDS):
        found = check_shape(document)
        corrected = respell(document, found)
        if corrected is document:
            break
        misspelt += [each for each in found if each.code == "RC101"]
        document = corrected
    return document, _once([*misspelt, *found])


class _Surroundings(NamedTuple):
    environ: Mapping[str, str]
    read_file: Callable[[str], bytes]
    today: date | None


class _Usable(NamedTuple):
    document: Document
    file: ConfigFile | None
    snapshot: Snapshot | None


def _environment(written: Document, found: Sequence[Diagnostic], around: _Surroundings) -> tuple[_Usable, list[Diagnostic]]:
    """Resolves the references, and looks at what can only be judged then."""
    resolved, unresolved = resolve(written, around.environ, around.read_file)
    more = _new(unresolved, found)
    more += _new((each for one in CHECKS if one.resolved for each in one.run(resolved)), found)
    more += _new(unusable(resolved, resolved.off, around.read_file), [*found, *more])
    if any(diagnostic.severity == "error" and not CATALOGUE[diagnostic.code].allowable for diagnostic in (*found, *more)):
        return _Usable(written, None, None), more
    try:
        file = read(resolved)
        snapshot = compile_config(file, resolved, generation=0, digest="", at=around.today)
    except ConfigError as error:
        return _Usable(written, None, None), [*more, *_new(error.diagnostics, [*found, *more])]
    return _Usable(resolved, file, snapshot), more


def _new(more: Iterable[Diagnostic], before: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Those that say something that was not said yet."""
    said = {(diagnostic.code, diagnostic.pointer) for diagnostic in before}
    words = {diagnostic.pointer for diagnostic in before if diagnostic.code in _WORDS}
    return [
        diagnostic
        for diagnostic in more
        if (diagnostic.code, diagnostic.pointer) not in said
        and (diagnostic.code in _OF_KEYS or not _is_below(diagnostic.pointer, words))
    ]


def _is_below(pointer: str, words: set[str]) -> bool:
    while pointer and words:
        if pointer in words:
            return True
        pointer = pointer.rpartition("/")[0]
    return False


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What stands at an anchor is met again at every alias; it is one mistake."""
    kept: dict[tuple[str, Place, str], Diagnostic] = {}
    for diagnostic in found:
        # Two keys can be missing at one place.
        kept.setdefault((diagnostic.code, diagnostic.place, diagnostic.pointer.rpartition("/")[2]), diagnostic)
    return list(kept.values())


def _sorted(found: Iterable[Diagnostic], files: Sequence[str]) -> tuple[Diagnostic, ...]:
    """By place. What a message quotes may be a credential that stands where none should."""
    order = {name: number for number, name in enumerate(files)}
    clean = (replace(each, message=mask(each.message), label=mask(each.label)) for each in _once(found))
    return tuple(sorted(clean, key=lambda each: (order.get(each.place.file, len(order)), each.place.range, each.code)))


def _empty(sources: Sequence[Source]) -> Document:
    name = sources[0].name if sources else ""
    start = Position(1, 1)
    return Document({}, {"": Place(name, Range(start, start))}, {}, texts(sources))
