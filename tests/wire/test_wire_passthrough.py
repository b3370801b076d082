"""Streams and whole answers of one format on both sides: what goes through, what is heard, when it is over."""

from __future__ import annotations

import itertools
import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.types import Usage
from router.wire import FORMATS
from router.wire.base import ErrorView, Fault, Named, Stream, StreamFault, Whole
from router.wire.passthrough import MAX_MALFORMED
from router.wire.transcode import open_stream, read_answer

OPENAI, ANTHROPIC = FORMATS["openai_chat"], FORMATS["anthropic_messages"]
NAMED = Named("0" * 24, 0)
ERROR = ErrorView(502, "upstream_error", "it broke", None, "req_1")
DONE = b"data: [DONE]\n\n"
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def openai(wants_usage: bool = False) -> Stream:
    asked = b"true" if wants_usage else b"false"
    peek = OPENAI.peek(b'{"model":"a","messages":[],"stream":true,"stream_options":{"include_usage":%b}}' % asked)
    return open_stream(OPENAI, OPENAI, peek, NAMED)


def anthropic() -> Stream:
    return open_stream(ANTHROPIC, ANTHROPIC, ANTHROPIC.peek(b'{"model":"a","messages":[],"max_tokens":1}'), NAMED)


def chunk(delta: dict | None, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return b"data: " + orjson.dumps({"id": "c1", "model": "gpt-4o-1", "choices": choices} | more) + b"\n\n"


def block(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind} | fields) + b"\n\n"


ROLE = chunk({"role": "assistant", "content": "", "refusal": None})
TEXT = chunk({"content": 'Hi \u2028 \U0001f600 "usage": null, usage'})
FINISH = chunk({}, "stop")
USAGE = chunk(None, usage={"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}})
COUNTED = Usage(input_uncached=5, cache_read=4, output=3)

START = block(
    "message_start",
    message={"model": "claude-1", "content": [], "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}},
)
OPEN_TEXT = block("content_block_start", index=0, content_block={"type": "text", "text": ""})
PING = block("ping")
DELTA = block("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
STOPPED = block("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5, "input_tokens": 0})


def ran(stream: Stream, chunks: list[bytes], comment: str = "x-router-cost-usd 0.1") -> tuple[object, ...]:
    """All that can be seen of a stream from outside, and every byte it gave."""
    out, raised = b"", ""
    try:
        for data in chunks:
            out += stream.feed(data)
        stream.finish()
    except (StreamFault, ValueError) as error:
        raised = repr(error)
    out += stream.end(comment) if stream.complete and not raised else stream.fail(ERROR)
    return out, raised, stream.began, stream.complete, stream.usage, stream.model, stream.malformed


def cuts(raw: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[a:b] for a, b in itertools.pairwise(bounds)]


openai_events = st.sampled_from(
    [
        ROLE,
        TEXT,
        chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{\\"usage\\":null'}}]}),
        chunk({"reasoning_content": "hm"}, usage=None),
        chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 1}, obfuscation="ab"),
        b'data: {"usage":null , "choices":[{"delta":{"content":"y","usage":null}}]}\n\n',
        b'data: {"us\\u0061ge":null,\ndata: "choices":[{"delta":{"content":"y"}}]}\n\n',
        chunk(None, prompt_filter_results=[]),
        b": OPENROUTER PROCESSING\n\n",
        b"data:\n\n",
        b"id: 1\nretry: 5\n\n",
        b"data: {broken\n\n",
        b'data: "text"\n\n',
        b'event: x\ndata:{"choices":[{"delta":{"content":"z"}}],"usage":null}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n',
        b"\n\n",
        FINISH,
        USAGE,
        DONE,
        chunk({"content": "b"}, index=1),
        chunk({}, "stop", index=1),
        b'data: {"error":{"message":"no","code":503}}\n\n',
        b'{"error":{"message":"bare"}}\n\n',
    ]
)
anthropic_events = st.sampled_from(
    [
        START,
        OPEN_TEXT,
        PING,
        DELTA,
        block("content_block_start", index=1, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        block("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": ""}),
        block("content_block_stop", index=0),
        block("something_new", x=1),
        b": comment\n\n",
        b"event: content_block_delta\ndata: {broken\n\n",
        STOPPED,
        STOP,
        block("error", error={"type": "overloaded_error", "message": "later"}),
    ]
)


def respelled(events: list[bytes], rng: random.Random) -> bytes:
    """The same events with other line ends, a byte order mark, stray blank lines, perhaps without the last one."""
    style = rng.choice([b"\n", b"\n", b"\r\n", b"\r", None])
    raw = b"".join(events)
    raw = b"".join(line + (style or rng.choice([b"\n", b"\r\n", b"\r"])) for line in raw.split(b"\n")[:-1])
    raw = rng.choice([b"", b"", b"\xef\xbb\xbf", b"\n\n"]) + raw
    return raw[: len(raw) - rng.choice([0, 0, 1, 2, 3, 9])]


@settings(max_examples=400)
@given(
    st.one_of(
        st.tuples(st.just(openai), st.lists(openai_events, max_size=9)),
        st.tuples(st.just(lambda: openai(wants_usage=True)), st.lists(openai_events, max_size=9)),
        st.tuples(st.just(anthropic), st.lists(anthropic_events, max_size=9)),
    ),
    st.integers(0, 2**32).map(random.Random),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_any_cut_of_any_stream_gives_the_same(drawn, rng, places):
    make, events = drawn
    raw = respelled(events, rng)
    whole = ran(make(), [raw])
    assert ran(make(), cuts(raw, places)) == whole
    assert ran(make(), [raw[i : i + 1] for i in range(len(raw))]) == whole


@given(st.lists(st.sampled_from([ROLE, TEXT, PING, USAGE, chunk({"content": "x"}, usage=None), b": hi\n\n"]), max_size=9))
def test_bytes_go_through_untouched(events):
    raw = b"".join([TEXT, *events, FINISH])
    stream = openai(wants_usage=True)
    assert stream.feed(raw + DONE) + stream.end("") == raw + DONE


@given(st.lists(st.sampled_from([START, OPEN_TEXT, DELTA, PING, STOPPED, b": hi\n\n", block("new", x=[1])]), max_size=9))
def test_anthropic_bytes_go_through_untouched(events):
    raw = b"".join([START, *events, STOPPED])
    stream = anthropic()
    assert stream.feed(raw + STOP) + stream.end("") == raw + STOP


def test_openai_stream_from_gate_to_comment():
    stream = openai(wants_usage=True)
    assert (stream.feed(b"\xef\xbb\xbf" + ROLE), stream.began, stream.model) == (ROLE, False, "gpt-4o-1")
    assert (stream.feed(TEXT), stream.began) == (TEXT, True)
    assert (stream.feed(FINISH + USAGE), stream.complete, stream.usage) == (FINISH + USAGE, False, COUNTED)
    assert (stream.feed(DONE + TEXT), stream.complete) == (b"", True)
    assert stream.feed(TEXT) == b""
    assert stream.end("x-router-cost-usd 0.0001") == b": x-router-cost-usd 0.0001\n\n" + DONE


def test_anthropic_stream_from_gate_to_comment():
    stream = anthropic()
    assert (stream.feed(START + PING + OPEN_TEXT), stream.began, stream.model) == (START + PING + OPEN_TEXT, False, "claude-1")
    assert (stream.feed(DELTA), stream.began, stream.usage) == (DELTA, True, Usage(input_uncached=7, cache_read=2, output=1))
    assert (stream.feed(STOPPED), stream.complete) == (STOPPED, False)
    stop = STOP.replace(b"}\n", b',"x":1}\n')
    assert (stream.feed(stop + PING), stream.complete) == (b"", True)
    assert stream.usage == Usage(input_uncached=7, cache_read=2, output=5)
    assert stream.end("c") == b": c\n\n" + stop


@pytest.mark.parametrize(
    ("delta", "began"),
    [
        ({"role": "assistant"}, False),
        ({"role": "assistant", "content": ""}, False),
        ({"content": None, "refusal": None, "tool_calls": []}, False),
        ({}, False),
        ({"content": "a"}, True),
        ({"refusal": "no"}, True),
        ({"reasoning": "hm"}, True),
        ({"reasoning_content": "hm"}, True),
        ({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, True),
        ({"audio": {"data": "x"}}, True),
    ],
)
def test_openai_gate_opens_at_something_said(delta, began):
    stream = openai()
    assert (stream.feed(chunk(delta)), stream.began) == (chunk(delta), began)


def test_openai_gate_opens_at_the_finish_and_not_at_what_azure_says_first():
    stream = openai()
    stream.feed(chunk(None, prompt_filter_results=[{}], model="") + b": hi\n\n" + USAGE)
    assert (stream.began, stream.model) == (False, "gpt-4o-1")
    stream.feed(FINISH)
    assert stream.began


@pytest.mark.parametrize(
    ("event", "began"),
    [
        (START, False),
        (OPEN_TEXT, False),
        (PING, False),
        (block("content_block_start", content_block={"type": "thinking", "thinking": "", "signature": ""}), False),
        (block("content_block_delta", delta={"type": "text_delta", "text": ""}), False),
        (block("content_block_start", content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}), True),
        (block("content_block_start", content_block={"type": "redacted_thinking", "data": "x"}), True),
        (block("content_block_delta", delta={"type": "thinking_delta", "thinking": "hm"}), True),
        (STOPPED, True),
    ],
)
def test_anthropic_gate_opens_at_something_said(event, began):
    stream = anthropic()
    assert (stream.feed(event), stream.began) == (event, began)


def test_usage_is_hidden_from_a_client_that_did_not_ask_and_the_word_is_not():
    stream = openai()
    nested = b'data: {"choices":[{"delta":{"content":"\\"usage\\":null,\\"usage\\":null","usage":null}}]%b}\n\n'
    given = [
        (chunk({"content": "a"}, usage=None), chunk({"content": "a"})),
        (chunk({"content": "a"}, usage=None, obfuscation="x"), chunk({"content": "a"}, obfuscation="x")),
        (nested % b',"usage":null', nested % b""),
        (nested % b' , "usage" : {"prompt_tokens":1} ', nested % b" "),
        (nested % b',"us\\u0061ge":null', nested % b""),
        (b'data: {"usage":null,"choices":[]}\n\n', b'data: {"choices":[]}\n\n'),
        (b'event: e\ndata: {"usage":null,\ndata: "a":\ndata: 1}\n\n', b'event: e\ndata: {"a":\ndata: 1}\n\n'),
        (chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 3}), FINISH),
        (
            b'data: {"usage":{"prompt_tokens":9,"completion_tokens":3},"choices":[{"delta":{"content":"a","usage":null}}]}\n\n',
            b'data: {"choices":[{"delta":{"content":"a","usage":null}}]}\n\n',
        ),
        (USAGE, b""),
        (TEXT, TEXT),
    ]
    assert [stream.feed(sent) for sent, _ in given] == [shown for _, shown in given]
    assert stream.usage == COUNTED


def test_a_finish_reason_without_the_terminal_event_is_complete():
    stream = openai()
    assert stream.feed(TEXT + FINISH + b"data: [DO") == TEXT + FINISH
    stream.finish()
    assert (stream.complete, stream.end("c")) == (True, b": c\n\n" + DONE)
    stream = anthropic()
    assert stream.feed(START + DELTA + STOPPED) == START + DELTA + STOPPED
    stream.finish()
    assert (stream.complete, stream.end("c")) == (True, b": c\n\n" + STOP)


@pytest.mark.parametrize("stream", [openai(), anthropic()])
def test_the_end_without_a_finish_is_not_complete(stream):
    stream.feed(TEXT + START + DELTA)
    stream.finish()
    assert not stream.complete


def test_a_stream_of_two_choices_is_whole_when_both_are():
    stream = openai()
    stream.feed(TEXT + chunk({"content": "b"}, index=1) + FINISH)
    stream.finish()
    assert not stream.complete
    stream = openai()
    stream.feed(TEXT + FINISH + chunk({"content": "b"}, index=1))
    stream.finish()
    assert not stream.complete
    stream = openai()
    stream.feed(TEXT + FINISH + chunk({"content": "b"}, index=1) + chunk({}, "length", index=1))
    stream.finish()
    assert stream.complete


def test_comments_pass_and_data_without_anything_does_not():
    stream = openai()
    comment = b": some data\n\n"
    assert stream.feed(comment + b"data:\n\n" + b"data\n\n" + b"id: 1\n\n" + comment) == comment + b"id: 1\n\n" + comment
    assert (stream.began, stream.malformed) == (False, 0)


def test_nothing_but_the_terminal_event_is_complete_and_never_began():
    stream = openai()
    assert (stream.feed(DONE), stream.complete, stream.began) == (b"", True, False)


def test_the_terminal_word_inside_a_text_ends_nothing():
    stream = openai()
    said = chunk({"content": "data: [DONE]\n\n"})
    assert (stream.feed(said), stream.complete) == (said, False)


def test_a_last_event_without_its_blank_line_counts_when_it_is_whole():
    stream = openai()
    assert stream.feed(TEXT + FINISH[:-2]) == TEXT
    stream.finish()
    assert (stream.complete, stream.end("")) == (True, FINISH + DONE)
    stream = openai()
    stream.feed(TEXT + FINISH[:-5])
    stream.finish()
    assert (stream.complete, stream.malformed) == (False, 1)


@pytest.mark.parametrize(
    ("event", "fault", "status"),
    [
        (b'data: {"error":{"message":"busy","type":"server_error","code":null}}', Fault("busy", "server_error", None), 500),
        (b'data: {"error":{"message":"slow down","code":429},"choices":[]}', Fault("slow down", None, "429"), 429),
        (
            b'data: {"error":{"code":"server_error","message":"gone"},"choices":[{"delta":{},"finish_reason":"error"}]}',
            Fault("gone", None, "server_error"),
            500,
        ),
        (
            b'data: {"choices":[{"finish_reason":"error","error":{"code":502,"message":"upstream"}}]}',
            Fault("upstream", None, "502"),
            502,
        ),
        (
            b'data: {"choices":[{"delta":{},"finish_reason":"error"}]}',
            Fault("the provider ended its answer with an error", None, None),
            502,
        ),
        (b'{"error":{"message":"no stream","code":503}}', Fault("no stream", None, "503"), 503),
        (b'data: {"error":"out of memory"}', Fault("out of memory", None, None), None),
        (b'event: error\ndata: {"message":"x","code":"rate_limit_exceeded"}', Fault("x", None, "rate_limit_exceeded"), 429),
        (
            b'data: {"object":"error","message":"x","type":"BadRequestError","code":400}',
            Fault("x", "BadRequestError", "400"),
            400,
        ),
    ],
)
def test_openai_errors_in_band_are_errors(event, fault, status):
    stream = openai()
    with pytest.raises(StreamFault) as caught:
        stream.feed(ROLE + event + b"\n\n")
    assert (caught.value.fault, caught.value.status, stream.began) == (fault, status, False)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("rate_limit_error", 429), ("api_error", 500), ("timeout_error", 504), ("new_error", None)],
)
def test_anthropic_errors_in_band_stand_for_a_status(kind, status):
    stream = anthropic()
    with pytest.raises(StreamFault) as caught:
        stream.feed(START + block("error", error={"type": kind, "message": "Later"}))
    assert (caught.value.fault, caught.value.status) == (Fault("Later", kind, None), status)


def test_what_was_whole_before_a_fault_is_said_before_the_error():
    stream = openai()
    assert stream.feed(TEXT) == TEXT
    with pytest.raises(StreamFault):
        stream.feed(TEXT + b'data: {"error":{"message":"x"}}\n\n' + TEXT)
    assert stream.fail(ERROR) == TEXT + (
        b'data: {"error":{"message":"it broke","type":"server_error","param":null,"code":"upstream_error"}}\n\n'
    )
    assert anthropic().fail(ERROR) == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"it broke"},"request_id":"req_1"}\n\n'
    )


@pytest.mark.parametrize(
    "broken", [b"data: {cut\n\n", b"data: 3\n\n", b'data: {"choices":[3]}\n\n', b'data: {"choices":{}}\n\ndata: x\n\n']
)
def test_an_unreadable_frame_before_the_gate_is_no_stream(broken):
    stream = openai()
    with pytest.raises(ValueError, match="unreadable"):
        stream.feed(ROLE + broken)


@pytest.mark.parametrize("make", [openai, anthropic])
def test_a_200_that_is_an_error_and_no_stream_is_that_error(make):
    stream = make()
    assert stream.feed(b'{"type":"error",\r\n "error":{"type":"overloaded_error","message":"Later"}}\r\n') == b""
    with pytest.raises(StreamFault) as caught:
        stream.finish()
    assert (caught.value.fault, caught.value.status) == (Fault("Later", "overloaded_error", None), 529)


def test_a_200_that_is_no_stream_at_all_never_begins():
    stream = openai()
    stream.feed(completion({"content": "hi"}) + b"\n<html>")
    stream.finish()
    assert (stream.began, stream.complete) == (False, False)


def test_a_single_unreadable_frame_is_skipped_and_three_in_a_row_are_not():
    stream = openai()
    broken = b"data: {cut\n\n"
    assert stream.feed((TEXT + broken * (MAX_MALFORMED - 1)) * 3) == TEXT * 3
    assert stream.malformed == (MAX_MALFORMED - 1) * 3
    with pytest.raises(ValueError, match="3 frames of the stream in a row are unreadable"):
        stream.feed(broken)
    assert stream.fail(ERROR).startswith(b'data: {"error"')


def test_half_a_surrogate_pair_is_the_clients_business():
    stream = openai()
    said = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'
    assert (stream.feed(said), stream.began) == (said, True)


# --- whole answers


def whole(fmt, raw: bytes) -> Whole:
    return read_answer(fmt, fmt, raw, NAMED)


def completion(message: dict, finish: str = "stop", **more: object) -> bytes:
    return orjson.dumps({"model": "gpt-4o-1", "choices": [{"index": 0, "message": message, "finish_reason": finish}]} | more)


@pytest.mark.parametrize(
    ("raw", "empty"),
    [
        (completion({"role": "assistant", "content": "hi"}), False),
        (completion({"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}, "tool_calls"), False),
        (completion({"role": "assistant", "content": None, "refusal": "no"}), False),
        (completion({"role": "assistant", "content": ""}, "content_filter"), False),
        (completion({"role": "assistant", "content": "", "refusal": None}), True),
        (completion({"role": "assistant", "content": ""}, usage={"prompt_tokens": 5, "completion_tokens": 0}), True),
        (completion({"role": "assistant", "content": ""}, "length", usage={"prompt_tokens": 5, "completion_tokens": 9}), False),
        (b'{"model":"gpt-4o-1","choices":[]}', True),
    ],
)
def test_a_whole_completion_is_relayed_and_read(raw, empty):
    given = whole(OPENAI, raw)
    assert (given.body, given.model, given.empty) == (raw, "gpt-4o-1", empty)


def test_usage_of_whole_answers():
    raw = completion({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": 9})
    assert whole(OPENAI, raw).usage == Usage(input_uncached=5, output=9)
    raw = b'{"model":"c","content":[{"type":"text","text":"a"}],"usage":{"input_tokens":5,"output_tokens":9}}'
    assert whole(ANTHROPIC, raw) == Whole(raw, "c", Usage(input_uncached=5, output=9), empty=False)


@pytest.mark.parametrize(
    ("raw", "empty"),
    [
        (b'{"content":[],"usage":{"output_tokens":0}}', True),
        (b'{"content":[{"type":"text","text":""}]}', True),
        (b'{"content":[],"stop_reason":"refusal"}', False),
        (b'{"content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}', False),
        (b'{"content":[],"usage":{"output_tokens":2}}', False),
    ],
)
def test_an_empty_message_is_told(raw, empty):
    assert whole(ANTHROPIC, raw).empty is empty


@pytest.mark.parametrize("fmt", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"[]", b"3", b"{}", b'{"choices":null,"content":null}', b'{"choices":[3],"content":[3]}']
)
def test_what_is_no_answer_is_a_value_error(fmt, raw):
    with pytest.raises(ValueError):
        whole(fmt, raw)


@pytest.mark.parametrize("fmt", [OPENAI, ANTHROPIC])
def test_an_error_in_a_200_is_a_fault(fmt):
    with pytest.raises(StreamFault) as caught:
        whole(fmt, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert (caught.value.fault, caught.value.status) == (Fault("Overloaded", "overloaded_error", None), 529)


def test_openrouters_error_inside_a_choice_is_a_fault():
    raw = b'{"choices":[{"error":{"code":502,"message":"bad"},"finish_reason":"error","message":{"content":""}}]}'
    with pytest.raises(StreamFault) as caught:
        whole(OPENAI, raw)
    assert (caught.value.fault, caught.value.status) == (Fault("bad", None, "502"), 502)
