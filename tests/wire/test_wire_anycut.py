"""However the network cuts the bytes, and however the lines end, the client is sent the same stream."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.wire import FORMATS
from router.wire.base import Named
from router.wire.streaming import Translation
from router.wire.translate import HALVES

STREAMS = sorted((Path(__file__).parents[1] / "golden/chat").rglob("*.stream.sse"))
NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)


def through(src, dst, pieces):
    stream = Translation(HALVES[src].parser(), HALVES[dst].renderer(NAMED, True), FORMATS[dst])
    out = b"".join(map(stream.feed, pieces))
    stream.finish()
    assert stream.complete
    return out + stream.end("bye"), stream.usage, stream.model, stream.malformed


@pytest.mark.parametrize("path", STREAMS, ids=lambda p: f"{p.parent.name}-{p.name}")
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_cut_and_any_line_end(path, data):
    src = path.name.split(".")[0]
    newline = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    raw = path.read_bytes()
    spelled = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + raw.replace(b"\n", newline)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(spelled)), max_size=12)))
    pieces = [spelled[a:b] for a, b in zip([0, *cuts], [*cuts, len(spelled)], strict=True)]
    for dst in FORMATS:
        assert through(src, dst, pieces) == through(src, dst, [raw])


@pytest.mark.parametrize("path", STREAMS, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_byte_by_byte(path):
    src, raw = path.name.split(".")[0], path.read_bytes()
    for dst in FORMATS:
        assert through(src, dst, [raw[i : i + 1] for i in range(len(raw))]) == through(src, dst, [raw])


@pytest.mark.parametrize("path", STREAMS, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_cut_short_is_complete_only_behind_the_finish(path):
    """Whatever the number of events that arrive: complete exactly when one of them said how the answer ended."""
    src = path.name.split(".")[0]
    events = path.read_bytes().split(b"\n\n")[:-1]
    marks = (b'"finish_reason":"', b'"stop_reason":"')
    for count in range(len(events)):
        arrived = events[:count]
        stream = Translation(HALVES[src].parser(), HALVES["openai_chat"].renderer(NAMED, True), FORMATS["openai_chat"])
        stream.feed(b"".join(event + b"\n\n" for event in arrived) + events[count][: len(events[count]) // 2])
        stream.finish()
        assert stream.complete == any(mark in event for event in arrived for mark in marks)
