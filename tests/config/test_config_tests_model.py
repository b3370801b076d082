"""`tests` as they are read: bounds, times, and the world's states beside its own words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from router.config.model.tests import CaseConfig, CountBounds, DurationBounds, Durations, StateConfig
from router.units import Rate

CASE = {
    "name": "a drill",
    "given": {"model": "fast", "headers": {"X-Tier": "gold"}, "load": {"rate": "50/1s", "for": "5m"}},
    "world": {
        "groq": {"status": 429, "from": "1m", "to": "2m"},
        "x-ai/grok": {"down": True},
        "clock": "2026-12-01T10:00:00Z",
        "health": {"openai": "open"},
    },
    "expect": {"errors": 0, "p99_added": {"lt": "3s"}},
}


def test_a_drill_is_read_whole():
    case = CaseConfig.model_validate(CASE)
    assert case.given.headers == {"x-tier": "gold"}
    assert case.given.load is not None
    assert (case.given.load.rate, case.given.load.duration, case.given.repeat, case.given.stream) == (
        Rate(50, 1.0),
        300.0,
        1,
        False,
    )
    assert case.world.states() == {
        "groq": StateConfig.model_validate({"status": 429, "from": "1m", "to": "2m"}),
        "x-ai/grok": StateConfig(down=True),
    }
    groq = case.world.states()["groq"]
    assert (groq.begin, groq.end) == (60.0, 120.0)
    assert (case.world.clock, case.world.health) == (datetime(2026, 12, 1, 10, tzinfo=UTC), {"openai": "open"})
    assert case.expect.p99_added == Durations(lt="3s")
    assert case.expect.errors is not None
    assert [case.expect.errors.hold(count) for count in (0, 1)] == [True, False]


@pytest.mark.parametrize("clock", ["2026-12-01", "2026-02-29T10:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T10:00:00"])
def test_a_clock_says_day_time_and_zone(clock):
    with pytest.raises(ValidationError):
        CaseConfig.model_validate(CASE | {"world": {"clock": clock}})


COUNTS = TypeAdapter(CountBounds)
SMALL = st.integers(0, 6)


@given(SMALL, SMALL)
def test_a_number_alone_is_meant_exactly(wanted, value):
    assert COUNTS.validate_python(wanted).hold(value) == (wanted == value)


@given(st.dictionaries(st.sampled_from(["lt", "lte", "gt", "gte"]), SMALL, min_size=1), SMALL)
def test_bounds_hold_when_all_of_them_do(bounds, value):
    says = {"lt": value.__lt__, "lte": value.__le__, "gt": value.__gt__, "gte": value.__ge__}
    assert COUNTS.validate_python(bounds).hold(value) == all(says[key](bound) for key, bound in bounds.items())


def test_durations_are_seconds():
    bounds = TypeAdapter(DurationBounds).validate_python({"gt": "250ms", "lte": "1m"})
    assert [bounds.hold(seconds) for seconds in (0.25, 0.26, 60, 60.1)] == [False, True, True, False]
