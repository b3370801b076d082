"""The provider in process: what it says, when, and how it breaks."""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine.transport import UpstreamRequest
from router.errors import BadRequest, UpstreamUnavailable
from router.snapshot import Endpoint, Fault, Origin, SandboxSettings
from router.upstream.sandbox import SandboxReply, SandboxTransport
from router.upstream.sandbox_answer import LOREM, NOTHING_TO_ECHO, tokens
from router.upstream.sandbox_schema import MAX_VALUES, smallest
from router.upstream.sandbox_script import fault_of
from router.wire import FORMATS
from router.wire.base import Named, StreamFault
from router.wire.transcode import open_stream, read_answer

ORIGIN = Origin("sandbox", "sandbox", 0)
EVERY = pytest.mark.parametrize("wire", list(FORMATS))
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class VirtualClock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds
        await asyncio.sleep(0)


def settings_of(
    *, reply: str = "echo", first_token: float = 0.05, speed: float = 100, faults: tuple[Fault, ...] = (), seed: int = 0
) -> SandboxSettings:
    return SandboxSettings(first_token, speed, reply, faults, seed)


def fault(
    *, status: int | None = None, stream: Any = None, share: float = 1.0, after: int = 0, wait: float | None = None
) -> Fault:
    return Fault(status, stream, share, wait, after)


def request(wire: str, how: SandboxSettings, text: str = "Hello world, how are you?", **more: Any) -> UpstreamRequest:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
    if more.get("stream") and wire == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    return UpstreamRequest(Endpoint(wire, ORIGIN, "/v1/x", (), 5.0, how), orjson.dumps(body))


def sandbox() -> tuple[SandboxTransport, VirtualClock]:
    clock = VirtualClock()
    return SandboxTransport(clock.now, clock.sleep), clock


class Heard(NamedTuple):
    """An answer, whichever way it came, as OpenAI chat tells it."""

    finish: str
    text: str
    calls: list[tuple[str, str]]
    prompt: int
    output: int


async def said(wire: str, how: SandboxSettings, text: str = "Hello world, how are you?", **more: Any) -> Heard:
    transport, _ = sandbox()
    asked = request(wire, how, text, **more)
    reply = await transport.send(asked)
    raw = await reply.read()
    reply.close()
    assert reply.status == 200, raw
    upstream, client = FORMATS[wire], FORMATS["openai_chat"]
    wants = client.peek(b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}')
    if not more.get("stream"):
        assert reply.headers["content-type"] == "application/json"
        return whole_of(orjson.loads(read_answer(client, upstream, raw, Named("0" * 24, 0)).body))
    assert reply.headers["content-type"] == "text/event-stream"
    stream = open_stream(client, upstream, wants, Named("0" * 24, 0))
    text_of = stream.feed(raw)
    stream.finish()
    assert stream.complete
    return streamed(text_of + stream.end(""))


def whole_of(answer: Any) -> Heard:
    [choice] = answer["choices"]
    calls = [call["function"] for call in choice["message"].get("tool_calls", ())]
    usage = answer["usage"]
    return Heard(
        choice["finish_reason"],
        choice["message"]["content"] or "",
        [(call["name"], call["arguments"]) for call in calls],
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )


def streamed(raw: bytes) -> Heard:
    chunks = [orjson.loads(frame[6:]) for frame in raw.split(b"\n\n") if frame.startswith(b"data: {")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    calls: dict[int, tuple[str, str]] = {}
    for delta in [call for choice in choices for call in choice["delta"].get("tool_calls", ())]:
        name, arguments = calls.get(delta["index"], ("", ""))
        calls[delta["index"]] = (name + delta["function"].get("name", ""), arguments + delta["function"].get("arguments", ""))
    [finish] = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    usage = chunks[-1]["usage"]
    return Heard(finish, text, list(calls.values()), usage["prompt_tokens"], usage["completion_tokens"])


@EVERY
@BOTH
@pytest.mark.parametrize(
    ("reply", "text", "said_back"),
    [
        ("echo", "Hello world, how are you?", "Hello world, how are you?"),
        ("echo", "  é\n\t😀 ", "  é\n\t😀 "),
        ("lorem", "Hello", LOREM),
        ("I am a sandbox.", "Hello", "I am a sandbox."),
    ],
)
async def test_it_says_what_the_file_says(wire: str, stream: bool, reply: str, text: str, said_back: str) -> None:
    count = len(list(tokens(said_back)))
    heard = await said(wire, settings_of(reply=reply), text, stream=stream, max_tokens=1000)
    assert heard == Heard("stop", said_back, [], len(list(tokens(text))), count)


@EVERY
@BOTH
async def test_max_tokens_cuts_the_answer_and_says_so(wire: str, stream: bool) -> None:
    assert await said(wire, settings_of(), stream=stream, max_tokens=3) == Heard("length", "Hello worl", [], 7, 3)


@EVERY
@BOTH
async def test_an_echo_without_a_text_still_says_something(wire: str, stream: bool) -> None:
    assert (await said(wire, settings_of(), "", stream=stream)).text == NOTHING_TO_ECHO


@BOTH
async def test_stop_sequences_stop(stream: bool) -> None:
    heard = await said("anthropic_messages", settings_of(), stream=stream, stop_sequences=["you", "world"])
    assert heard == Heard("stop", "Hello ", [], 7, 3)


def tools(wire: str, *names: str) -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
    if wire == "openai_chat":
        return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    return [{"name": name, "input_schema": schema} for name in names]


REQUIRED = {"openai_chat": "required", "anthropic_messages": {"type": "any"}}
ONE = {
    "openai_chat": {"type": "function", "function": {"name": "stocks"}},
    "anthropic_messages": {"type": "tool", "name": "stocks"},
}


@EVERY
@BOTH
@pytest.mark.parametrize(
    ("text", "choice", "called"),
    [
        ("Hello", None, []),
        ("Call weather, please.", None, ["weather"]),
        ("weather and stocks", None, ["weather", "stocks"]),
        ("Hello", REQUIRED, ["weather"]),
        ("Hello", ONE, ["stocks"]),
    ],
    ids=["not named", "named", "two named", "required", "this one"],
)
async def test_a_tool_is_called_when_the_request_wants_it(
    wire: str, stream: bool, text: str, choice: Any, called: list[str]
) -> None:
    more = {} if choice is None else {"tool_choice": choice[wire]}
    heard = await said(wire, settings_of(), text, stream=stream, tools=tools(wire, "weather", "stocks"), **more)
    assert [(name, orjson.loads(arguments)) for name, arguments in heard.calls] == [(name, {"city": "text"}) for name in called]
    assert (heard.finish, heard.text) == (("tool_calls", "") if called else ("stop", text))


@EVERY
async def test_no_tool_is_called_where_the_request_forbids_it(wire: str) -> None:
    none: Any = {"openai_chat": "none", "anthropic_messages": {"type": "none"}}
    heard = await said(wire, settings_of(), "weather?", tools=tools(wire, "weather"), tool_choice=none[wire])
    assert (heard.finish, heard.text, heard.calls) == ("stop", "weather?", [])


@EVERY
async def test_a_tool_s_result_ends_the_loop(wire: str) -> None:
    if wire == "openai_chat":
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        turns = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "weather: sun"},
        ]
    else:
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "weather: sun"}
        turns = [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {}}]},
            {"role": "user", "content": [result]},
        ]
    messages = [{"role": "user", "content": "weather?"}, *turns]
    heard = await said(wire, settings_of(), messages=messages, tools=tools(wire, "weather"))
    assert (heard.finish, heard.text, heard.calls) == ("stop", "weather: sun", [])


async def test_a_schema_is_answered_with_an_instance() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert (await said("openai_chat", settings_of(), response_format=form)).text == '{"n":3}'


# --- schemas -----------------------------------------------------------------------

LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "integer", "minimum": 7},
        {"type": "number", "exclusiveMinimum": 2},
        {"type": "integer", "maximum": -3},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["null", "string"]},
        {"enum": ["a", 1]},
        {"const": {"x": 1}},
        {"$ref": "#/$defs/d"},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 3)),
        st.builds(
            lambda ps: {"type": "object", "properties": ps, "required": list(ps)[::2], "additionalProperties": False},
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4),
        ),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(schema=SCHEMAS)
def test_the_smallest_value_fits_its_schema(schema: dict[str, Any]) -> None:
    whole = {**schema, "$defs": {"d": {"type": "string"}}}
    jsonschema.validate(smallest(whole), whole)


def test_a_schema_that_contains_itself_twice_ends() -> None:
    node = {"type": "object", "properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "required": ["l", "r"]}
    assert len(orjson.dumps(smallest(node))) < MAX_VALUES * 20


@pytest.mark.parametrize(
    "schema", [{"required": 7, "type": "object"}, {"enum": []}, {"$ref": "#/nowhere"}, {"$ref": 3}, {"anyOf": 3}]
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(BadRequest):
        smallest(schema)


@settings(max_examples=60)
@given(text=st.text())
def test_tokens_are_the_text(text: str) -> None:
    pieces = list(tokens(text))
    assert "".join(pieces) == text
    assert all(len(re.sub(r"\s", "", piece)) <= 4 for piece in pieces)


# --- time -----------------------------------------------------------------------------


@EVERY
async def test_a_whole_answer_takes_as_long_as_its_tokens(wire: str) -> None:
    transport, clock = sandbox()
    reply = await transport.send(request(wire, settings_of()))  # 7 tokens, 10 ms each after the first
    assert clock.time == pytest.approx(100.11)
    await reply.read()
    assert clock.time == pytest.approx(100.11)


@EVERY
async def test_a_stream_comes_at_its_pace(wire: str) -> None:
    transport, clock = sandbox()
    reply = await transport.send(request(wire, settings_of(), stream=True))
    moments: list[float] = []
    while await reply.chunk():
        moments.append(round(clock.time - 100, 6))
    assert moments == [0.0, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11]


async def test_a_reader_that_is_late_gets_all_that_is_due() -> None:
    transport, clock = sandbox()
    reply = await transport.send(request("openai_chat", settings_of(), stream=True))
    clock.time += 0.085
    late = await reply.chunk()
    assert (late.count(b'"content":"'), clock.time) == (5, 100.085)  # the role's, and four tokens


async def test_it_runs_on_the_real_clock_too() -> None:
    transport = SandboxTransport()
    reply = await transport.send(request("openai_chat", settings_of(first_token=0.01, speed=10_000)))
    assert reply.status == 200
    assert b"Hello world" in await reply.read()
    await transport.aclose()


# --- faults ----------------------------------------------------------------------------


@EVERY
@BOTH
async def test_a_status_comes_at_once_in_the_words_of_the_format(wire: str, stream: bool) -> None:
    transport, clock = sandbox()
    how = settings_of(faults=(fault(status=429, wait=1.5),))
    reply = await transport.send(request(wire, how, stream=stream))
    told = FORMATS[wire].parse_fault(await reply.read())
    assert (reply.status, dict(reply.headers)) == (429, {"content-type": "application/json", "retry-after": "1.5"})
    assert (told.message, clock.time) == ("the sandbox was told to answer 429", 100.0)


async def broken(wire: str, kind: Any, *, stream: bool, after: int = 3) -> tuple[UpstreamRequest, SandboxReply, VirtualClock]:
    transport, clock = sandbox()
    asked = request(wire, settings_of(faults=(fault(stream=kind, after=after),)), stream=stream)
    reply = await transport.send(asked)
    assert reply.status == 200
    return asked, reply, clock


def read_as_the_engine_does(asked: UpstreamRequest, raw: bytes) -> bool:
    """Whether it was a complete stream; a whole answer raises what it is wrong with."""
    wire = FORMATS[asked.endpoint.format]
    peek, named = wire.peek(asked.body), Named("0" * 24, 0)
    if not peek.stream:
        read_answer(wire, wire, raw, named)
        return True
    found = open_stream(wire, wire, peek, named)
    found.feed(raw)
    found.finish()
    return found.complete


@EVERY
@BOTH
async def test_a_sound_answer_is_complete(wire: str, stream: bool) -> None:
    transport, _ = sandbox()
    asked = request(wire, settings_of(), stream=stream)
    assert read_as_the_engine_does(asked, await (await transport.send(asked)).read())


async def until_it_fails(reply: SandboxReply) -> bytes:
    raw = b""
    try:
        while piece := await reply.chunk():
            raw += piece
    except UpstreamUnavailable:
        return raw
    pytest.fail("it ended well")


@EVERY
@BOTH
async def test_a_cut_ends_the_connection_after_so_many_tokens(wire: str, stream: bool) -> None:
    _, reply, clock = await broken(wire, "cut", stream=stream)
    raw = await until_it_fails(reply)
    assert clock.time == pytest.approx(100.07)
    if stream:
        assert (b" worl" in raw, b"d," in raw) == (True, False)


@EVERY
@BOTH
async def test_a_stall_lasts_until_its_reader_gives_up(wire: str, stream: bool) -> None:
    _, reply, clock = await broken(wire, "stall", stream=stream)
    reading = asyncio.create_task(reply.read())
    for _ in range(50):
        await asyncio.sleep(0)
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert clock.time > 3600


@EVERY
@BOTH
@pytest.mark.parametrize(("kind", "error"), [("malformed", ValueError), ("error", StreamFault)])
@pytest.mark.parametrize("after", [0, 3, 1000])
async def test_nonsense_and_errors_in_band_are_seen_as_such(
    wire: str, stream: bool, kind: str, error: type[Exception], after: int
) -> None:
    asked, reply, clock = await broken(wire, kind, stream=stream, after=after)
    raw = await reply.read()
    with pytest.raises(error):
        read_as_the_engine_does(asked, raw)
    assert clock.time == pytest.approx(100.05 + max(0, min(after, 7) - 1) / 100)


@settings(max_examples=50)
@given(share=st.floats(0.01, 1), seed=st.integers(0, 2**31 - 1), count=st.integers(100, 500))
def test_a_fault_hits_its_share_evenly(share: float, seed: int, count: int) -> None:
    how = settings_of(faults=(fault(status=500, share=share / 2), fault(status=503, share=share / 2)), seed=seed)
    hits = [fault_of(how, number) is not None for number in range(count)]
    assert abs(sum(hits) - share * count) <= 6  # A fair coin would stray by twenty.
    assert hits == [fault_of(how, number) is not None for number in range(count)]


def test_another_seed_is_another_sequence() -> None:
    def hits(seed: int) -> list[int]:
        how = settings_of(faults=(fault(status=500, share=0.05),), seed=seed)
        return [number for number in range(200) if fault_of(how, number)]

    assert len({tuple(hits(seed)) for seed in range(20)}) > 10


@EVERY
@BOTH
async def test_the_same_requests_get_the_same_bytes_from_a_new_sandbox(wire: str, stream: bool) -> None:
    async def three() -> list[bytes]:
        transport, _ = sandbox()
        return [await (await transport.send(request(wire, settings_of(), stream=stream))).read() for _ in range(3)]

    first = await three()
    assert first == await three()
    assert len(set(first)) == 3  # Every answer has an id of its own.


@EVERY
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"model":"m"}', b'{"model":"m","messages":[{"role":"user","content":7}]}']
)
async def test_a_request_nobody_can_read_is_a_400_of_the_format(wire: str, body: bytes) -> None:
    transport, _ = sandbox()
    reply = await transport.send(request(wire, settings_of())._replace(body=body))
    assert reply.status == 400
    assert FORMATS[wire].parse_fault(await reply.read()).message


async def test_a_closed_answer_says_nothing_more() -> None:
    transport, _ = sandbox()
    reply = await transport.send(request("openai_chat", settings_of(), stream=True))
    reply.close()
    reply.close()
    with pytest.raises(UpstreamUnavailable):
        await reply.chunk()
