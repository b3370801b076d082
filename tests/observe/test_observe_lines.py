from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.engine.exchange import Attempt
from router.observe.lines import Clockface, json_line, request_fields, request_line, text_line
from router.types import Usage

DOCUMENT = Path(__file__).parents[2].joinpath("docs/names.md").read_text("utf-8")
NAMES = re.findall(r"`([a-z_]+)", re.search(r"^`time` .*?\n\n", DOCUMENT, re.MULTILINE | re.DOTALL)[0])


def line_of(exchange):
    """The line as it is written, which must be what the fields say."""
    said = json.loads(json_line(request_fields(exchange, "2025-11-24T16:00:01.250Z")))
    written = request_line(exchange, "2025-11-24T16:00:01.250Z")
    assert written.endswith(b"}\n")
    assert json.loads(written) == said
    return said


def test_an_answered_request_has_these_fields(exchange):
    assert line_of(exchange()) == {
        "time": "2025-11-24T16:00:01.250Z",
        "level": "info",
        "msg": "request",
        "request_id": "req_1",
        "generation": 7,
        "key": "web-app",
        "api": "openai_chat",
        "model": "fast",
        "target": "openai/gpt-4o-mini",
        "reported_model": "gpt-4o-mini-2024-07-18",
        "outcome": "ok",
        "status": 200,
        "stream": False,
        "attempts": [{"target": "openai/gpt-4o-mini", "outcome": "ok", "status": 200, "seconds": 0.75}],
        "duration": 1.0,
        "overhead": 0.25,
        "input_tokens": 150,
        "cache_read_tokens": 30,
        "output_tokens": 34,
        "reasoning_tokens": 4,
        "cost_usd": 0.000012345,
    }


def test_a_refused_request_leaves_out_what_it_never_had(exchange):
    refused = exchange(
        key=None, model=None, target=None, reported_model="", attempts=[], usage=None, cost=None, upstream_seconds=0.0,
        outcome="client_error", status=404, error_code="model_not_found", error_source="client",
    )  # fmt: skip
    assert line_of(refused) == {
        "time": "2025-11-24T16:00:01.250Z",
        "level": "info",
        "msg": "request",
        "request_id": "req_1",
        "generation": 7,
        "api": "openai_chat",
        "outcome": "client_error",
        "status": 404,
        "stream": False,
        "duration": 1.0,
        "overhead": 1.0,
        "error_code": "model_not_found",
        "error_source": "client",
    }


def test_fields_stand_in_the_documented_order_and_have_documented_names(exchange):
    full = exchange(
        client_request_id="c-1", stream=True, first_token=0.2, partial=True, error_code="x", error_source="upstream",
        outcome="stream_error", usage=Usage(1, 2, 3, 4, 5, 1),
    )  # fmt: skip
    fields = list(line_of(full))
    assert fields == NAMES


def test_both_kinds_of_cache_writes_are_one_figure(exchange):
    assert line_of(exchange(usage=Usage(0, 0, 30, 12)))["cache_write_tokens"] == 42


def test_a_free_answer_costs_nothing_and_an_unpriced_one_says_nothing(exchange):
    assert line_of(exchange(cost=0))["cost_usd"] == 0
    assert "cost_usd" not in line_of(exchange(cost=None))


def test_money_is_written_exactly(exchange):
    assert b'"cost_usd":12345678901.000000001' in json_line(request_fields(exchange(cost=12_345_678_901_000_000_001), ""))


def test_an_attempt_without_a_status_has_none(exchange):
    attempts = [Attempt("a/m", "connect", None, 0.0012345678), Attempt("b/m", "ok", 200, 1.0)]
    assert line_of(exchange(attempts=attempts))["attempts"] == [
        {"target": "a/m", "outcome": "connect", "seconds": 0.001235},
        {"target": "b/m", "outcome": "ok", "status": 200, "seconds": 1.0},
    ]


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("ok", "info"), ("client_gone", "info"), ("denied", "info"), ("timeout", "warning"), ("stream_error", "warning"),
     ("upstream_error", "warning"), ("router_error", "error")],
)  # fmt: skip
def test_level_says_who_must_look(exchange, outcome, level):
    assert line_of(exchange(outcome=outcome))["level"] == level


def test_what_the_client_asked_and_said_is_not_in_the_line(exchange):
    line = json_line(request_fields(exchange(raw=b"CANARY", asked="CANARY", passed=(("x", "CANARY"),)), ""))
    assert b"CANARY" not in line


@pytest.mark.parametrize("text", ["\udcff", "a\nb", '"', "\u2028", "é", "\x1b[31m"])
def test_hostile_text_stays_one_line_of_json_and_of_text(exchange, text):
    fields = request_fields(exchange(client_request_id=text), "t")
    assert json.loads(json_line(fields))["client_request_id"] == text
    shown = text_line(fields, colour=False)
    assert len(shown.decode().splitlines()) == 1
    assert b"\x1b" not in shown


def test_surrogates_do_not_lose_the_money(exchange):
    assert json.loads(json_line(request_fields(exchange(client_request_id="\udcff"), "t")))["cost_usd"] == 0.000012345


def test_text_is_for_reading(exchange):
    fields = request_fields(exchange(attempts=[Attempt("a/m", "server", 503, 1.0), Attempt("b/m", "ok", 200, 1.0)]), "NOW")
    assert text_line(fields, colour=False) == (
        b"NOW info    request request_id=req_1 generation=7 key=web-app api=openai_chat model=fast target=openai/gpt-4o-mini "
        b"reported_model=gpt-4o-mini-2024-07-18 outcome=ok status=200 stream=false attempts=a/m:server,b/m:ok duration=1.0 "
        b"overhead=0.25 input_tokens=150 cache_read_tokens=30 output_tokens=34 reasoning_tokens=4 cost_usd=0.000012345\n"
    )


def test_colour_is_only_on_the_level():
    fields = {"time": "NOW", "level": "error", "msg": "request"}
    assert text_line(fields, colour=True) == b"NOW \x1b[31merror  \x1b[0m request\n"


@settings(max_examples=100)
@given(st.lists(st.integers(0, 4_000_000_000_000), max_size=4))
def test_time_is_rfc_3339_in_utc_whatever_was_asked_before(millis):
    face = Clockface()
    for milli in millis:
        expected = datetime.fromtimestamp(milli // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{milli % 1000:03d}Z"
        # The thousandth itself may fall on either side: a float of 13 digits and three more is not exact.
        assert face.show((milli + 0.5) / 1000) == expected


def test_lines_end_with_one_newline():
    assert json_line({"a": orjson.Fragment(b"1")}) == b'{"a":1}\n'


TEXTS = st.one_of(st.none(), st.text(max_size=12), st.just("a\udce9"))
SECONDS = st.floats(0, 1e4)
CHANGES = st.fixed_dictionaries(
    {
        "client_request_id": TEXTS,
        "reported_model": TEXTS.map(lambda text: text or ""),
        "error_code": TEXTS,
        "target": TEXTS,
        "outcome": st.sampled_from(["ok", "timeout", "router_error"]),
        "stream": st.booleans(),
        "partial": st.booleans(),
        "first_token": st.one_of(st.none(), SECONDS),
        "usage": st.one_of(st.none(), st.builds(Usage, *[st.integers(0, 10**6)] * 6)),
        "cost": st.one_of(st.none(), st.integers(0, 10**12)),
        "ended": SECONDS.map(lambda seconds: seconds + 10.0),
        "attempts": st.lists(
            st.builds(Attempt, TEXTS.map(str), st.just("server"), st.one_of(st.none(), st.integers(200, 599)), SECONDS),
            max_size=3,
        ),
    }
)


@given(changes=CHANGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_line_is_written_as_the_fields_say(exchange, changes):
    line_of(exchange(**changes))
