"""Errors of real providers (tests/golden/errors), and what they are held to be.

Each file names its `source` and how it was `taken`: from a public `thread`, as somebody received it (names of organisations
shortened, headers added where the vendor documents them); put together from the vendor's `documentation` of the code; or
`quoted`, a text that several projects list for that vendor.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import UpstreamError
from router.outcomes import OUTCOMES, failure_in_band, failure_of, kind_of, named_by, retry_after
from router.outcomes.codes import CODES, FAMILIES, STATUSES, TEXTS
from router.wire.base import Fault
from router.wire.fault import in_band, parse_fault

GOLDEN = Path(__file__).parent.parent / "golden" / "errors"
CASES = sorted(path.relative_to(GOLDEN).with_suffix("").as_posix() for path in GOLDEN.rglob("*.json"))
WALL = 1_700_000_000.0  # 2023-11-14T22:13:20Z; dates in the files count from here.


def load(case: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))


def attributed(case: dict[str, Any]) -> UpstreamError:
    """As the engine does it."""
    status, headers = case["status"], case["headers"]
    if status == 200:
        told = in_band(case["body"])
        return failure_in_band(told, 200, retry_after(told.status, told.fault.waits, WALL), {})
    raw = case["text"].encode() if "text" in case else json.dumps(case["body"]).encode()
    fault = named_by(parse_fault(raw), headers)
    return failure_of(status, fault, retry_after(status, {**fault.waits, **headers}, WALL), {})


@pytest.mark.parametrize("name", CASES)
def test_a_real_error_is_what_it_is(name: str) -> None:
    case = load(name)
    error = attributed(case)
    expected = {"window": None, "retry_after": None} | case["expect"]
    assert {
        "kind": error.kind,
        "message": error.message,
        "window": error.window,
        "retry_after": error.retry_after and pytest.approx(error.retry_after),
    } == expected
    assert error.answered == case["status"]
    assert error.status not in (401, 402, 403, 408, 498)  # These would speak of the client's key, bill or slowness.
    assert 400 <= error.status < 500 if error.kind in ("context", "policy", "client", "rate") else error.status >= 500


def test_the_collection_is_large_and_names_its_sources() -> None:
    assert len(CASES) >= 100
    assert len([case for case in CASES if load(case)["taken"] == "thread"]) >= 60
    assert {load(case)["taken"] for case in CASES} == {"thread", "documentation", "quoted"}
    assert [case for case in CASES if not load(case)["source"].startswith("https://")] == []
    assert {load(case)["expect"]["kind"] for case in CASES} == set(OUTCOMES) - {"connect", "empty", "broken_stream"}


def test_a_word_means_the_same_in_every_family() -> None:
    words = [word for family in FAMILIES.values() for word in family]
    assert len(words) == len(set(words)) == len(CODES)
    assert [word for word in words if word != word.lower()] == []
    assert [phrase for row in TEXTS for phrase in row.phrases if phrase != phrase.lower()] == []


# --- order: the file, the provider's word, the text, the status


@pytest.mark.parametrize(
    ("status", "fault", "errors", "kind"),
    [
        (400, Fault("m", None, "quota_exhausted"), {"quota_exhausted": "billing"}, "billing"),
        (429, Fault("m", None, "insufficient_quota"), {"insufficient_quota": "rate"}, "rate"),
        (500, Fault("m", None, "1261"), {"1261": "context"}, "context"),  # Who wrote the file knows.
        (400, Fault("m", "a", "b", ("c",)), {"a": "server", "b": "rate", "c": "policy"}, "policy"),
        (400, Fault("m", "a", "b"), {"a": "server", "b": "rate"}, "rate"),
        (
            400,
            Fault("m", None, "Quota_Exhausted"),
            {"quota_exhausted": "billing"},
            "client",
        ),  # Exactly as the provider spells it.
        (400, Fault("m", "arn:aws:bedrock:us-east-1::error/ThrottlingException", None), {}, "rate"),
        (400, Fault("m", "com.amazon.coral#ThrottlingException:http://x/y#z", None), {}, "rate"),
        (400, Fault("m", "ThrottlingException:http://x/", None), {"ThrottlingException": "server"}, "server"),
        (500, Fault("maximum context length", None, "context_length_exceeded"), {}, "server"),
        (500, Fault("m", None, "content_filter"), {}, "server"),
        (500, Fault("m", None, "invalid_api_key"), {}, "auth"),
        (429, Fault("the prompt is too long: context length", None, None), {}, "rate"),
        (401, Fault("prompt is too long", None, None), {}, "auth"),
        (422, Fault("prompt is too long", None, None), {}, "client"),
        (413, Fault("prompt is too long", None, None), {}, "context"),
        (413, Fault("m", None, None), {}, "client"),
        (404, Fault("context length", None, None), {}, "client"),
        (302, Fault("m", None, None), {}, "server"),
        (None, Fault("m", None, None), {}, "server"),
        (None, Fault("prompt is too long", None, None), {}, "context"),
        (None, Fault("m", None, "content_filter"), {}, "policy"),
    ],
)
def test_the_finest_word_that_is_known_decides(status, fault, errors, kind):
    assert kind_of(status, fault, errors) == kind


@pytest.mark.parametrize(
    ("status", "code", "shown"),
    [
        (404, None, 404),
        (413, None, 413),
        (422, None, 422),
        (429, None, 429),
        (500, None, 500),
        (502, None, 502),
        (503, None, 503),
        (504, None, 504),
        (520, None, 502),
        (529, None, 529),
        (408, None, 504),
        (401, None, 502),
        (402, None, 502),
        (403, None, 502),
        (429, "insufficient_quota", 502),
        (403, "flagged_input", 400),
        (400, "throttlingException", 429),
        (424, None, 502),
    ],
)
def test_statuses_keep_their_meaning_and_our_credentials_stay_ours(status, code, shown):
    assert failure_of(status, Fault("m", None, code), None, {}).status == shown


words = st.sampled_from(
    ["error", "message", "type", "code", "details", "metadata", "raw", "reason", "headers", "innererror", "status", "\ud83d", "",
     "context_length_exceeded", "arn:", "#", ":", "retryDelay", "X-RateLimit-Reset", "estimated_time", '{"error":{"code":"x"}}']
)  # fmt: skip
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=20),
    lambda deep: st.lists(deep, max_size=4) | st.dictionaries(words, deep, max_size=6),
    max_leaves=25,
)
names = st.sampled_from(["retry-after", "retry-after-ms", "x-amzn-errortype", "x-ratelimit-reset", "x-ratelimit-remaining"])


@given(
    st.sampled_from([400, 401, 413, 422, 429, 498, 500, 529]),
    st.binary(max_size=80) | shapes.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(names, st.text(max_size=20), max_size=4),
)
def test_whatever_comes_is_an_error_of_some_kind(status, raw, headers):
    fault = named_by(parse_fault(raw), headers)
    error = failure_of(status, fault, retry_after(status, {**fault.waits, **headers}, WALL), {})
    assert error.kind in OUTCOMES
    assert error.message
    assert 400 <= error.status <= 599
    assert error.retry_after is None or 0 <= error.retry_after <= 86_400
    assert error.window is None or error.window > 0


@given(shapes.filter(lambda value: isinstance(value, dict)))
def test_whatever_comes_in_band_is_an_error_of_some_kind(body):
    error = failure_in_band(in_band(body), 200, None, {})
    assert error.kind in OUTCOMES
    assert (error.answered, error.status >= 400) == (200, True)


def test_every_row_of_the_tables_is_a_row_of_the_outcomes():
    assert {*CODES.values(), *STATUSES.values(), *(row.kind for row in TEXTS)} <= set(OUTCOMES)
