"""How long providers ask us to wait, however they say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.outcomes import retry_after

WALL = 1_700_000_000.0  # 2023-11-14T22:13:20Z
DAY = 86_400.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "999999"}, DAY),
        ({"retry-after": "1700000030"}, 30.0),  # Some send the moment.
        ({"retry-after": "1700000030500"}, 30.5),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:50 GMT"}, 90.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2033 22:00:00 GMT"}, DAY),
        ({"retry-after": "2023-11-14T22:14:50Z"}, 90.0),
        ({"retry-after": "2023-11-14T22:14:50"}, None),  # Whose clock?
        ({"retry-after": "36s"}, 36.0),  # Google's RetryInfo
        ({"retry-after": "36.429760048s"}, 36.429760048),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "-5", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "86400001"}, DAY),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_in_all_its_forms(status, headers, seconds):
    assert retry_after(status, headers, WALL) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset-requests": "1s"}, 1.0),
        ({"x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-reset-tokens": "1m26.4s"}, 86.4),
        ({"x-ratelimit-reset-requests": "1h2m3s"}, 3723.0),
        ({"x-ratelimit-reset-requests": "2d"}, DAY),
        ({"x-ratelimit-reset-requests": "30"}, 30.0),
        ({"x-ratelimit-reset-requests": "later"}, None),
        ({"x-ratelimit-reset-requests": "8s", "x-ratelimit-reset-tokens": "3s"}, 8.0),
        # What is used up decides, however long the other takes.
        (
            {
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-requests": "8h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "3s",
            },
            3.0,
        ),
        # Nothing is: the request wanted more tokens than there were left.
        (
            {
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-requests": "8h",
                "x-ratelimit-remaining-tokens": "700",
                "x-ratelimit-reset-tokens": "3s",
            },
            3.0,
        ),
        ({"x-ratelimit-remaining-requests": "99", "x-ratelimit-reset-requests": "8h"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000012500"}, 12.5),  # OpenRouter
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, 1.0),  # Together
        ({"ratelimit-remaining": "0", "ratelimit-reset": "40"}, 40.0),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2023-11-14T22:14:20Z"}, 60.0),
        ({"retry-after": "2", "x-ratelimit-reset-tokens": "6m0s"}, 2.0),
    ],
)
def test_a_429_without_retry_after_is_told_by_its_limits(headers, seconds):
    assert retry_after(429, headers, WALL) == (None if seconds is None else pytest.approx(seconds))


def test_limits_say_nothing_about_anything_but_a_429():
    assert retry_after(503, {"x-ratelimit-reset-tokens": "6m0s"}, WALL) is None
    assert retry_after(None, {"x-ratelimit-reset-tokens": "6m0s"}, WALL) is None


numbers = st.floats().map(repr) | st.integers().map(str) | st.text(alphabet="0123456789.msdh-+:TZe ", max_size=25) | st.text()
names = st.sampled_from(
    ["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"]
)


@given(st.sampled_from([None, 429, 500, 503]), st.dictionaries(names, numbers), st.floats(0, 4e9))
def test_whatever_is_said_no_wait_is_negative_or_absurd(status, headers, wall):
    wait = retry_after(status, headers, wall)
    assert wait is None or 0 <= wait <= DAY
