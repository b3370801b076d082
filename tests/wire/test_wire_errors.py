"""What upstream errors say, how ours are spelled, and how usage is counted in each format."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.types import Usage
from router.wire import FORMATS
from router.wire.anthropic_messages.usage import merge_usage
from router.wire.anthropic_messages.usage import parse_usage as anthropic_usage
from router.wire.base import ErrorView, Fault
from router.wire.fault import status_of
from router.wire.openai_chat.usage import parse_usage as openai_usage

OPENAI, ANTHROPIC = FORMATS["openai_chat"], FORMATS["anthropic_messages"]
NOTHING = "the provider gave no message"


@pytest.mark.parametrize("fmt", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (
            b'{"error":{"message":"No.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}',
            Fault("No.", "insufficient_quota", "insufficient_quota"),
        ),
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
            Fault("Overloaded", "overloaded_error", None),
        ),
        (b'{"error":{"code":402,"message":"Credits","metadata":{}}}', Fault("Credits", None, "402")),
        (
            b'[{"error":{"code":400,"message":"Bad key","status":"INVALID_ARGUMENT"}}]',
            Fault("Bad key", "INVALID_ARGUMENT", "400"),
        ),
        (b'{"error":"model not loaded"}', Fault("model not loaded", None, None)),
        (b'{"error":"busy","error_type":"overloaded"}', Fault("busy", "overloaded", None)),
        (b'{"object":"error","message":"long","type":"BadRequestError","code":400}', Fault("long", "BadRequestError", "400")),
        (b'{"message":{"detail":[{"loc":["x"]}]},"type":"t","code":1800}', Fault('{"detail": [{"loc": ["x"]}]}', "t", "1800")),
        (b'{"detail":"Not Found"}', Fault("Not Found", None, None)),
        (b'{"detail":[{"msg":"field required"}]}', Fault('[{"msg": "field required"}]', None, None)),
        (b'{"error":{"message":"  "}}', Fault(NOTHING, None, None)),
        (b'{"error":{"message":7,"type":[],"code":true}}', Fault(NOTHING, None, None)),
        (b'{"error":[{"message":"in a list"}]}', Fault("in a list", None, None)),
        (b"<html><head><title>502 Bad\n Gateway</title></head><body>x</body></html>", Fault("502 Bad Gateway", None, None)),
        (b"upstream  connect\nerror", Fault("upstream connect error", None, None)),
        (b"", Fault(NOTHING, None, None)),
        (b"null", Fault(NOTHING, None, None)),
        (b"[]", Fault(NOTHING, None, None)),
        (b'{"error":{"message":"cut \\ud83d","code":503}}', Fault("cut ?", None, "503")),
        (b"\xff\xfe", Fault("\ufffd\ufffd", None, None)),
        (b'{"error":{"message":"' + b"x" * 900 + b'"}}', Fault("x" * 500, None, None)),
        (b"y" * 900, Fault("y" * 500, None, None)),
    ],
)
def test_any_shape_of_error_is_read(fmt, raw, fault):
    assert fmt.parse_fault(raw) == fault


words = st.sampled_from(["error", "message", "type", "code", "detail", "status", "\ud83d", "x"])
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda deep: st.lists(deep, max_size=3) | st.dictionaries(words, deep, max_size=4),
)


@given(st.binary(max_size=60) | shapes.map(lambda value: json.dumps(value).encode()))
def test_reading_an_error_never_raises_and_what_was_read_can_be_told(raw):
    fault = OPENAI.parse_fault(raw)
    status_of(fault)
    view = ErrorView(502, fault.code or "c", fault.message, None, "r", fault.type)
    assert orjson.loads(OPENAI.render_error(view))["error"]["message"] == fault.message != ""
    assert orjson.loads(ANTHROPIC.render_error(view))["error"]["message"] == fault.message


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("", None, "429"), 429),
        (Fault("", "overloaded_error", None), 529),
        (Fault("", "server_error", "rate_limit_exceeded"), 429),
        (Fault("", "RATE_LIMIT_EXCEEDED", None), 429),
        (Fault("", "UNAVAILABLE", "503"), 503),
        (Fault("", None, "1800"), None),
        (Fault("", None, "200"), None),
        (Fault("", None, "9" * 5000), None),
        (Fault("", None, "²"), None),
        (Fault("", "brand_new", None), None),
        (Fault("", None, None), None),
    ],
)
def test_an_error_without_a_status_stands_for_one(fault, status):
    assert status_of(fault) == status


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (405, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "timeout_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ],
)
def test_errors_have_the_type_the_sdks_know(status, openai, anthropic):
    view = ErrorView(status, "some_code", 'say "no"', "model", "req_1")
    assert orjson.loads(OPENAI.render_error(view)) == {
        "error": {"message": 'say "no"', "type": openai, "param": "model", "code": "some_code"}
    }
    assert orjson.loads(ANTHROPIC.render_error(view)) == {
        "type": "error",
        "error": {"type": anthropic, "message": 'say "no"'},
        "request_id": "req_1",
    }


def test_an_upstreams_own_type_of_the_same_format_is_kept():
    view = ErrorView(429, "insufficient_quota", "m", None, "req_1", type="insufficient_quota")
    assert orjson.loads(OPENAI.render_error(view))["error"]["type"] == "insufficient_quota"
    assert orjson.loads(ANTHROPIC.render_error(view))["error"]["type"] == "insufficient_quota"


def test_pings_are_whole_events():
    assert (OPENAI.ping, ANTHROPIC.ping) == (b": ping\n\n", b'event: ping\ndata: {"type":"ping"}\n\n')


# --- usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (None, None),
        ({}, None),
        ([1], None),
        ("x", None),
        ({"prompt_tokens": 10, "completion_tokens": 4}, Usage(10, output=4)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 7, "cache_write_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5},
            },
            Usage(20, 60, 20, 0, 50, 30, 7, 5),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": None}, Usage(10, output=1)),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, Usage(6, 4)),
        ({"prompt_tokens": 10, "cached_tokens": 4}, Usage(6, 4)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 9}}, Usage(0, 10)),
        ({"prompt_tokens": -1, "completion_tokens": "4", "prompt_tokens_details": []}, Usage()),
        ({"prompt_tokens": 3.0, "completion_tokens": True}, Usage(3)),
        # xAI counts reasoning beside the answer, and its total shows it.
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(32, output=103, reasoning=94),
        ),
    ],
)
def test_openai_usage(raw, usage):
    assert openai_usage(raw) == usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (None, None),
        ({}, None),
        ({"input_tokens": 10, "output_tokens": 4}, Usage(10, output=4)),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 50,
                "output_tokens_details": {"thinking_tokens": 30},
            },
            Usage(10, 60, 20, 10, 50, 30),
        ),
        ({"input_tokens": 1, "cache_creation_input_tokens": 30, "cache_creation": None}, Usage(1, cache_write_5m=30)),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 10}}, Usage(cache_write_1h=10)),
        ({"input_tokens": None, "output_tokens": "x", "service_tier": "standard"}, Usage()),
    ],
)
def test_anthropic_usage(raw, usage):
    assert anthropic_usage(raw) == usage


counts = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]),
    st.integers(0, 99) | st.none(),
)


@given(st.lists(counts, max_size=5), st.randoms())
def test_merged_usage_is_the_greatest_said_in_any_order(events, rng):
    said: dict = {}
    for event in events:
        merge_usage(said, event)
    rng.shuffle(events)
    again: dict = {}
    for event in events:
        merge_usage(again, event)
    assert (
        said
        == again
        == {
            name: max(e[name] for e in events if e.get(name) is not None)
            for name in {name for e in events for name, value in e.items() if value is not None}
        }
    )


def test_parts_of_written_tokens_are_merged_too():
    said: dict = {}
    merge_usage(said, {"cache_creation": {"ephemeral_1h_input_tokens": 4}, "service_tier": "x"})
    merge_usage(said, {"cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 2}})
    merge_usage(said, None)
    assert said == {"cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 2}}
