"""Reading a request for routing, and patching it for an upstream of the same format."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import BadRequest
from router.wire import FORMATS
from router.wire.base import Built, Wanted
from router.wire.body import MAX_NESTED, SCANNED
from router.wire.transcode import build_request

OPENAI, ANTHROPIC = FORMATS["openai_chat"], FORMATS["anthropic_messages"]
PLAIN = b'{"model":"fast","messages":[]}'
TRICKY = ["model", 'x"model": 1', "stream", "{", '\\"model"', "max_tokens", "stream_options", "usage", "\u2028é\U0001f600"]
inner = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(TRICKY),
    lambda deep: st.lists(deep, max_size=3) | st.dictionaries(st.sampled_from(TRICKY), deep, max_size=3),
    max_leaves=8,
)
unknown = st.lists(st.tuples(st.sampled_from(["metadata", "x", "tools", 'a"model":"b"', "temperature"]), inner), max_size=4)
names = st.sampled_from(["gpt-4o", 'odd "name"\\', "org/mödel", "\u2028"])
seeds = st.integers(0, 2**32).map(random.Random)
sizes = st.sampled_from([0, 0, 0, SCANNED])


def built(fmt, raw: bytes, wanted: Wanted) -> Built:
    return build_request(fmt, fmt, raw, fmt.peek(raw), wanted)


def spelled(text: str, rng: random.Random) -> bytes:
    """A JSON string, some of its characters as escapes."""
    pieces = (f"\\u{ord(c):04x}" if ord(c) < 128 and rng.random() < 0.2 else orjson.dumps(c).decode()[1:-1] for c in text)
    return ('"' + "".join(pieces) + '"').encode()


def assembled(members: list[tuple[str, bytes]], rng: random.Random) -> tuple[bytes, list[bytes], bytes]:
    """A body, its members as bytes with everything before the next comma, and what follows the last one."""
    parts = []
    for name, value in members:
        gap = rng.choice([b"", b"", b" ", b"\n  "])
        key = orjson.dumps(name) if rng.random() < 0.7 else spelled(name, rng)
        parts.append(gap + key + gap + b":" + gap + value + gap)
    end = rng.choice([b"}", b"}\n", b"} "])
    return b"{" + b",".join(parts) + end, parts, end


@settings(max_examples=200)
@given(unknown, names, seeds, sizes)
def test_only_the_model_changes_whatever_the_spelling(rest, model, rng, size):
    members = [(name, orjson.dumps(value)) for name, value in rest] + [("messages", b'["' + b"x" * size + b'"]')]
    rng.shuffle(members)
    place = rng.randrange(len(members) + 1)
    members.insert(place, ("model", spelled("fast", rng)))
    raw, parts, end = assembled(members, rng)
    peek = OPENAI.peek(raw)
    assert (peek.model, peek.stream, peek.body) == ("fast", False, orjson.loads(raw))
    old = members[place][1]
    head, _, gap = parts[place].rpartition(old)
    parts[place] = head + orjson.dumps(model) + gap
    patched = OPENAI.patch(peek, Wanted(model))
    assert patched == Built(b"{" + b",".join(parts) + end)
    assert orjson.loads(patched.body) == orjson.loads(raw) | {"model": model}


@settings(max_examples=200)
@given(
    st.sampled_from(
        [
            None,
            b"null",
            b"{}",
            b" { } ",
            b'{"include_usage":false}',
            b'{"x":1,"x":2}',
            b'{"\\u0069nclude_usage" : null , "y":"}"}',
        ]
    ),
    st.sampled_from([(), ("max_tokens",), ("max_completion_tokens",), ("max_completion_tokens", "max_tokens")]),
    st.sampled_from([None, "max_tokens", "max_completion_tokens"]),
    unknown,
    seeds,
)
def test_what_is_set_and_renamed_reads_as_asked_and_all_else_stays(options, limits, known, rest, rng):
    members = [(name, orjson.dumps(value)) for name, value in rest if name != "temperature"]
    members += [("messages", b"[]"), ("stream", b"true"), ("model", b'"fast"'), *((name, b"64") for name in limits)]
    members += [("stream_options", options.strip())] if options else []
    rng.shuffle(members)
    raw, parts, _ = assembled(members, rng)
    before = orjson.loads(raw)
    patched = built(OPENAI, raw, Wanted("up", {"temperature": 0.5, "max_tokens": 9}, max_tokens_field=known))
    expected = before | {"model": "up", "temperature": 0.5}
    expected["stream_options"] = (before.get("stream_options") or {}) | {"include_usage": True}
    if not limits:
        expected[known or "max_tokens"] = 9
    elif known:
        for name in limits:
            del expected[name]
        expected[known] = 64
    assert orjson.loads(patched.body) == expected
    assert patched.dropped == (tuple(n for n in limits if n != known) if known and len(limits) == 2 else ())
    assert patched.defaulted == ("temperature=0.5", *([] if limits else [f"{known or 'max_tokens'}=9"]))
    kept = [p for p, (name, _) in zip(parts, members, strict=True) if name not in {"model", "stream_options", *limits}]
    assert all(part.strip() in patched.body for part in kept)


def test_a_growing_conversation_keeps_its_prefix():
    wanted = Wanted("up", {"temperature": 0, "max_tokens": 5})
    turns = [b'{"role":"user","content":"%d"}' % i for i in range(4)]
    bodies = [
        built(OPENAI, b'{"model":"fast","stream":true,"messages":[' + b",".join(turns[:n]) + b"]}", wanted).body for n in (2, 4)
    ]
    common = b'{"model":"up","stream":true,"messages":[' + b",".join(turns[:2])
    assert [body[: len(common)] for body in bodies] == [common, common]


@pytest.mark.parametrize(
    ("raw", "stream_usage", "expected"),
    [
        (b'{"model":"fast","messages":[]}', True, b'{"model":"up","messages":[]}'),
        (
            b'{"model":"fast","messages":[],"stream":true}',
            True,
            b'{"model":"up","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (b'{"model":"fast","messages":[],"stream":true}', False, b'{"model":"up","messages":[],"stream":true}'),
        (
            b'{"model":"fast","stream_options":{"include_usage":true,"x":1e2},"messages":[],"stream":true}',
            True,
            b'{"model":"up","stream_options":{"include_usage":true,"x":1e2},"messages":[],"stream":true}',
        ),
        (
            b'{"model":"fast","stream_options":{"include_usage":false,"x":1e2},"messages":[],"stream":true}',
            True,
            b'{"model":"up","stream_options":{"include_usage":true,"x":1e2},"messages":[],"stream":true}',
        ),
        # Numbers, duplicates and escapes are the client's own business.
        (
            b'{"n":1.0,"x":1e300,"y":0.10000000000000000001,"messages":[],"y":"\\u00e9","model":"fast"}\n',
            True,
            b'{"n":1.0,"x":1e300,"y":0.10000000000000000001,"messages":[],"y":"\\u00e9","model":"up"}\n',
        ),
        (b'{"\\u006dodel":"fast","messages":[{"model":"fast"}]}', True, b'{"\\u006dodel":"up","messages":[{"model":"fast"}]}'),
    ],
)
def test_openai_bodies_are_patched_exactly(raw, stream_usage, expected):
    assert built(OPENAI, raw, Wanted("up", stream_usage=stream_usage)).body == expected


def test_stream_options_are_taken_out_and_named_for_a_vendor_that_refuses_them():
    raw = b'{"model":"fast","stream":true, "stream_options":{"include_usage":true}, "messages":[]}'
    expected = Built(b'{"model":"up","stream":true, "messages":[]}', dropped=("stream_options",))
    assert built(OPENAI, raw, Wanted("up", stream_usage=False)) == expected


def test_an_explicit_null_is_the_clients_word():
    raw = b'{"model":"fast","temperature":null,"max_tokens":null,"messages":[]}'
    assert built(OPENAI, raw, Wanted("fast", {"temperature": 1, "max_tokens": 5})) == Built(raw)


def test_anthropic_takes_params_by_its_own_names():
    raw = b'{"model":"fast","messages":[],"temperature":0.1}'
    wanted = Wanted("claude", {"temperature": 1, "stop": "x", "max_completion_tokens": 7, "seed": 1, "top_k": 3})
    assert built(ANTHROPIC, raw, wanted) == Built(
        b'{"model":"claude","messages":[],"temperature":0.1,"stop_sequences":["x"],"max_tokens":7,"top_k":3}',
        ("seed",),
        ('stop_sequences=["x"]', "max_tokens=7", "top_k=3"),
    )


def test_anthropic_gets_the_output_limit_it_insists_on():
    assert built(ANTHROPIC, PLAIN, Wanted("claude", max_tokens_default=512)) == Built(
        b'{"model":"claude","messages":[],"max_tokens":512}', (), ("max_tokens=512",)
    )
    raw = b'{"max_tokens":1,"model":"fast","messages":[]}'
    assert built(ANTHROPIC, raw, Wanted("c")).body == b'{"max_tokens":1,"model":"c","messages":[]}'


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (PLAIN, ("fast", False, False, None)),
        (b'{"model":"m","messages":[],"stream":true,"max_tokens":5}', ("m", True, False, 5)),
        (b'{"model":"m","messages":[],"stream":null,"max_completion_tokens":6}', ("m", False, False, 6)),
        (b'{"model":"m","messages":[],"max_completion_tokens":6,"max_tokens":5}', ("m", False, False, 5)),
        (b'{"model":"m","messages":[],"max_tokens":0}', ("m", False, False, None)),
        (b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}', ("m", True, True, None)),
        (b'{"model":"m","messages":[],"stream":true,"stream_options":null}', ("m", True, False, None)),
    ],
)
def test_openai_peek_sees_what_routing_needs(raw, seen):
    peek = OPENAI.peek(raw)
    assert (peek.model, peek.stream, peek.wants_usage, peek.max_tokens) == seen


def test_anthropic_always_tells_usage():
    peek = ANTHROPIC.peek(b'{"model":"m","messages":[],"stream":true,"max_tokens":5}')
    assert (peek.model, peek.stream, peek.wants_usage, peek.max_tokens) == ("m", True, True, 5)


@pytest.mark.parametrize("pad", [0, SCANNED])
@pytest.mark.parametrize("fmt", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(
    ("members", "param", "message"),
    [
        (b'"messages":[]', "model", "'model' is missing"),
        (b'"model":null,"messages":[]', "model", "'model' is missing"),
        (b'"model":3,"messages":[]', "model", "'model' must be a text that is not empty"),
        (b'"model":"","messages":[]', "model", "'model' must be a text that is not empty"),
        (b'"model":"a","messages":[],"model":"a"', "model", "model: it stands in the body more than once"),
        (b'"model":"a","messages":[],"mo\\u0064el":"b"', "model", "model: it stands in the body more than once"),
        (b'"model":"a"', "messages", "'messages' is missing"),
        (b'"model":"a","messages":"hi"', "messages", "'messages' must be an array"),
        (b'"model":"a","messages":[],"stream":1', "stream", "stream: true or false was expected, not 1"),
        (b'"model":"a","messages":[],"max_tokens":"5"', "max_tokens", "max_tokens: an integer was expected, not '5'"),
        (b'"model":"a","messages":[],"max_tokens":true', "max_tokens", "max_tokens: an integer was expected, not True"),
        (b'"model":"a","messages":[],"api_base":"http://x"', "api_base", "'api_base' may not be set in a request"),
        (b'"model":"a","messages":[],"\\u0061pi_key":"x"', "api_key", "'api_key' may not be set in a request"),
        (b'"model":"a","messages":[],"router":{}', "router", "'router' may not be set in a request"),
        (b'"base_url":1,"model":"a","messages":[]', "base_url", "'base_url' may not be set in a request"),
        (b'"extra_headers":{},"model":"a","messages":[]', "extra_headers", "'extra_headers' may not be set in a request"),
    ],
)
def test_what_is_wrong_is_named(fmt, members, param, message, pad):
    with pytest.raises(BadRequest) as caught:
        fmt.peek(b'{"pad":"' + b"x" * pad + b'",' + members + b"}")
    assert (caught.value.param, caught.value.message, caught.value.status) == (param, message, 400)


def test_stream_options_must_be_what_they_are():
    for options, param in ((b'"x"', "stream_options"), (b'{"include_usage":"yes"}', "stream_options.include_usage")):
        with pytest.raises(BadRequest) as caught:
            OPENAI.peek(b'{"model":"a","messages":[],"stream_options":' + options + b"}")
        assert caught.value.param == param


@pytest.mark.parametrize("pad", [0, SCANNED])
@pytest.mark.parametrize(
    "raw", [b"", b"not json", b'{"model":"a",', b"\xef\xbb\xbf{}", b'{"model":NaN}', b'{"a":1}{"b":2}', b'{"a":"\xff"}']
)
def test_what_is_not_json_is_a_400_that_says_where(raw, pad):
    with pytest.raises(BadRequest, match=r"the body is not JSON: .*(byte \d|line \d|zero-length|UTF-8)|'model' is missing"):
        OPENAI.peek(raw + b" " * pad)


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"3", b"null"])
def test_what_is_no_object_is_a_400(raw):
    with pytest.raises(BadRequest, match="the body must be a JSON object"):
        OPENAI.peek(raw)


@pytest.mark.parametrize("pad", [0, SCANNED])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded_at_128_levels(opening, closing, pad):
    def body(levels: int) -> bytes:
        deep = opening * levels + (b"0" if closing == b"}" else b"") + closing * levels
        return b'{"model":"a","pad":"' + b"x" * pad + b'","messages":[],"x":' + deep + b"}"

    assert OPENAI.peek(body(127)).model == "a"
    for levels in (128, 1100, 200_000):
        with pytest.raises(BadRequest, match=r"nested deeper than 128 levels|depth limit exceeded"):
            OPENAI.peek(body(levels))


def test_brackets_in_text_are_no_nesting():
    raw = b'{"model":"a","messages":["' + b"[{" * 500 + b'"],"tools":[' + b",".join([b'{"a":[]}'] * 200) + b"]}"
    assert OPENAI.peek(raw).model == "a"


def test_a_large_body_of_very_many_values_is_refused():
    raw = b'{"model":"a","messages":[' + b",".join([b"{}"] * (MAX_NESTED + 1)) + b'],"x":"' + b"x" * SCANNED + b'"}'
    with pytest.raises(BadRequest, match=f"more than {MAX_NESTED} objects and arrays"):
        OPENAI.peek(raw)


def test_a_large_body_is_parsed_only_when_somebody_needs_it():
    raw = b'{"model":"a","messages":[{"content":"' + b"QUJD" * 400_000 + b'"}],"temperature":0.5}'
    peek = OPENAI.peek(raw)
    assert (peek.parsed, peek.fields) == (None, {"model": "a", "messages": [], "temperature": 0.5})
    assert peek.body == orjson.loads(raw)
    broken = OPENAI.peek(raw.replace(b'"content"', b'"content" 1'))
    with pytest.raises(BadRequest, match="the body is not JSON"):
        _ = broken.body


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,\\model1 ', max_size=40).map(str.encode))
def test_any_bytes_give_a_peek_or_a_400(raw):
    try:
        OPENAI.peek(raw)
    except BadRequest:
        return
