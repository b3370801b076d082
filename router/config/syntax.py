"""What a YAML syntax error means to the person who wrote the file. libyaml says where it stopped; the mistake is often before."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import yaml

from router.config.diagnostics import Diagnostic, Edit, Place, Position, Related, Suggestion, span
from router.config.scalars import quote
from router.config.words import Written, blank, unspaced

_RESERVED = {
    "*": "repeats an anchor in YAML",
    "&": "names an anchor in YAML",
    "!": "begins a tag in YAML",
    "%": "begins a directive in YAML",
    "@": "is reserved by YAML",
    "`": "is reserved by YAML",
    ">": "begins a folded text in YAML",
    "|": "begins a text of several lines in YAML",
}
_REST = re.compile(r".+?(?=\s*$|\s+#|:\s|:$)")
_TOKEN = re.compile(r"[^\s,{}\[\]]+")
_WORD_BEFORE = re.compile(r"[^\s,{}\[\]\"']+\Z")
_BRACED = (
    re.compile(r"(?:\$\{[^}\n]*\}|[^\s,{}\[\]])+"),
    re.compile(r"[^\s,{}\[\]]+(?:\{[^}\n]*\}?|\[[^\]\n]*\]?)"),
)
"""A text with references in it, and one with any other braces."""
_BEGINNINGS = tuple(
    f"while {what}"
    for what in (
        "scanning an alias",
        "scanning an anchor",
        "scanning a tag",
        "parsing a tag",
        "scanning a directive",
        "scanning a block scalar",
    )
)
_BLOCK_END = ("did not find expected key", "did not find expected '-' indicator", "did not find expected <document start>")


class Scene(NamedTuple):
    """Where reading stopped. Positions count from 0, as libyaml's do."""

    file: Written
    context: str
    opened: Position
    """Where the thing began that could not be finished."""
    problem: str
    stop: Position
    last: yaml.ScalarEvent | None
    """The scalar before."""

    @property
    def line(self) -> str:
        return self.file.lines[self.stop.line]

    @property
    def char(self) -> str:
        return self.line[self.stop.column : self.stop.column + 1]

    def spot(self, at: Position, length: int = 1) -> Place:
        return span(self.file.name, at.line + 1, at.column + 1, at.column + 1 + length)


def explain(file: Written, error: yaml.MarkedYAMLError, last: yaml.ScalarEvent | None) -> Diagnostic:
    """The finding for an error of libyaml: handwritten where the mistake is a known one, else libyaml's own words."""
    stop = Position(0, 0) if error.problem_mark is None else file.spot(error.problem_mark)
    opened = stop if error.context_mark is None else file.spot(error.context_mark)
    scene = Scene(file, error.context or "", opened, error.problem or "not YAML", stop, last)
    for known in _KNOWN:
        if found := known(scene):
            return found
    context = f" {scene.context}" if scene.context else ""
    return Diagnostic("RC120", "error", f"this is not YAML: {scene.problem}{context}", "", scene.spot(stop))


def _depth(scene: Scene) -> Diagnostic | None:
    if "nesting depth" not in scene.problem:
        return None
    return Diagnostic("RC137", "error", "too many brackets are nested here", "", scene.spot(scene.stop))


def _tab(scene: Scene) -> Diagnostic | None:
    indent = scene.line[: len(scene.line) - len(scene.line.lstrip())]
    if "\t" not in indent or scene.stop.column > len(indent) or "quoted scalar" in scene.context:
        return None
    place = scene.spot(Position(scene.stop.line, 0), len(indent))
    fix = Suggestion("indent with spaces", (Edit(place.range, indent.expandtabs(2)),))
    return Diagnostic(
        "RC124", "error", "a tab is used to indent; YAML takes only spaces", "", place, label="a tab", suggestions=(fix,)
    )


def _blank(scene: Scene) -> Diagnostic | None:
    """A no-break space on the line itself, or where the text began that goes on to here."""
    lines = [(scene.stop.line, scene.stop.column + 1), (scene.opened.line, len(scene.file.lines[scene.opened.line]))]
    if scene.last is not None and not scene.last.style:
        first = scene.file.spot(scene.last.start_mark).line
        lines.insert(0, (first, len(scene.file.lines[first])))
    found = (blank(scene.file, line, 0, end) for line, end in lines)
    return next(filter(None, found), None)


def _reserved(scene: Scene) -> Diagnostic | None:
    if scene.context.startswith(_BEGINNINGS):
        at = scene.opened
    elif "cannot start any token" in scene.problem:
        at = scene.stop
    else:
        return None
    rest = scene.file.lines[at.line][at.column :]
    if rest[:1] not in _RESERVED:
        return None
    before = scene.file.lines[at.line][: at.column]
    inside = before.count("{") + before.count("[") > before.count("}") + before.count("]")
    match = (_TOKEN if inside else _REST).match(rest)
    text = match[0] if match else rest[0]
    place = scene.spot(at, len(text))
    fix = Suggestion(f"for the text write {quote(text)}", (Edit(place.range, quote(text)),))
    message = f"`{text}` needs quotes"
    return Diagnostic("RC128", "error", message, "", place, label=f"`{rest[0]}` {_RESERVED[rest[0]]}", suggestions=(fix,))


def _unclosed_quote(scene: Scene) -> Diagnostic | None:
    if scene.context != "while scanning a quoted scalar":
        return None
    return _quote(scene, scene.opened, "never closed")


def _quote_closed_elsewhere(scene: Scene) -> Diagnostic | None:
    """`a: "x` is closed by the next quote of the file, and what follows that one fits nowhere."""
    last = scene.last
    if last is None or last.style not in {"'", '"'} or "did not find expected" not in scene.problem:
        return None
    start, end = scene.file.spot(last.start_mark), scene.file.spot(last.end_mark)
    between = scene.file.lines[end.line][end.column : scene.stop.column] if end.line == scene.stop.line else ""
    if end.line != scene.stop.line or between.strip():
        return None
    if start.line != end.line:
        return _quote(scene, start, f"closed only by the quote in line {end.line + 1}")
    message = f"the text in quotes ends before `{scene.line[scene.stop.column :].strip()}`"
    written = scene.line[start.column :].rstrip()
    inner = written.strip(last.style)
    place = scene.spot(start, end.column - start.column)
    whole = span(scene.file.name, start.line + 1, start.column + 1, start.column + 1 + len(written)).range
    simple = written.endswith(last.style) and '"' not in inner and "\\" not in inner
    fixes = (Suggestion(f"write {quote(inner)}", (Edit(whole, quote(inner)),)),) if simple else ()
    return Diagnostic("RC127", "error", message, "", place, label="these quotes are a whole value", suggestions=fixes)


def _quote(scene: Scene, at: Position, label: str) -> Diagnostic:
    message = "a quote is opened here and not closed on its line"
    return Diagnostic("RC127", "error", message, "", scene.spot(at), label=label, suggestions=(Suggestion("close it"),))


def _escape(scene: Scene) -> Diagnostic | None:
    if scene.context != "while parsing a quoted scalar":
        return None
    place = scene.spot(scene.stop, 2)
    fix = Suggestion("in double quotes write `\\\\` for a backslash, or use single quotes")
    written = scene.line[scene.stop.column : scene.stop.column + 2]
    return Diagnostic("RC127", "error", f"`{written}` is no escape that YAML knows", "", place, suggestions=(fix,))


def _unquoted_reference(scene: Scene) -> Diagnostic | None:
    if "did not find expected ','" not in scene.problem or scene.char not in {"{", "["}:
        return None
    before = _WORD_BEFORE.search(scene.line, 0, scene.stop.column)
    if before is None:
        return None
    start = Position(scene.stop.line, before.start())
    longest = max((match[0] for form in _BRACED if (match := form.match(scene.line, start.column))), key=len)
    place = scene.spot(start, len(longest))
    fix = Suggestion(f"write {quote(longest)}", (Edit(place.range, quote(longest)),))
    message = f"inside braces or brackets `{longest}` needs quotes"
    return Diagnostic("RC129", "error", message, "", place, label=f"`{scene.char}` begins a map or list here", suggestions=(fix,))


def _colon(scene: Scene) -> Diagnostic | None:
    last = scene.last
    if scene.problem != "mapping values are not allowed in this context" or last is None:
        return None
    start, end = scene.file.spot(last.start_mark), scene.file.spot(last.end_mark)
    if not last.style and start.line < end.line:
        return unspaced(scene.file, "", scene.file.place(last)) or _deeper(scene, start)
    if end.line != scene.stop.line:
        return None
    written = re.split(r"\s+#", scene.line[start.column :], maxsplit=1)[0].rstrip()
    place = scene.spot(scene.stop)
    whole = span(scene.file.name, start.line + 1, start.column + 1, start.column + 1 + len(written)).range
    fixes = [Suggestion("put it on a line of its own, indented")]
    if not last.style:
        fixes.append(Suggestion(f"for the text write {quote(written)}", (Edit(whole, quote(written)),)))
    message = f"a second `key:` on one line: `{written}`"
    return Diagnostic("RC130", "error", message, "", place, label="the value has begun already", suggestions=tuple(fixes))


def _deeper(scene: Scene, start: Position) -> Diagnostic:
    indent = len(scene.line) - len(scene.line.lstrip())
    place = scene.spot(Position(scene.stop.line, indent), scene.stop.column - indent)
    related = (Related("this value goes on to there", scene.spot(start)),)
    message = f"`{scene.line[indent : scene.stop.column]}` is indented deeper than the line before, which has its value already"
    return Diagnostic("RC138", "error", message, "", place, label="read as more text of that value", related=related)


def _bare_line(scene: Scene) -> Diagnostic | None:
    """A line that is neither a key nor a list item."""
    if "could not find expected ':'" not in scene.problem:
        return None
    line = scene.file.lines[scene.opened.line]
    place = scene.spot(scene.opened, max(1, len(line.rstrip()) - scene.opened.column))
    found = unspaced(scene.file, "", place)
    message = f"`{line[scene.opened.column :].rstrip()}` is neither `key: value` nor a list item"
    return found or Diagnostic("RC120", "error", message, "", place, label="a key needs a colon and a space after it")


def _bracket(scene: Scene) -> Diagnostic | None:
    nothing = "did not find expected node content" in scene.problem
    if nothing and scene.char in {"}", "]"}:
        return Diagnostic("RC139", "error", f"`{scene.char}` closes nothing that is open", "", scene.spot(scene.stop))
    if "while parsing a flow" not in scene.context or ("did not find expected ','" not in scene.problem and not nothing):
        return None
    opened = _open_bracket(scene) if nothing else scene.opened
    opener = scene.file.lines[opened.line][opened.column : opened.column + 1]
    if opener not in {"{", "["}:
        return None
    closer = "}" if opener == "{" else "]"
    if opened.line != scene.stop.line or not scene.char:
        message = f"`{opener}` is opened here and not closed"
        label = (
            f"a `{closer}` or a comma is missing before line {scene.stop.line + 1}" if scene.char else f"a `{closer}` is missing"
        )
        return Diagnostic("RC139", "error", message, "", scene.spot(opened), label=label)
    related = (Related(f"`{opener}` is opened here", scene.spot(opened)),)
    message = "a value is missing" if scene.char == "," else f"a comma or `{closer}` is missing"
    return Diagnostic("RC139", "error", message, "", scene.spot(scene.stop), label="before this", related=related)


def _open_bracket(scene: Scene) -> Position:
    """The nearest bracket before the stop that is not closed; the stop itself when there is none."""
    depth = 0
    for number in range(scene.stop.line, -1, -1):
        line = scene.file.lines[number]
        for column in range((scene.stop.column if number == scene.stop.line else len(line)) - 1, -1, -1):
            depth += (line[column] in "}]") - (line[column] in "{[")
            if depth < 0:
                return Position(number, column)
    return scene.stop


def _list_after_colon(scene: Scene) -> Diagnostic | None:
    if "block sequence entries are not allowed" not in scene.problem:
        return None
    message = "a list cannot begin on the line of its key"
    fix = Suggestion("put `- …` on the next line, or write `[…, …]`")
    return Diagnostic("RC138", "error", message, "", scene.spot(scene.stop), label="begins a list", suggestions=(fix,))


def _closes_nothing(scene: Scene) -> Diagnostic | None:
    if scene.char not in {"}", "]"} or not scene.problem.startswith(_BLOCK_END):
        return None
    return Diagnostic("RC139", "error", f"`{scene.char}` closes nothing that is open", "", scene.spot(scene.stop))


def _indent(scene: Scene) -> Diagnostic | None:
    if not scene.problem.startswith(_BLOCK_END):
        return None
    opened = scene.opened if scene.context else _first(scene.file)
    what = "list" if "block sequence" in scene.context or "block collection" in scene.context else "map"
    indent = len(scene.line) - len(scene.line.lstrip())
    if scene.stop.column > indent:
        message = f"`{scene.line[scene.stop.column :].strip()}` does not belong here"
        label = "after a whole value"
    else:
        message = "this line is indented like nothing above it"
        label = f"column {scene.stop.column + 1}; the {what} it could belong to is in column {opened.column + 1}"
    related = (Related(f"the {what} began here", scene.spot(opened)),)
    return Diagnostic("RC138", "error", message, "", scene.spot(scene.stop), label=label, related=related)


def _first(file: Written) -> Position:
    """Where the first line that says something begins."""
    for number, line in enumerate(file.lines):
        text = line.lstrip()
        if text and not text.startswith(("#", "%", "---")):
            return Position(number, len(line) - len(text))
    return Position(0, 0)


_KNOWN: tuple[Callable[[Scene], Diagnostic | None], ...] = (
    _depth,
    _tab,
    _blank,
    _reserved,
    _unclosed_quote,
    _quote_closed_elsewhere,
    _escape,
    _unquoted_reference,
    _colon,
    _bare_line,
    _closes_nothing,
    _bracket,
    _list_after_colon,
    _indent,
)
"""The first that knows the mistake speaks: the precise ones stand before those that fit many."""
