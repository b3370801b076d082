"""`parse(render(x)) == x` over generated canonical values, and closed sets that stay closed."""

import contextlib
import json
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import BadRequest
from router.events import Finished, PartDelta, PartEnded, PartSigned, PartStarted, Started
from router.types import (
    ChatRequest,
    ChatResponse,
    Document,
    Image,
    Inline,
    Link,
    Message,
    OutputFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Tuning,
    Usage,
)
from router.wire import FORMATS, exact, ids
from router.wire.anthropic_messages.content import ORIGIN
from router.wire.base import Named, StreamFault, Wanted
from router.wire.sse import Decoder
from router.wire.streaming import Translation
from router.wire.translate import HALVES, translate_answer, translate_request

NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)
GOLDEN = Path(__file__).parents[1] / "golden/chat"
FAST = settings(max_examples=60, deadline=None)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = words.filter(str.strip)
names = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
call_ids = st.one_of(names, st.sampled_from(["functions.get:0", "enc_", "enc_eA", "call|1", "ünï", "a b"]))
numbers = st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
objects = st.dictionaries(words, values, max_size=3)
arguments = objects.map(lambda raw: json.dumps(raw, ensure_ascii=False, separators=(",", ":")))
calls = st.builds(ToolCall, call_ids, names, arguments)
links = st.builds(Link, st.sampled_from(["https://a.example/x.png", "http://b.example/"]))
pictures = st.builds(Inline, st.sampled_from(["image/png", "image/jpeg"]), st.sampled_from(["QUJD", "iVBORw0KGgo="]))
images = st.builds(Image, st.one_of(links, pictures))
papers = st.builds(Document, st.builds(Inline, st.just("application/pdf"), st.just("JVBERi0=")), st.none() | texts)
counts = st.integers(0, 10**9)


def merged(parts):
    """Neighbouring texts as one: a format that keeps an answer's text in one string cannot tell them apart."""
    kept = []
    for part in parts:
        if kept and isinstance(part, Text) and isinstance(kept[-1], Text):
            kept[-1] = Text(kept[-1].text + part.text)
        else:
            kept.append(part)
    return tuple(kept)


thoughts = st.one_of(
    st.builds(Thinking, texts, names, st.just(ORIGIN)),
    names.map(lambda secret: Thinking("", secret, ORIGIN, redacted=True)),
)


@st.composite
def requests(draw, fmt):
    """In the normal form of `fmt`: what it has one way of saying is said that way."""
    openai = fmt == "openai_chat"
    system = [Message("system", (draw(texts.map(Text)),))] if draw(st.booleans()) else []
    turns = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", tuple(draw(st.lists(st.one_of(texts.map(Text), images, papers), min_size=1, max_size=3)))))
        made = draw(st.lists(calls, max_size=2, unique_by=lambda c: c.id))
        said = draw(st.lists(texts.map(Text), min_size=0 if made else 1, max_size=1))
        thought = [] if openai else draw(st.lists(thoughts, max_size=1))
        turns.append(Message("assistant", (*thought, *said, *made)))
        results = [ToolResult(c.id, tuple(draw(st.lists(texts.map(Text), max_size=1)))) for c in made]
        if openai:
            turns += [Message("user", (result,)) for result in results]
        elif results:
            turns += [Message("user", tuple(results)), Message("assistant", (Text("ok"),))]
    tools = tuple(
        draw(
            st.lists(
                st.builds(Tool, names, st.none() | texts, st.just({"type": "object"}), st.none() | st.booleans()), max_size=2
            )
        )
    )
    tuning = Tuning(
        max_tokens=draw(st.integers(1, 10**6)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(texts, max_size=2))),
        parallel_tools=draw(st.sampled_from([None, False])) if tools else None,
        user=draw(st.none() | names),
    )
    modes = st.sampled_from([None, ToolChoice("auto"), ToolChoice("required"), ToolChoice("tool", "x")])
    choice = draw(modes) if tools else None
    if tuning.parallel_tools is False and choice == ToolChoice("auto"):
        choice = None  # The same thing, said shorter.
    schema = {"type": "object"}
    output = OutputFormat(schema, "n", "d", draw(st.booleans())) if openai else OutputFormat(schema)
    return ChatRequest("m", (*system, *turns), tools, choice, draw(st.sampled_from([None, output])), tuning, draw(st.booleans()))


def built(fmt, request):
    return exact.dumps(HALVES[fmt].render_request(request, Wanted("m")).body)


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@FAST
def test_request_survives_its_own_format(fmt, data):
    request = data.draw(requests(fmt))
    assert HALVES[fmt].parse_request(exact.loads(built(fmt, request))) == request


@given(data=st.data())
@FAST
def test_request_survives_the_way_to_another_format_and_back(data):
    """What OpenAI says, Anthropic's form keeps: only the grouping into turns and what OpenAI alone names are lost."""
    request = data.draw(requests("openai_chat"))
    there = HALVES["anthropic_messages"].parse_request(exact.loads(built("anthropic_messages", request)))
    back = exact.loads(built("openai_chat", there))
    assert flat(HALVES["openai_chat"].parse_request(back).messages) == flat(request.messages)
    assert HALVES["openai_chat"].parse_request(back).tuning == request.tuning


def flat(messages):
    """Roles and parts, turn boundaries left aside: Anthropic has none between neighbours of one role."""
    return [(message.role, part) for message in messages for part in message.parts]


finishes = st.sampled_from(["stop", "length", "refusal"])
usages = st.builds(
    lambda fresh, read, write, output, share: Usage(fresh, read, write, 0, output, min(share, output)),
    counts, counts, counts, counts, counts,
)  # fmt: skip


@st.composite
def answers(draw, fmt):
    made = draw(st.lists(calls, max_size=2, unique_by=lambda c: c.id))
    parts = (*draw(st.lists(thoughts, max_size=2)), *draw(st.lists(texts.map(Text), max_size=1)), *made)
    finish = draw(finishes) if not made else draw(st.sampled_from(["tool_calls", "length"]))
    head = {"openai_chat": "chatcmpl-", "anthropic_messages": "msg_"}[fmt]
    return ChatResponse(head + NAMED.id, draw(names), parts, finish, draw(usages))


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@FAST
def test_answer_survives_its_own_format(fmt, data):
    answer = data.draw(answers(fmt))
    assert HALVES[fmt].parse_response(exact.loads(exact.dumps(HALVES[fmt].render_response(answer, NAMED)))) == answer


@pytest.mark.parametrize(("src", "dst"), [("openai_chat", "anthropic_messages"), ("anthropic_messages", "openai_chat")])
@given(data=st.data())
@FAST
def test_stream_tells_what_the_whole_answer_tells(src, dst, data):
    """The same answer, whole and streamed, in small pieces, ends as the same answer with the client."""
    answer = data.draw(answers(src))
    whole = translate_answer(FORMATS[dst], FORMATS[src], exact.dumps(HALVES[src].render_response(answer, NAMED)), NAMED)
    stream = Translation(HALVES[src].parser(), HALVES[dst].renderer(NAMED, True), FORMATS[dst])
    out = stream.feed(streamed(src, answer, data)) + stream.end("")
    expected = HALVES[dst].parse_response(exact.loads(whole.body))
    assert assembled(dst, out) == (merged(expected.parts), expected.finish)
    assert (stream.usage, stream.model) == (answer.usage, answer.model)


def streamed(fmt, answer, data):
    """The answer as an upstream would stream it."""
    renderer = HALVES[fmt].renderer(NAMED, True)
    out = [renderer.render(Started("id", answer.model))]
    for index, part in enumerate(answer.parts):
        out.append(renderer.render(PartStarted(index, hollow(part))))
        text = part.arguments if isinstance(part, ToolCall) else "" if isinstance(part, Thinking) and part.redacted else part.text
        size = data.draw(st.integers(1, 5))
        out += (renderer.render(PartDelta(index, text[i : i + size])) for i in range(0, len(text), size))
        if isinstance(part, Thinking) and part.signature and not part.redacted:
            out.append(renderer.render(PartSigned(index, part.signature, part.origin)))
        out.append(renderer.render(PartEnded(index)))
    return b"".join(out) + renderer.end(Finished(answer.finish), answer.usage, "")


def hollow(part):
    match part:
        case Text():
            return Text("")
        case ToolCall():
            return ToolCall(part.id, part.name, "")
        case Thinking(redacted=False):
            return Thinking("")
    return part


def assembled(fmt, raw):
    """The parts of a stream and how it ended, as its client puts them together."""
    parser, events = HALVES[fmt].parser(), []
    for frame in Decoder().feed(raw):
        parser.parse(frame, events)
    parts, finish = {}, None
    for event in events:
        match event:
            case PartStarted(index, part):
                parts[index] = part
            case PartDelta(index, text):
                part = parts[index]
                parts[index] = (
                    replace(part, arguments=part.arguments + text)
                    if isinstance(part, ToolCall)
                    else replace(part, text=part.text + text)
                )
            case PartSigned(index, signature, origin):
                parts[index] = replace(parts[index], signature=signature, origin=origin)
            case Finished(finish):
                pass
    return merged(parts.values()), finish


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), words, names),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def bent(draw, value):
    """A legal value with one place of it replaced by anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: draw(bent(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(bent(value[at])), *value[at + 1 :]]
    return draw(junk)


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_answer_is_an_answer_or_a_valueerror(fmt, data):
    path = data.draw(st.sampled_from(sorted(GOLDEN.rglob(f"{fmt}.response.json"))))
    raw = json.dumps(data.draw(bent(json.loads(path.read_text("utf-8"))))).encode()
    for client in FORMATS.values():
        with contextlib.suppress(ValueError, StreamFault):
            translate_answer(client, FORMATS[fmt], raw, NAMED)


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_request_is_a_request_or_a_badrequest(fmt, data):
    path = data.draw(st.sampled_from(sorted(GOLDEN.rglob(f"{fmt}.request.json"))))
    raw = json.dumps(data.draw(bent(json.loads(path.read_text("utf-8"))))).encode()
    for upstream in FORMATS.values():
        with contextlib.suppress(BadRequest):
            translate_request(FORMATS[fmt], upstream, FORMATS[fmt].peek(raw), Wanted("m"))


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_stream_is_a_stream_or_a_valueerror(fmt, data):
    """And one that begins with a bent event still ends, if it ends, with events that can be read."""
    path = data.draw(st.sampled_from(sorted(GOLDEN.rglob(f"{fmt}.stream.sse"))))
    events = path.read_bytes().split(b"\n\n")[:-1]
    at = data.draw(st.integers(0, len(events) - 1))
    head, _, body = events[at].rpartition(b"data: ")
    if body != b"[DONE]":
        events[at] = head + b"data: " + json.dumps(data.draw(bent(json.loads(body)))).encode()
    for dst in FORMATS:
        stream = Translation(HALVES[fmt].parser(), HALVES[dst].renderer(NAMED, True), FORMATS[dst])
        try:
            out = stream.feed(b"".join(event + b"\n\n" for event in events))
            stream.finish()
        except (ValueError, StreamFault):
            continue
        if stream.complete:
            assembled(dst, out + stream.end(""))


WORDS = [
    "stop",
    "length",
    "tool_calls",
    "end_turn",
    "max_tokens",
    "tool_use",
    "COMPLETE",
    "STOP",
    "eos",
    "",
    "pause_turn",
    "refusal",
]
LEGAL = {
    "openai_chat": {"stop", "length", "tool_calls", "content_filter"},
    "anthropic_messages": {"end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"},
}
SAID = {
    "openai_chat": lambda word: {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": word}]
    },
    "anthropic_messages": lambda word: {"content": [{"type": "text", "text": "x"}], "stop_reason": word, "usage": {}},
}
FOUND = {
    "openai_chat": lambda body: body["choices"][0]["finish_reason"],
    "anthropic_messages": lambda body: body["stop_reason"],
}


@pytest.mark.parametrize("word", [*WORDS, None, 7, {}])
@pytest.mark.parametrize("dst", FORMATS)
@pytest.mark.parametrize("src", FORMATS)
def test_no_foreign_finish_leaks(src, dst, word):
    whole = translate_answer(FORMATS[dst], FORMATS[src], json.dumps(SAID[src](word)).encode(), NAMED)
    assert FOUND[dst](json.loads(whole.body)) in LEGAL[dst]


@given(call_ids | words)
@FAST
def test_call_ids_come_back(call_id):
    plain = ids.to_plain(call_id)
    assert ids.from_plain(plain) == call_id
    assert set(plain) <= set(string.ascii_letters + string.digits + "_-")


@given(st.sets(words, min_size=2, max_size=2))
@FAST
def test_no_two_call_ids_become_one(pair):
    one, two = pair
    assert ids.to_plain(one) != ids.to_plain(two)
    assert ids.to_short(one * 20) != ids.to_short(two * 20) or one * 20 == two * 20
    assert len(ids.to_short(one * 20)) <= 40
