from __future__ import annotations

import json
import logging

import pytest

from router.observe.log import Log, Records
from router.snapshot import LogSettings

WALL = 1_764_000_000.25


class Lines(list):
    """Where a sink would write: `put` is all the log knows of it."""

    put = list.append

    @property
    def parsed(self):
        return [json.loads(line) for line in self]


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def make(lines):
    def make(level="info", form="json", requests="all") -> Log:
        return Log(lines, LogSettings(level, form, requests), wall=lambda: WALL)

    return make


def test_line_of_an_exchange_has_the_time_of_its_end(make, lines, exchange):
    make().settled(exchange())
    assert [line["time"] for line in lines.parsed] == ["2025-11-24T16:00:01.250Z"]


@pytest.mark.parametrize(("requests", "seen"), [("all", ["ok", "timeout"]), ("errors", ["timeout"]), ("none", [])])
def test_setting_requests_decides_which_exchanges_are_logged_whatever_the_level(make, lines, exchange, requests, seen):
    log = make(level="error", requests=requests)
    log.settled(exchange())
    log.settled(exchange(outcome="timeout"))
    assert [line["outcome"] for line in lines.parsed] == seen


@pytest.mark.parametrize(("level", "seen"), [("debug", "dine"), ("info", "ine"), ("warning", "ne"), ("error", "e")])
def test_setting_level_decides_which_events_are_logged(make, lines, level, seen):
    log = make(level=level)
    for each, name in (("debug", "d"), ("info", "i"), ("warning", "n"), ("error", "e")):
        log.event(each, name)
    assert "".join(line["msg"] for line in lines.parsed) == seen


def test_event_is_its_name_and_its_fields_without_those_that_are_none(make, lines):
    make().event("warning", "config_refused", generation=3, at=["router.yaml:3:1"], hint=None)
    assert lines.parsed == [
        {
            "time": "2025-11-24T16:00:00.250Z",
            "level": "warning",
            "msg": "config_refused",
            "generation": 3,
            "at": ["router.yaml:3:1"],
        }
    ]


def test_settings_change_from_one_line_to_the_next(make, lines, exchange):
    log = make()
    log.apply(LogSettings("error", "text", "errors"), frozenset())
    log.event("warning", "unseen")
    log.settled(exchange())
    log.event("error", "seen", n=1)
    assert lines == [b"2025-11-24T16:00:00.250Z error   seen n=1\n"]


def test_secrets_are_masked_at_any_depth_also_those_of_earlier_generations(make, lines):
    log = make()
    log.apply(LogSettings("info", "json", "all"), frozenset({"CANARY-1", "CANARY-1-longer"}))
    log.apply(LogSettings("info", "json", "all"), frozenset({"CANARY-2", "ab"}))
    log.event("info", "boom CANARY-1", a="CANARY-1-longer!", b=[{"c": ("CANARY-2", 1, True)}], d=ValueError("CANARY-2"), e="cab")
    (line,) = lines.parsed
    assert line | {"time": ""} == {
        "time": "",
        "level": "info",
        "msg": "boom [secret]",
        "a": "[secret]!",
        "b": [{"c": ["[secret]", 1, True]}],
        "d": "[secret]",
        "e": "cab",
    }


@pytest.fixture
def logger(make):
    log = make(level="debug")
    log.apply(LogSettings("debug", "json", "all"), frozenset({"CANARY-KEY"}))
    root = logging.getLogger()
    before = root.handlers[:], root.level
    Records(log).install()
    yield logging.getLogger("router.test")
    root.handlers[:], root.level = before


def test_records_of_logging_become_events_with_their_extra_fields(logger, lines):
    logger.error("task_failed", extra={"task": "watch", "n": 2})
    logger.debug("bytes")
    assert [line | {"time": ""} for line in lines.parsed] == [
        {"time": "", "level": "error", "msg": "task_failed", "logger": "router.test", "task": "watch", "n": 2}
    ]


@pytest.mark.parametrize(
    ("number", "level"), [(logging.CRITICAL, "error"), (logging.ERROR, "error"), (35, "warning"), (logging.INFO, "info")]
)
def test_levels_of_logging_are_four(logger, lines, number, level):
    logger.log(number, "x")
    assert [line["level"] for line in lines.parsed] == [level]


def test_exception_shows_its_type_its_text_and_where_without_secrets(logger, lines):
    try:
        int("CANARY-KEY")
    except ValueError:
        logger.exception("request_failed")
    (line,) = lines.parsed
    assert line["error"] == "ValueError: invalid literal for int() with base 10: '[secret]'"
    assert "test_observe_log.py" in line["traceback"]


def test_record_whose_arguments_do_not_fit_is_logged_all_the_same(make, lines):
    Records(make()).emit(logging.makeLogRecord({"msg": "%d apples", "args": ("many",), "levelno": logging.WARNING}))
    assert [line["msg"] for line in lines.parsed] == ["%d apples"]
