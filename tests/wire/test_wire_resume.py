"""Answers that go on elsewhere: what may, what the next server is asked, and that the splice cannot be seen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import BadRequest
from router.types import Usage
from router.wire import FORMATS
from router.wire.base import ErrorView, Named, Prefill, Wanted
from router.wire.resume import SoFar, continuation, is_plain, open_continuation, read_so_far
from router.wire.seam import SURE, Place, Seam

CHAT, MESSAGES = FORMATS["openai_chat"], FORMATS["anthropic_messages"]
NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)
WANTED = Wanted("m-2")
HEAD = {"id": "gen-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}


def chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**HEAD, "choices": [choice], **more}).encode() + b"\n\n"


def event(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def block(kind="text", index=0, **fields):
    return event("content_block_start", index=index, content_block={"type": kind, **({"text": ""} if kind == "text" else fields)})


def delta(text, index=0):
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


def thought(text, index=0):
    return event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": text})


def stop(index=0):
    return event("content_block_stop", index=index)


START = event("message_start", message={"id": "msg_1", "model": "m-1", "usage": {"input_tokens": 4, "output_tokens": 1}})
ROLE = chunk({"role": "assistant", "content": ""})


# --- the seam ------------------------------------------------------------------


def cut(turn, blanks, text, *, repeats):
    """What the seam is to give, said at once."""
    if repeats or len(turn) >= SURE:
        text = text.removeprefix(turn)
    same = 0
    while same < min(len(blanks), len(text)) and blanks[same] == text[same]:
        same += 1
    return text[same:]


SMALL = st.text("ab \n", max_size=24)


@given(turn=SMALL, blanks=st.text(" \n", max_size=3), text=SMALL, echoed=st.booleans(), repeats=st.booleans(), data=st.data())
def test_however_the_text_is_cut_the_seam_gives_the_same(turn, blanks, text, echoed, repeats, data):
    said = turn + blanks + text if echoed else text
    seam = Seam(turn, blanks, repeats=repeats)
    given_, rest = "", said
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        given_ += seam.take(rest[:size])
        rest = rest[size:]
    given_ += seam.rest()
    assert given_ == cut(turn, blanks, said, repeats=repeats)
    assert seam.rest() == ""


@pytest.mark.parametrize(
    ("turn", "blanks", "repeats", "text", "expected"),
    [
        ("The cat sat on the", " ", False, " mat", "mat"),
        ("The cat sat on the", " ", False, "mat", "mat"),
        ("The cat sat on the", "\n", False, "\n\nmat", "\nmat"),
        ("The cat sat on the", "\n\n", False, "\nmat", "mat"),
        ("The cat sat on the", " ", False, "The cat sat on the mat", "mat"),
        ("The cat sat on the", " ", False, "The cat sat", "The cat sat"),
        ("The cat sat on the", "", False, "The cat sat up", "The cat sat up"),
        ("ha", "", False, "ha", "ha"),  # Too short to be sure that it is no joke.
        ("ha", "", True, "haha", "ha"),
    ],
)
def test_only_what_the_client_has_is_cut(turn, blanks, repeats, text, expected):
    seam = Seam(turn, blanks, repeats=repeats)
    assert seam.take(text) + seam.rest() == expected


# --- what the client has -------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "sent", "place"),
    [
        (CHAT, [ROLE, chunk({"content": "Hel"}), chunk({"content": "lo "})], Place("Hello ", HEAD, 0, open=True)),
        (CHAT, [b": a comment\n\n", ROLE, chunk({"content": "Hi"})], Place("Hi", HEAD, 0, open=True)),
        (CHAT, [chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"})], Place("Hi", HEAD, 0, open=True)),
        (CHAT, [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"})], Place("\U0001f600", HEAD, 0, open=True)),
        (MESSAGES, [START, block(), delta("Hel"), delta("lo")], Place("Hello", {}, 0, open=True)),
        (MESSAGES, [START, MESSAGES.ping, block(), delta("Hi"), stop()], Place("Hi", {}, 0, open=False)),
        (
            MESSAGES,
            [START, block("thinking", thinking=""), thought("Hm"), stop(), block(index=1), delta("Hi", 1)],
            Place("Hi", {}, 1, open=True),
        ),
        (MESSAGES, [START, block(), delta("a"), stop(), block(index=1), delta("b", 1)], Place("ab", {}, 1, open=True)),
    ],
)
def test_where_a_stream_of_plain_text_stands(client, sent, place):
    usage = Usage(3)
    assert read_so_far(client, b"".join(sent), usage) == SoFar(place, usage)


TOOL = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}
CITED = event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": {}})


@pytest.mark.parametrize(
    ("client", "sent"),
    [
        (CHAT, []),
        (CHAT, [ROLE]),
        (CHAT, [chunk({"content": " \n"})]),
        (CHAT, [chunk({"content": "Hi"}), chunk(TOOL)]),
        (CHAT, [chunk(TOOL)]),
        (CHAT, [chunk({"content": "Hi"}), chunk({"reasoning_content": "Hm"})]),
        (CHAT, [chunk({"reasoning": "Hm"})]),
        (CHAT, [chunk({"refusal": "No"})]),
        (CHAT, [chunk({"content": "Hi", "annotations": [{}]})]),
        (CHAT, [chunk({"content": [{"type": "text", "text": "Hi"}]})]),
        (CHAT, [chunk({"content": "Hi"}), chunk({}, "stop")]),
        (CHAT, [chunk({"content": "Hi"}).replace(b'"index": 0', b'"index": 1')]),
        (CHAT, [chunk({"content": "Hi"}).replace(b'"finish_reason"', b'"logprobs": {"content": []}, "finish_reason"')]),
        (CHAT, [b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n']),
        (CHAT, [b"data: [1]\n\n"]),
        (CHAT, [b"data: [DONE]\n\n"]),
        (MESSAGES, []),
        (MESSAGES, [START, block()]),
        (MESSAGES, [START, block("tool_use", id="t", name="f", input={})]),
        (MESSAGES, [START, block(), delta("Hi"), stop(), block("tool_use", index=1, id="t", name="f", input={})]),
        (MESSAGES, [START, block(), delta("Hi"), CITED]),
        (MESSAGES, [START, block("thinking", thinking=""), thought("Hm")]),
        (MESSAGES, [START, block(), delta("Hi"), stop(), block("thinking", index=1, thinking=""), thought("Hm", 1)]),
        (MESSAGES, [START, block(), delta("Hi"), stop(), event("message_delta", delta={"stop_reason": "end_turn"})]),
        (MESSAGES, [START, block(), delta("Hi"), event("error", error={"message": "no"})]),
        (MESSAGES, [START, block(), delta("Hi \ud83d")]),
        (MESSAGES, [b"data: {}\n\n"]),
    ],
)
def test_from_anything_else_nobody_goes_on(client, sent):
    assert read_so_far(client, b"".join(sent), None) is None


@pytest.mark.parametrize(
    ("client", "more", "plain"),
    [
        (CHAT, {}, True),
        (CHAT, {"n": 1, "logprobs": False, "response_format": {"type": "text"}, "modalities": ["text"]}, True),
        (CHAT, {"response_format": {"type": "json_object"}}, False),
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, False),
        (CHAT, {"n": 2}, False),
        (CHAT, {"logprobs": True}, False),
        (CHAT, {"modalities": ["text", "audio"], "audio": {"voice": "alloy"}}, False),
        (MESSAGES, {}, True),
        (MESSAGES, {"output_config": {"effort": "low"}}, True),
        (MESSAGES, {"output_config": {"format": {"type": "json_schema", "schema": {}}}}, False),
        (MESSAGES, {"output_format": {"type": "json_schema", "schema": {}}}, False),
    ],
)
def test_what_is_plain_is_known_from_the_request(client, more, plain):
    peek = client.peek(asked(**more))
    assert is_plain(client, peek, WANTED) is plain
    assert not is_plain(client, peek, Wanted("m-2", {"response_format": {"type": "json_object"}}))


# --- what is asked -------------------------------------------------------------


def asked(*turns, **more):
    return json.dumps({"model": "fast", "messages": [{"role": "user", "content": "Hi"}, *turns], "stream": True, **more}).encode()


def so_far(text="Hel lo ", usage=None, **place):
    return SoFar(Place(text, HEAD, **({"block": 0, "open": True} | place)), usage)


def request(client, upstream, raw, text="Hel lo ", usage=None, wanted=WANTED):
    return json.loads(continuation(client, upstream, raw, client.peek(raw), wanted, so_far(text, usage)).body)


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("client", [CHAT, MESSAGES])
@pytest.mark.parametrize("upstream", [CHAT, MESSAGES])
def test_the_text_so_far_is_the_last_turn_and_never_ends_with_blanks(client, upstream):
    body = request(client, upstream, asked(max_tokens=50), usage=Usage(1, output=8))
    assert body["messages"] == [USER, {"role": "assistant", "content": "Hel lo"}]
    assert body["model"] == "m-2"
    assert body["stream"] is True
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 42


@pytest.mark.parametrize("client", [CHAT, MESSAGES])
def test_all_other_bytes_of_the_client_are_kept(client):
    raw = b'{"model":"fast",  "messages" : [ {"role":"user","content":"1.10"} ],"temperature":0.70,"max_tokens":5}'
    built = continuation(client, client, raw, client.peek(raw), WANTED, so_far())
    turn = b',{"role":"assistant","content":"Hel lo"}]'
    assert built.body == raw.replace(b" ],", b" " + turn + b",").replace(b'"fast"', b'"m-2"')


def test_a_conversation_may_begin_with_it():
    raw = b'{"model":"fast","messages":[],"stream":true}'
    assert request(CHAT, CHAT, raw)["messages"] == [{"role": "assistant", "content": "Hel lo"}]


@pytest.mark.parametrize(
    ("client", "turn", "expected"),
    [
        (CHAT, {"role": "assistant", "content": "Say: "}, {"role": "assistant", "content": "Say: Hel lo"}),
        (
            CHAT,
            {"role": "assistant", "content": [{"type": "text", "text": "Say: "}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Say: "}, {"type": "text", "text": "Hel lo"}]},
        ),
        (MESSAGES, {"role": "assistant", "content": "Say: "}, {"role": "assistant", "content": "Say: Hel lo"}),
        (
            MESSAGES,
            {"role": "assistant", "content": [{"type": "text", "text": "Say:"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Say:"}, {"type": "text", "text": "Hel lo"}]},
        ),
    ],
)
def test_a_turn_that_the_client_began_itself_is_gone_on_with(client, turn, expected):
    assert request(client, client, asked(turn))["messages"] == [USER, expected]


@pytest.mark.parametrize(
    ("client", "raw", "usage", "wanted"),
    [
        (CHAT, asked(max_tokens=8), Usage(1, output=8), WANTED),
        (CHAT, asked(n=2), None, WANTED),
        (CHAT, asked(), None, Wanted("m-2", {"response_format": {"type": "json_object"}})),
        (CHAT, asked({"role": "assistant", "tool_calls": [{"id": "c"}]}), None, WANTED),
        (CHAT, asked({"role": "assistant", "content": None}), None, WANTED),
        (MESSAGES, asked({"role": "assistant", "content": [{"type": "tool_use"}]}), None, WANTED),
        (MESSAGES, asked({"role": "assistant"}), None, WANTED),
    ],
)
def test_what_cannot_be_continued_is_not_asked_for(client, raw, usage, wanted):
    with pytest.raises(BadRequest):
        continuation(client, client, raw, client.peek(raw), wanted, so_far(usage=usage))


def test_servers_that_want_to_be_told_are_told():
    wanted = Wanted("m-2", prefill=Prefill({"prefix": True}, {"add_generation_prompt": False}))
    body = request(MESSAGES, CHAT, asked(max_tokens=5), wanted=wanted)
    assert body["messages"][-1] == {"role": "assistant", "content": "Hel lo", "prefix": True}
    assert body["add_generation_prompt"] is False
    assert "prefix" not in request(CHAT, MESSAGES, asked(max_tokens=5), wanted=wanted)["messages"][-1]


# --- the splice ----------------------------------------------------------------


def spliced(client, upstream, pieces, *, place, before=None, wants_usage=True, wanted=WANTED, turns=()):
    raw = asked(*turns, max_tokens=50, **({"stream_options": {"include_usage": wants_usage}} if client is CHAT else {}))
    stream = open_continuation(client, upstream, client.peek(raw), wanted, NAMED, SoFar(place, before))
    out = b"".join(map(stream.feed, pieces))
    stream.finish()
    return stream, out


def whole(client, upstream, pieces, **how):
    stream, out = spliced(client, upstream, pieces, **how)
    assert stream.began
    assert stream.complete
    return out + stream.end("bye")


def chat_rest(*texts, usage=True):
    said = chunk({}, "stop").replace(b"gen-1", b"other")
    counted = b'data: {"id":"other","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\n'
    return [
        b"data: " + json.dumps({**HEAD, "id": "other", "model": "m-2", "choices": [{"index": 0, "delta": d}]}).encode() + b"\n\n"
        for d in ({"role": "assistant", "content": ""}, *({"content": text} for text in texts))
    ] + [said, *([counted] if usage else []), b"data: [DONE]\n\n"]


def messages_rest(*texts):
    usage = {"input_tokens": 9, "output_tokens": 1}
    return [
        event("message_start", message={"id": "msg_other", "model": "m-2", "usage": usage}),
        block(),
        *map(delta, texts),
        stop(),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        event("message_stop"),
    ]


REST = {CHAT.name: chat_rest, MESSAGES.name: messages_rest}


def datas(out):
    return [json.loads(line[6:]) for line in out.split(b"\n") if line.startswith(b"data: {")]


@pytest.mark.parametrize("upstream", [CHAT, MESSAGES])
def test_a_chat_client_sees_one_answer(upstream):
    place = Place("Hel", HEAD, 0, open=True)
    out = whole(CHAT, upstream, REST[upstream.name]("lo", " you"), place=place, before=Usage(5, output=3))
    plain = {"logprobs": None, "finish_reason": None}
    total = {"prompt_tokens": 14, "completion_tokens": 5, "total_tokens": 19}
    chunks = datas(out)
    usage = chunks.pop()
    assert chunks == [
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "lo"}, **plain}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"content": " you"}, **plain}]},
        {**HEAD, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]},
    ]
    assert {name: usage["usage"][name] for name in total} == total
    assert out.endswith(b": bye\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("upstream", [CHAT, MESSAGES])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_messages_client_sees_one_message(upstream, is_open):
    place = Place("Hel", {}, 1, open=is_open)
    out = whole(MESSAGES, upstream, REST[upstream.name]("lo", " you"), place=place, before=Usage(5, output=3))
    here = 1 if is_open else 2
    seen = datas(out)
    usage = seen[-2].pop("usage")
    begun = [] if is_open else [{"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}}]
    assert seen == [
        *begun,
        {"type": "content_block_delta", "index": here, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_delta", "index": here, "delta": {"type": "text_delta", "text": " you"}},
        {"type": "content_block_stop", "index": here},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}},
        {"type": "message_stop"},
    ]
    assert (usage["input_tokens"], usage["output_tokens"]) == (14, 5)


def text_of(out):
    found = ""
    for each in datas(out):
        if each.get("type") == "content_block_delta":
            found += each["delta"].get("text") or ""
        for choice in each.get("choices") or ():
            found += choice["delta"].get("content") or ""
    return found


PAIRS = [(client, upstream) for client in (CHAT, MESSAGES) for upstream in (CHAT, MESSAGES)]
LONG = "Once upon a time there was"


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@given(data=st.data())
def test_any_cut_gives_the_same_splice(client, upstream, data):
    """However the second stream comes in packets; however much of the first it repeats."""
    place = Place(data.draw(st.sampled_from([LONG, LONG + " ", "Hi\n"])), HEAD, 0, open=data.draw(st.booleans()))
    echo = data.draw(st.sampled_from(["", place.stem]))
    texts = data.draw(st.lists(st.sampled_from([" ", "a", "\n", " king", "\U0001f600"]), min_size=1, max_size=5))
    if not echo and not "".join(texts).strip():
        texts.append("x")
    raw = b"".join(REST[upstream.name](*echo, *texts, "."))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=9)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    out = whole(client, upstream, pieces, place=place)
    assert out == whole(client, upstream, [raw], place=place)
    blanks = place.text[len(place.stem) :]
    assert text_of(out) == cut(place.stem, blanks, echo + "".join(texts) + ".", repeats=False)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_what_says_nothing_new_never_looks_like_an_end(client, upstream):
    """A server that takes the turn for a whole one answers with nothing, or with what it was given."""
    for texts in ([], [""], [LONG], [LONG[:9], LONG[9:], " "]):
        stream, out = spliced(client, upstream, REST[upstream.name](*texts), place=Place(LONG + " ", HEAD, 0, open=True))
        assert (stream.began, stream.complete, out) == (False, True, b"")


@pytest.mark.parametrize("client", [CHAT, MESSAGES])
def test_reasoning_before_more_text_is_another_answer(client):
    place = Place("Hel", HEAD, 0, open=True)
    with pytest.raises(ValueError, match="go on"):
        spliced(client, CHAT, [chunk({"reasoning_content": "Let me see"})], place=place)
    with pytest.raises(ValueError, match="go on"):
        spliced(client, MESSAGES, [START, block("thinking", thinking=""), thought("Hm")], place=place)


@pytest.mark.parametrize("content", ["Say it aloud: ", [{"type": "text", "text": "Say it aloud: "}]])
def test_a_repetition_begins_with_what_the_client_began_itself(content):
    own = [{"role": "assistant", "content": content}]
    place = Place("Hello, ", HEAD, 0, open=True)
    out = whole(CHAT, CHAT, chat_rest("Say it aloud: Hello,", " you"), place=place, turns=own)
    assert text_of(out) == "you"


def test_a_server_known_to_repeat_is_believed_however_short_the_text():
    place = Place("ha", HEAD, 0, open=True)
    known = Wanted("m-2", prefill=Prefill(repeats=True))
    assert text_of(whole(CHAT, CHAT, chat_rest("ha", "ha"), place=place, wanted=known)) == "ha"
    assert text_of(whole(CHAT, CHAT, chat_rest("ha", "ha"), place=place)) == "haha"


def test_a_tool_call_may_follow_the_text():
    call = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}
    for texts, said in (((), []), (("lo",), ["lo"])):
        pieces = [*chat_rest(*texts)[:-3], chunk(call), chunk({}, "tool_calls"), b"data: [DONE]\n\n"]
        _, early = spliced(MESSAGES, CHAT, pieces[:-2], place=Place("Hel", {}, 0, open=True))
        assert b'"tool_use"' in early  # Not only at the end.
        out = whole(MESSAGES, CHAT, pieces, place=Place("Hel", {}, 0, open=True))
        seen = [(each["type"], each.get("index")) for each in datas(out)]
        assert seen == [
            *(("content_block_delta", 0) for _ in said),
            ("content_block_stop", 0),
            ("content_block_start", 1),
            ("content_block_delta", 1),
            ("content_block_stop", 1),
            ("message_delta", None),
            ("message_stop", None),
        ]
        out = whole(CHAT, CHAT, pieces, place=Place("Hel", HEAD, 0, open=True))
        assert [each["choices"][0]["finish_reason"] for each in datas(out)][-1] == "tool_calls"
        assert {each["id"] for each in datas(out)} == {"gen-1"}


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_continuation_that_breaks_gives_what_arrived_and_the_error(client, upstream):
    pieces = REST[upstream.name]("lo", " you")[:-4] if upstream is MESSAGES else chat_rest("lo", " you")[:-4]
    stream, out = spliced(client, upstream, pieces, place=Place("Hel", HEAD, 0, open=True))
    assert stream.began
    assert not stream.complete
    assert stream.rest() == b""
    said = stream.fail(ErrorView(502, "x", "gone", None, "req_1"))
    assert text_of(out + said).startswith("lo")
    assert datas(said)[-1]["error"]["message"] == "gone"
    assert b"message_stop" not in said
    assert b"[DONE]" not in said


def test_usage_stays_hidden_from_a_client_that_did_not_ask():
    out = whole(CHAT, CHAT, chat_rest("lo"), place=Place("Hel", HEAD, 0, open=True), wants_usage=False)
    assert b"usage" not in out
