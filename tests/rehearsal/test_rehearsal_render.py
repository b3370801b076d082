"""Results as people, machines and pull requests see them."""

from __future__ import annotations

from router.rehearsal.render import annotated, document, lines, short_lines, total
from tests.rehearsal.staged import CONFIG, results


def plain(text: str, colour: str) -> str:
    return text


FAILING = """\
  - name: "gone\\u2028 \\u001b[31mred"
    given: {model: wide}
    world: {a: {status: 401}}
    expect: {status: 200, targets: [a/large], cost_usd: {gt: 0.5, lte: 1}, code: none_at_all}
"""


def test_a_failing_test_says_everything_and_harms_no_terminal() -> None:
    (result,) = results(FAILING)
    assert list(lines(result, 10, plain, verbose=False)) == [
        "FAIL  gone\ufffd \ufffd[31mred  a/large auth, 2 attempts",
        "      status: expected 200, got 502  router.yaml:17:14",
        "      targets: expected a/large, got a/small, then a/large  router.yaml:17:27",
        "      cost_usd: expected > 0.5 and ≤ 1, got 0  router.yaml:17:47",
        "      code: expected none_at_all, got upstream_credentials  router.yaml:17:76",
        "      attempts: a/small auth 401, a/large auth 401",
        f"      the client was told: {result.message}",
    ]
    assert result.message
    assert next(iter(short_lines(result))) == "router.yaml:17:14: gone\ufffd \ufffd[31mred: status: expected 200, got 502"


PASSING = """\
  - {name: single, given: {model: fast}, expect: {status: 200}}
  - {name: none, given: {model: wide, key: app}, expect: {status: 403}}
  - {name: drill, given: {model: fast, load: {rate: 10/1s, for: 3s}}, expect: {errors: 0}}
"""


def test_a_passing_test_is_a_line() -> None:
    single, none, drill = results(PASSING)
    assert [list(lines(each, 6, plain, verbose=False)) for each in (single, none, drill)] == [
        ["ok    single  a/small ok, 1 attempt"],
        ["ok    none    no attempt"],
        ["ok    drill   30 requests, 0 errors; 1 attempt per request, p99 +0s, $0.04"],
    ]
    assert list(lines(single, 6, plain, verbose=True)) == [
        "ok    single  a/small ok, 1 attempt",
        "      attempts: a/small ok 200",
    ]
    assert list(short_lines(single)) == []


def test_a_drill_without_a_price_has_no_cost() -> None:
    (result,) = results(PASSING.splitlines(keepends=True)[2], CONFIG.replace(", price: {input: 1, output: 4}", ""))
    assert list(lines(result, 5, plain, verbose=False)) == [
        "ok    drill  30 requests, 0 errors; 1 attempt per request, p99 +0s, at no known price"
    ]
    assert result.got["cost_usd"] is None


def test_totals_count_both_kinds() -> None:
    found = results(PASSING + FAILING)
    assert total(found) == "4 tests: 3 passed, 1 failed"
    assert {key: value for key, value in document(found, 5).items() if key != "tests"} == {"passed": 3, "failed": 1, "seed": 5}
    assert annotated(found[:3]) == "3 tests: 3 passed, 0 failed\n"
    assert annotated(found).count("::error file=router.yaml,line=20,col=14,title=gone\ufffd \ufffd[31mred::status: ") == 1
