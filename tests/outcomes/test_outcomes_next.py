"""What is left to ask after a failure."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import UpstreamError
from router.outcomes import OUTCOMES, Meaning, next_target


class Spot(NamedTuple):
    id: str
    context: int | None = None

    @property
    def provider(self) -> str:
        return self.id[0]


class Name(NamedTuple):
    targets: tuple[Spot, ...]


A1, A2, B1, C1 = Spot("a1", 8_000), Spot("a2", 8_000), Spot("b1", 32_000), Spot("c1")
LONG = Name((Spot("l1", 200_000), Spot("l2", 1_000_000), B1))


def after(kind, *, untried=(A2, B1, C1), tried=(A1,), meaning=None, window=None):
    error = UpstreamError("x", kind=kind)
    error.window = window
    return [spot.id for spot in next_target(untried, tried, error, meaning or OUTCOMES[kind], {"long": LONG, "b1": Name((B1,))})]


@pytest.mark.parametrize("kind", ["connect", "server", "timeout", "rate", "billing", "auth", "empty"])
def test_trouble_of_one_target_leaves_all_others(kind):
    assert after(kind) == ["a2", "b1", "c1"]


def test_who_refused_the_request_itself_is_not_asked_again_under_another_model():
    assert after("client") == ["b1", "c1"]


def test_a_policy_is_not_shopped_around():
    assert after("policy") == []


def test_only_larger_or_unknown_windows_are_left():
    assert after("context") == ["b1", "c1"]
    assert after("context", tried=(A1, B1), untried=(A2, Spot("d", 32_001), C1)) == ["d", "c1"]
    assert after("context", tried=(C1,), untried=(A2, B1)) == ["a2", "b1"]  # Nothing is known of the one that failed.
    assert after("context", tried=(C1,), untried=(A2, B1), window=10_000) == ["b1"]  # But its error named the window,
    assert after("context", window=4_000) == ["a2", "b1", "c1"]  # which is truer than what we know.
    assert after("server", window=999_999) == ["a2", "b1", "c1"]


def test_the_file_may_name_who_is_asked_instead():
    assert after("context", meaning=Meaning(0, ("long",))) == ["l1", "l2", "b1"]
    assert after("server", meaning=Meaning(0, ("b1", "long", "nowhere"))) == ["b1", "l1", "l2"]
    assert after("server", meaning=Meaning(0, ("long",)), tried=(LONG.targets[0], A1)) == ["l2", "b1"]
    assert after("context", meaning=Meaning(0, ("long",)), window=200_000) == ["l2"]
    assert after("policy", meaning=Meaning(0, "yes")) == ["a2", "b1", "c1"]


spots = st.lists(
    st.builds(Spot, st.sampled_from(["a1", "a2", "a3", "b1", "b2", "c1", "d1"]), st.none() | st.integers(1, 5)), max_size=8
)
nexts = st.sampled_from(["yes", "other_provider", "none"]) | st.lists(st.sampled_from(["x", "y", "z"]), max_size=3).map(tuple)


@given(
    spots,
    spots.filter(bool),
    st.sampled_from(sorted(OUTCOMES)),
    nexts,
    st.fixed_dictionaries({"x": spots.map(lambda found: Name(tuple(found))), "y": spots.map(lambda found: Name(tuple(found)))}),
    st.none() | st.integers(1, 5),
)
def test_what_is_left_was_not_tried_comes_once_and_in_order(untried, tried, kind, then, alternatives, window):
    error = UpstreamError("x", kind=kind)
    error.window = window
    left = next_target(untried, tried, error, Meaning(0, then), alternatives)
    ids = [spot.id for spot in left]
    assert not {spot.id for spot in tried} & set(ids)
    assert len(set(ids)) == len(ids)
    offered = (
        untried
        if isinstance(then, str)
        else [spot for name in then if name in alternatives for spot in alternatives[name].targets]
    )
    rest = iter(offered)
    assert all(any(spot == other for other in rest) for spot in left)  # A subsequence.
    if then == "none":
        assert left == []
    if then == "other_provider":
        assert tried[-1].provider not in {spot.provider for spot in left}
    known = window or tried[-1].context
    if kind == "context" and known is not None:
        assert [spot for spot in left if spot.context is not None and spot.context <= known] == []
    assert next_target(left, tried, error, Meaning(0, "yes"), {}) == left  # Nothing is left out twice.
