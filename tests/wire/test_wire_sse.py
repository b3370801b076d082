"""The decoder of event streams against a plain reading of the standard, and against every cut."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.wire.base import Frame
from router.wire.sse import MAX_EVENT, Decoder, Splitter, comment

ends = st.sampled_from(["\n", "\r\n", "\r"])
lines = st.sampled_from(
    [
        'data: {"a": 1}',
        "data:x",
        "data",
        "data: ",
        "data:  two",
        "event: ping",
        "event:error",
        ": comment",
        ":",
        "id: 7",
        "retry: 10",
        'data: {"t": "\u2028\U0001f600"}',
        "nonsense",
        "data: [DONE]",
        "",
    ]
)
streams = st.tuples(st.booleans(), st.lists(st.tuples(lines, ends), max_size=14), st.booleans()).map(
    lambda drawn: (("\ufeff" if drawn[0] else "") + "".join(a + b for a, b in drawn[1]) + ("\n\n" if drawn[2] else "")).encode()
)


def meant(raw: bytes) -> list[tuple[str, bytes]]:
    """Events with data, as the standard says, of a stream that is all there; a last one needs no blank line here."""
    text = raw.decode().removeprefix("\ufeff")
    found, event, data = [], "", []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if not line:
            if data:
                found.append((event, "\n".join(data).encode()))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            event = value.removeprefix(" ")
    return found


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[a:b] for a, b in itertools.pairwise(bounds)]


def decoded(chunks: list[bytes]) -> list[Frame]:
    decoder = Decoder()
    return [frame for chunk in chunks for frame in decoder.feed(chunk)] + decoder.finish()


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
def test_events_are_those_of_the_standard_whatever_the_cut(raw, places):
    frames = decoded(cut(raw, places))
    # No bytes of data and no data field at all are one to every reader here.
    assert [(f.event, f.data) for f in frames if f.data] == [event for event in meant(raw) if event[1]]


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
def test_frames_are_the_same_whatever_the_cut(raw, places):
    assert decoded(cut(raw, places)) == decoded([raw]) == decoded([raw[i : i + 1] for i in range(len(raw))])


def test_a_frame_keeps_its_bytes():
    raw = b'event: a\ndata: {"x":\ndata: 1}\n\n: hi\r\n\r\ndata: [DONE]\n\n'
    assert decoded([raw]) == [
        Frame("a", b'{"x":\n1}', b'event: a\ndata: {"x":\ndata: 1}\n\n'),
        Frame("", b"", b": hi\r\n\r\n"),
        Frame("", b"[DONE]", b"data: [DONE]\n\n"),
    ]


def test_a_whole_chunk_is_given_without_waiting_for_the_next():
    splitter = Splitter()
    assert splitter.take(b"data: 1\n\nda") == b"data: 1\n\n"
    assert splitter.take(b"ta: 2\n\n") == b"data: 2\n\n"
    assert splitter.take(b"data: 3\r\n\r\n") == b"data: 3\r\n\r\n"


def test_an_event_beyond_the_limit_is_refused():
    decoder = Decoder()
    decoder.feed(b"data: ")
    with pytest.raises(ValueError, match="larger than"):
        decoder.feed(b"x" * (MAX_EVENT + 1))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_giant_event_in_many_chunks_takes_linear_time(end):
    def seconds(chunks: int) -> float:
        decoder = Decoder()
        started = time.perf_counter()
        for _ in range(chunks):
            assert decoder.feed(b"x" * 1000) == []
        assert len(decoder.feed(end + end + b"d")) == 1
        return time.perf_counter() - started

    seconds(100)
    few, many = min(seconds(500) for _ in range(3)), min(seconds(8000) for _ in range(3))
    assert many < few * 16 * 6  # Quadratic would be 256 times as long; the rest is for a busy machine.


def test_a_comment_cannot_break_out_of_itself():
    assert comment("x-router-cost-usd 0.1") == b": x-router-cost-usd 0.1\n\n"
    assert comment("a\ndata: b\r\n\r\nc") == b": a\n: data: b\n: \n: c\n\n"
    assert comment("") == b""
