"""Results for people, for machines, and as annotations of a GitHub Actions run.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from router.config.diagnostics import Place
from router.config.render.line import printable
from router.rehearsal.verdict import Result
from router.types import Json

Paint = Callable[[str, str], str]
"""A text in a colour; without colours the text alone."""


def lines(result: Result, width: int, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """A result for people; `width` is that of the longest name."""
    mark = paint("ok  ", "green") if result.passed else paint("FAIL", "red")
    yield f"{mark}  {printable(result.name):{width}}  {_summary(result)}".rstrip()
    for broken in result.broken:
        yield f"      {paint(printable(str(broken)), 'red')}  {_at(broken.place)}"
    if not result.passed or verbose:
        yield f"      attempts: {_attempts(result)}"
    if not result.passed and result.message is not None:
        yield f"      the client was told: {printable(result.message)}"


def short_lines(result: Result) -> Iterator[str]:
    """A line for each expectation that did not come true, and nothing else."""
    for broken in result.broken:
        yield printable(f"{_at(broken.place)}: {result.name}: {broken}")


def total(results: Sequence[Result]) -> str:
    passed = sum(result.passed for result in results)
    return f"{_many(len(results), 'test')}: {passed} passed, {len(results) - passed} failed"


def document(results: Sequence[Result], seed: int) -> Json:
    """One document, for any JSON encoder. Lines and columns count from 1."""
    passed = sum(result.passed for result in results)
    tests = [_test(result) for result in results]
    return {"tests": tests, "passed": passed, "failed": len(results) - passed, "seed": seed}


def annotated(results: Sequence[Result]) -> str:
    """An error for each expectation that did not come true, and the total for the log; ends with a line break."""
    said = [
        f"::error {_properties(broken.place, result.name)}::{_data(printable(str(broken)))}"
        for result in results
        for broken in result.broken
    ]
    return "\n".join([*said, total(results)]) + "\n"


def _summary(result: Result) -> str:
    got = result.got
    if result.drill:
        cost = "at no known price" if got["cost_usd"] is None else f"${got['cost_usd']:.2f}"
        requests, errors = _many(got["requests"], "request"), _many(got["errors"], "error")
        per_request = _many(got["attempts_per_request"], "attempt")
        return f"{requests}, {errors}; {per_request} per request, p99 +{got['p99_added']:.3g}s, {cost}"
    if not result.attempts:
        return "no attempt"
    last = result.attempts[-1]
    return f"{printable(last.target)} {last.outcome}, {_many(got['attempts'], 'attempt')}"


def _many(number: float, what: str) -> str:
    return f"{number:.7g} {what}" if number == 1 else f"{number:.7g} {what}s"


def _attempts(result: Result) -> str:
    return ", ".join(printable(str(way)) for way in result.attempts) or "none"


def _at(place: Place) -> str:
    return printable(f"{place.file}:{place.range.start.line}:{place.range.start.column}")


def _test(result: Result) -> Json:
    start = result.place.range.start
    return {
        "name": result.name,
        "passed": result.passed,
        "place": {"file": result.place.file, "line": start.line, "column": start.column},
        "expected": dict(result.expected),
        "got": dict(result.got),
        "broken": [broken.key for broken in result.broken],
        "attempts": [way._asdict() for way in result.attempts],
        "message": result.message,
    }


def _properties(place: Place, title: str) -> str:
    start = place.range.start
    told = {"file": place.file, "line": str(start.line), "col": str(start.column), "title": printable(title)}
    return ",".join(f"{name}={_data(value).replace(':', '%3A').replace(',', '%2C')}" for name, value in told.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
