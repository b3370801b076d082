"""Streams between formats as they come in the wild, and clean on the way out."""

import json

import pytest

from router.types import Usage
from router.wire import anthropic_messages, openai_chat
from router.wire.base import ErrorView, Named, StreamFault
from router.wire.translate import open_translation

NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)
ASKED = [{"role": "user", "content": "hi"}]
ERROR = ErrorView(502, "upstream_error", "broke off", None, "req-1")


def chunk(delta, finish=None, **more):
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": choices, **more}).encode() + b"\n\n"


def calls(*deltas):
    return chunk({"tool_calls": list(deltas)})


def part(index=None, call_id=None, name=None, arguments=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    said = {"index": index, "id": call_id, "function": function or None}
    return {key: value for key, value in said.items() if value is not None}


DONE = b"data: [DONE]\n\n"


def opened(client, upstream, *, usage=True):
    said = {"model": "fast", "max_tokens": 1, "messages": ASKED, "stream": True, "stream_options": {"include_usage": usage}}
    return open_translation(client, upstream, client.peek(json.dumps(said).encode()), NAMED)


def events(raw):
    """Data of all events; the `event:` of each equals its `type`."""
    out = []
    for block in raw.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if lines and lines["data"] != "[DONE]":
            out.append(json.loads(lines["data"]))
            assert lines.get("event") == out[-1].get("type")
    return out


def through(*frames):
    """What an Anthropic client gets of these OpenAI frames: its tool calls, as it puts them together."""
    stream = opened(anthropic_messages, openai_chat)
    raw = b"".join(map(stream.feed, frames))
    stream.finish()
    assert stream.complete
    return events(raw + stream.end(""))


def tool_calls(seen):
    """(id, name, arguments) of each block; blocks are bracketed, with contiguous indices."""
    blocks, is_open = [], None
    for event in seen:
        match event["type"]:
            case "content_block_start":
                assert (is_open, event["index"]) == (None, len(blocks))
                is_open = event["index"]
                blocks.append([event["content_block"].get("id"), event["content_block"].get("name"), ""])
            case "content_block_delta":
                assert event["index"] == is_open
                blocks[-1][2] += event["delta"].get("partial_json", "") + event["delta"].get("text", "")
            case "content_block_stop":
                assert event["index"] == is_open
                is_open = None
    assert is_open is None
    return [tuple(block) for block in blocks]


A, B = ("c1", "get", '{"a":1}'), ("c2", "put", '{"b":2}')


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(
            [calls(part(0, "c1", "get", "")), calls(part(0, None, None, '{"a":1}')), calls(part(1, "c2", "put", '{"b":2}'))],
            id="usual",
        ),
        pytest.param(
            [
                calls(part(0, "c1", "get"), part(1, "c2", "put")),
                calls(part(1, None, None, '{"b":')),
                calls(part(0, None, None, '{"a":')),
                calls(part(1, None, None, "2}")),
                calls(part(0, None, None, "1}")),
            ],
            id="interleaved",
        ),
        pytest.param(
            [
                calls(part(None, "c1", "get", '{"a":')),
                calls(part(None, None, None, "1}")),
                calls(part(None, "c2", "put", '{"b":2}')),
            ],
            id="no index",
        ),
        pytest.param(
            [
                calls(part(0, "c1", "get", '{"a":')),
                calls(part(0, "c1", "get", "1}")),
                calls(part(1, "c2", "put", '{"b":')),
                calls(part(1, "c2", "", "2}")),
            ],
            id="id in every one",
        ),
        pytest.param([calls(part(0, "c1", "get", '{"a":1}'), part(0, "c2", "put", '{"b":2}'))], id="one index for both"),
        pytest.param(
            [
                calls(part(0, "c1")),
                calls(part(0, None, "get")),
                calls(part(0, None, None, '{"a":1}')),
                calls(part(1, "c2", "put", '{"b":2}')),
            ],
            id="name after id",
        ),
        pytest.param(
            [
                calls(part(0, "c1", "get", '{"a"')),
                calls({"index": 0}),
                calls(),
                calls(part(0, None, None, ":1}")),
                calls(part(1, "c2", "put", '{"b":2}')),
            ],
            id="empty deltas",
        ),
        pytest.param([calls(part(7, "c1", "get", '{"a":1}')), calls(part(2**64 - 1, "c2", "put", '{"b":2}'))], id="odd indices"),
    ],
)
def test_tool_calls_as_they_come_in_the_wild(frames):
    seen = through(chunk({"role": "assistant", "content": None}), *frames, chunk({}, "stop"), DONE)
    assert tool_calls(seen) == [A, B]
    assert seen[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_call_that_is_whole_does_not_wait_for_the_end():
    stream = opened(anthropic_messages, openai_chat)
    stream.feed(calls(part(0, "c1", "get", '{"a":1}')))
    assert [event["type"] for event in events(stream.feed(calls(part(1, "c2", "put", '{"b'))))] == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_a_call_cut_short_is_closed_before_the_stop():
    seen = through(calls(part(0, "c1", "get", '{"a":')), chunk({"content": "late"}), chunk({}, "length"), DONE)
    assert tool_calls(seen) == [("c1", "get", '{"a":'), (None, None, "late")]
    assert [event["type"] for event in seen[-3:]] == ["content_block_stop", "message_delta", "message_stop"]


def test_calls_beyond_reason_are_refused():
    stream = opened(anthropic_messages, openai_chat)
    frames = b"".join(calls(part(i, f"c{i}", "get", "{}")) for i in range(140))
    with pytest.raises(ValueError, match="more than 128 tool calls"):
        stream.feed(frames)


def test_reasoning_after_text_gets_a_block_of_its_own():
    seen = through(chunk({"content": "a"}), chunk({"reasoning_content": "hm"}), chunk({"content": "b"}), chunk({}, "stop"), DONE)
    kinds = [event["content_block"]["type"] for event in seen if event["type"] == "content_block_start"]
    assert kinds == ["text", "thinking", "text"]
    assert [block[2] for block in tool_calls(seen)] == ["a", "", "b"]


def test_usage_after_the_finish_stands_in_the_terminal_event():
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    seen = through(
        chunk({"content": "x"}, usage=None),
        chunk({}, "stop"),
        b'data: {"choices":[],"usage":%b}\n\n' % json.dumps(usage).encode(),
        DONE,
    )
    assert [event["type"] for event in seen[-2:]] == ["message_delta", "message_stop"]
    assert (seen[-2]["usage"]["input_tokens"], seen[-2]["usage"]["output_tokens"]) == (5, 2)
    assert sum(event["type"] == "message_delta" for event in seen) == 1


def test_usage_beside_choices_counts_too():
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    assert through(chunk({"content": "x"}, usage=usage), chunk({}, "stop", usage=usage), DONE)[-2]["usage"]["output_tokens"] == 2


def test_the_finish_is_enough_without_done():
    assert through(chunk({"content": "x"}), chunk({}, "stop"))[-1] == {"type": "message_stop"}


def test_done_is_enough_without_a_finish():
    assert through(chunk({"content": "x"}), DONE)[-2]["delta"]["stop_reason"] == "end_turn"


def test_done_within_text_is_text():
    assert (
        tool_calls(through(chunk({"content": "data: [DONE]\n\n[DONE]"}), chunk({}, "stop"), DONE))[0][2]
        == "data: [DONE]\n\n[DONE]"
    )


def test_nothing_leaves_before_the_stream_says_something():
    stream = opened(anthropic_messages, openai_chat)
    azure = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n'
    assert stream.feed(azure + b": ping\n\n" + chunk({"role": "assistant", "content": ""})) == b""
    assert (stream.began, stream.complete) == (False, False)
    assert stream.feed(chunk({"content": "x"})).startswith(b"event: message_start\n")
    assert stream.began


def test_only_the_model_of_the_first_chunk_with_choices_is_told():
    stream = opened(anthropic_messages, openai_chat)
    stream.feed(b'data: {"id":"","model":"","choices":[]}\n\n' + chunk({"content": "x"}))
    assert stream.model == "m"


def test_an_error_in_the_stream_is_raised_and_what_came_before_is_not_lost():
    stream = opened(anthropic_messages, openai_chat)
    stream.feed(chunk({"content": "a"}))
    with pytest.raises(StreamFault) as fault:
        stream.feed(chunk({"content": "b"}) + b'data: {"error":{"message":"busy","code":503}}\n\n')
    assert fault.value.status == 503
    last = events(stream.fail(ERROR))
    assert [event["type"] for event in last] == ["content_block_delta", "error"]
    assert last[0]["delta"]["text"] == "b"


def test_an_error_event_is_the_last_thing_an_openai_client_gets():
    stream = opened(openai_chat, anthropic_messages)
    stream.feed(b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"x"}}\n\n')
    with pytest.raises(StreamFault):
        stream.feed(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n')
    raw = stream.fail(ERROR)
    assert raw.startswith(b'data: {"error":')
    assert raw.count(b"\n\n") == 1


def test_one_malformed_frame_is_skipped_and_three_in_a_row_are_not():
    stream = opened(anthropic_messages, openai_chat)
    stream.feed(chunk({"content": "a"}))
    bad = b'data: {"choi\n\n'
    assert events(stream.feed(bad + bad + chunk({"content": "b"}) + bad))[0]["delta"]["text"] == "b"
    assert stream.malformed == 3
    stream.feed(bad)
    with pytest.raises(ValueError):
        stream.feed(bad)


def test_a_malformed_frame_before_the_beginning_is_a_failure():
    with pytest.raises(ValueError):
        opened(anthropic_messages, openai_chat).feed(b"data: nonsense\n\n")


def test_a_character_cut_between_two_deltas_is_joined():
    halves = [
        b'data: {"model":"m","choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ude00b"}}]}\n\n',
    ]
    assert tool_calls(through(*halves, chunk({}, "stop"), DONE))[0][2] == "a\U0001f600b"


ANTHROPIC = [
    {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 5, "output_tokens": 1}}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "now", "input": {}}},
    {"type": "content_block_stop", "index": 1},
    {"type": "something_new", "x": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9, "input_tokens": 0}},
    {"type": "message_stop"},
]


def anthropic(*seen):
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in seen)


def test_a_call_without_arguments_streams_an_empty_object():
    stream = opened(openai_chat, anthropic_messages)
    seen = events(stream.feed(anthropic(*ANTHROPIC)) + stream.end("note"))
    deltas = [choice["delta"] for event in seen for choice in event["choices"]]
    fragments = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ())]
    assert "".join(fragments) == "{}"
    assert seen[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert (seen[-1]["choices"], seen[-1]["usage"]["prompt_tokens"], seen[-1]["usage"]["completion_tokens"]) == ([], 5, 9)
    assert {(c["id"], c["created"], c["model"]) for c in seen} == {(f"chatcmpl-{NAMED.id}", NAMED.created, "x")}


def test_usage_is_not_shown_to_who_did_not_ask_but_counted():
    stream = opened(openai_chat, anthropic_messages, usage=False)
    raw = stream.feed(anthropic(*ANTHROPIC)) + stream.end("")
    assert b'"usage"' not in raw
    assert stream.usage == Usage(input_uncached=5, output=9)


def test_the_comment_stands_before_the_last_event():
    stream = opened(openai_chat, anthropic_messages)
    stream.feed(anthropic(*ANTHROPIC))
    assert stream.end("cost 1").endswith(b"\n\n: cost 1\n\ndata: [DONE]\n\n")
    other = opened(anthropic_messages, openai_chat)
    other.feed(chunk({"content": "x"}, "stop") + DONE)
    assert other.end("cost 1").endswith(b"\n\n: cost 1\n\n" + b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_input_behind_the_end_is_ignored():
    stream = opened(openai_chat, anthropic_messages)
    stream.feed(anthropic(*ANTHROPIC))
    assert (stream.complete, stream.feed(anthropic(*ANTHROPIC))) == (True, b"")


def test_arguments_that_come_whole_with_the_start_are_not_lost():
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "get", "input": {"a": 1}},
    }
    stream = opened(openai_chat, anthropic_messages)
    raw = stream.feed(anthropic(ANTHROPIC[0], start, {"type": "content_block_stop", "index": 0}, *ANTHROPIC[-2:]))
    assert b'{\\"a\\":1}' in raw
