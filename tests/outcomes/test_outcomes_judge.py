"""What an outcome means: the table, read by pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import UpstreamError, UpstreamRejected, UpstreamTimeout, UpstreamUnavailable
from router.outcomes import OUTCOMES, Backoff, Patient, Tried, failure_of, final, judge, kind_of, retry_after
from router.wire.base import Fault

BACKOFF = Backoff(0.25, 5.0)
KINDS = sorted(OUTCOMES)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "context_length_exceeded", "x", "context"),
        (400, None, "This model's maximum context length is 8192 tokens", "context"),
        (413, None, "prompt is too long: 210000 tokens > 200000 maximum", "context"),
        (429, "rate_limit_exceeded", "too many tokens per minute; context window", "rate"),
        (500, None, "maximum context length", "server"),
        (429, "insufficient_quota", "You exceeded your current quota", "billing"),
        (402, None, "pay", "billing"),
        (401, None, "no", "auth"),
        (403, None, "no", "auth"),
        (400, "invalid_api_key", "bad key", "auth"),
        (400, "content_policy_violation", "no", "policy"),
        (400, None, "top_p is wrong", "client"),
        (404, "model_not_found", "no such model", "client"),
        (422, None, "no", "client"),
        (408, None, "slow", "timeout"),
        (503, None, "busy", "server"),
        (529, "overloaded_error", "busy", "server"),
    ],
)
def test_the_code_counts_before_the_status_and_the_status_before_the_text(status, code, message, kind):
    fault = Fault(message, None, code)
    assert kind_of(status, fault, {}) == kind
    error = failure_of(status, fault, None, {})
    assert (error.kind, error.answered) == (kind, status)
    assert (400 <= error.status < 500) == (kind in ("context", "policy", "client", "rate"))


@given(
    st.sampled_from(KINDS),
    st.one_of(st.none(), st.floats(0, 100)),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(0, 6),
    st.integers(0, 5),
    st.integers(1, 20),
    st.floats(0, 1, exclude_max=True),
)
def test_a_verdict_never_exceeds_what_is_allowed(kind, after, here, all_, untried, retries, most, draw):
    error = UpstreamError("x", kind=kind, retry_after=after)
    meaning = OUTCOMES[kind]
    verdict = judge(error, meaning, Tried(here, all_, untried, retries, most), Patient(BACKOFF, 3.0, draw))
    if verdict.then == "again":
        assert here <= (retries if meaning.retries is None else meaning.retries)
        assert most - all_ > untried  # Every untried target can still have its attempt.
        assert after is None or after <= 3.0
        assert 0 <= verdict.wait <= max(BACKOFF.max, 3.0)
    elif verdict.then == "next":
        assert untried
        assert all_ < most
        assert meaning.next != "none"
    else:
        assert meaning.next == "none" or not untried or all_ >= most


def test_backoff_doubles_up_to_its_bound_with_full_jitter():
    patient = Patient(BACKOFF, 3.0, 0.5)
    waits = [judge(UpstreamError("x"), OUTCOMES["server"], Tried(n, n, 0, 9, 99), patient).wait for n in range(1, 8)]
    assert waits == [0.125, 0.25, 0.5, 1.0, 2.0, 2.5, 2.5]


def test_the_first_refusal_is_told_only_when_all_refused():
    first, second = UpstreamRejected("first"), UpstreamRejected("second")
    down, late = UpstreamUnavailable("down"), UpstreamTimeout("late", clock="answer")
    assert final([first, second]) is first
    assert final([first, down, second]) is down
    assert final([down, late]) is late


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds):
    assert retry_after(400, headers, 10.0) == seconds
