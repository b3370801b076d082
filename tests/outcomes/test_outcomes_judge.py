"""What an outcome means: the table, read by pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import (
    UpstreamCredentials,
    UpstreamError,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.outcomes import OUTCOMES, Backoff, Patient, Tried, final, judge

BACKOFF = Backoff(0.25, 5.0)
KINDS = sorted(OUTCOMES)


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


KEY, BILL = UpstreamCredentials("key"), UpstreamCredentials("bill", kind="billing")
FIRST, SECOND = UpstreamRejected("first"), UpstreamRejected("second", kind="context")
DOWN, LATE = UpstreamUnavailable("down"), UpstreamTimeout("late", clock="answer")
SLOW = UpstreamThrottled("slow")
POLICY = UpstreamRejected("no", kind="policy")


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([FIRST, SECOND], FIRST),
        ([SECOND, FIRST], SECOND),
        ([FIRST, DOWN, SECOND], DOWN),
        ([DOWN, LATE], LATE),
        ([SLOW, KEY], SLOW),
        ([KEY, BILL], KEY),
        ([KEY, FIRST], FIRST),
        ([KEY], KEY),
        ([DOWN, POLICY], POLICY),
        ([POLICY, DOWN], DOWN),
    ],
)
def test_the_client_is_told_what_may_pass_else_what_it_can_change_else_what_we_must(errors, told):
    assert final(errors) is told
