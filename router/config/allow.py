"""`# router: allow RC301 reason="a key of the test account" until=2027-01-01` silences one finding.

It stands at the end of the finding's line, or on lines of its own right above. One that has expired, that silences nothing
or that cannot be understood is a finding itself: a forgotten exception must not hide the next mistake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from router.config.codes import CATALOGUE
from router.config.diagnostics import Diagnostic, Place, Suggestion, span, split_lines
from router.config.explanation import Level

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*router:\s*allow\b(.*)$")
_FORM = re.compile(r"""\s+(RC\d{3})\s+reason=("[^"]+"|'[^']+')(?:\s+until=(\d{4}-\d{2}-\d{2}))?\s*""")
FORM = '# router: allow RC301 reason="why" until=2027-01-01'


@dataclass(frozen=True, slots=True)
class Allow:
    code: str
    until: date | None
    place: Place
    """Of the comment."""
    lines: range
    """The lines whose findings it silences."""


def apply_allows(
    found: Sequence[Diagnostic], sources: Mapping[str, str], done: Collection[Level], today: date | None
) -> list[Diagnostic]:
    """The findings that are not silenced, and what is wrong with the comments that should silence some.

    `done` are the levels that looked: what a level that did not look would find cannot be called unused. `today` None: nothing
    expires.
    """
    allows, kept = _read(sources)
    expired = [allow for allow in allows if today is not None and allow.until is not None and allow.until < today]
    kept += [_finding("RC406", f"the allowance of {allow.code} has expired", allow) for allow in expired]
    valid = [allow for allow in allows if allow not in expired]
    used: set[Allow] = set()
    for diagnostic in found:
        silencing = [allow for allow in valid if _silences(allow, diagnostic)]
        used.update(silencing)
        if not silencing:
            kept.append(diagnostic)
    for allow in valid:
        if allow not in used and CATALOGUE[allow.code].level in done:
            kept.append(_finding("RC407", f"nothing here is {allow.code}: the allowance is not used", allow))
    return kept


def _silences(allow: Allow, diagnostic: Diagnostic) -> bool:
    return (
        diagnostic.code == allow.code
        and diagnostic.place.file == allow.place.file
        and diagnostic.place.range.start.line in allow.lines
        and CATALOGUE[allow.code].allowable
    )


def _read(sources: Mapping[str, str]) -> tuple[list[Allow], list[Diagnostic]]:
    allows: list[Allow] = []
    wrong: list[Diagnostic] = []
    for name, text in sources.items():
        if "router:" not in text:
            continue
        lines = split_lines(text)
        for number, line in enumerate(lines, 1):
            if not (comment := _COMMENT.search(line)):
                continue
            place = span(name, number, comment.start() + 1, len(line.rstrip()) + 1)
            read = _allow(comment[1], place, _scope(lines, number, alone=not line[: comment.start()].strip()))
            if isinstance(read, Allow):
                allows.append(read)
            else:
                wrong.append(read)
    return allows, wrong


def _allow(text: str, place: Place, lines: range) -> Allow | Diagnostic:
    match = _FORM.fullmatch(text)
    if match is None:
        return _malformed("this allowance cannot be understood", place, f"write {FORM}")
    code, _, until = match.groups()
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError:
        return _malformed(f"{until} is no day", place, "write until=2027-01-31")
    if code not in CATALOGUE:
        return _malformed(f"no finding has the code {code}", place, "see `router explain`")
    if not CATALOGUE[code].allowable:
        return _malformed(f"{code} cannot be allowed: {CATALOGUE[code].title}", place, f"see `router explain {code}`")
    return Allow(code, day, place, lines)


def _scope(lines: Sequence[str], number: int, *, alone: bool) -> range:
    """A comment behind something is about its line; one on a line of its own about the next line that is no comment."""
    if not alone:
        return range(number, number + 1)
    after = number
    while after < len(lines) and lines[after].lstrip().startswith("#"):
        after += 1
    return range(after + 1, after + 2)


def _finding(code: str, message: str, allow: Allow) -> Diagnostic:
    return Diagnostic(code, "warning", message, "", allow.place, suggestions=(Suggestion("remove the comment"),))


def _malformed(message: str, place: Place, fix: str) -> Diagnostic:
    return Diagnostic("RC408", "error", message, "", place, suggestions=(Suggestion(fix),))
