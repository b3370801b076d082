"""Client and upstream speak one format: whole events go through byte for byte, and are only listened to.

Every event is parsed nevertheless: a frame that is cut inside its JSON must not reach a client's SDK, an error must not look
like text, and what was used is said in an event like any other. Parsing costs 1.5 µs an event.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import orjson

from router.types import Json, Usage
from router.wire.base import ErrorView, StreamFault
from router.wire.body import loads
from router.wire.fault import bare_error
from router.wire.sse import Splitter, comment, parse, pieces

MAX_MALFORMED = 3
"""Unreadable frames in a row after which a stream is given up."""


class Relay:
    """The `Stream` of equal formats, but for what a format's events mean: `_hear` says that. One per attempt."""

    def __init__(self, terminal: bytes) -> None:
        """`terminal` is the event that ends a stream of this format, for upstreams that leave it out."""
        self.began = False
        self.complete = False
        self.usage: Usage | None = None
        self.model = ""
        self.malformed = 0
        self._finished = False
        """A reason to finish was seen: the terminal event may be missing."""
        self._held = b""
        self._terminal = terminal
        self._in_a_row = 0
        self._splitter = Splitter()

    def feed(self, chunk: bytes) -> bytes:
        if self.complete:
            return b""
        block = self._splitter.take(chunk)
        if not block:
            return b""
        if b"\r" in block:
            found = pieces(block)
            block = b"".join(body + blank for body, blank in found)
            return self._pass(block, ((body, len(blank)) for body, blank in found))
        bodies = block.split(b"\n\n")
        del bodies[-1]
        return self._pass(block, zip(bodies, repeat(2)))

    def finish(self) -> None:
        if self.complete:
            return
        rest = self._splitter.rest()
        if rest.strip(b"\r\n"):
            self._last(rest.rstrip(b"\r\n"))
        self.complete = self.complete or self._finished

    def end(self, comment_text: str) -> bytes:
        return self._held + comment(comment_text) + self._terminal

    def rest(self) -> bytes:
        rest, self._held = self._held, b""
        return rest

    def fail(self, error: ErrorView) -> bytes:
        return self.rest() + self._error_event(error)

    def _pass(self, block: bytes, events: Iterable[tuple[bytes, int]]) -> bytes:
        """The bytes of `block` that go on: all of it, unless an event is to be left out or changed."""
        out: list[bytes] = []
        start = here = 0  # block[start:here] goes on as it is.
        for body, blank in events:
            try:
                instead = self._one(body)
            except (StreamFault, ValueError):
                self._held += b"".join((*out, block[start:here]))
                raise
            behind = here + len(body) + blank
            if self.complete:
                self._terminal = block[here:behind]
                break
            if instead is not None:
                if start != here:
                    out.append(block[start:here])
                if instead:
                    out += (instead, block[behind - blank : behind])
                start = behind
            here = behind
        rest = block[start:here]
        return b"".join((*out, rest)) if out else rest

    def _one(self, body: bytes) -> bytes | None:
        """What goes to the client instead of this event: None for the event itself, nothing to leave it out."""
        if body.startswith(b"data: ") and b"\n" not in body and b"\r" not in body:
            name, data = b"", body[6:]
        else:
            name, data = parse(body)
            if not data:
                if (fault := bare_error(body)) is not None:
                    raise fault
                # A comment passes; `data:` with nothing in it is a keep-alive that some clients would try to parse.
                return b"" if any(line.startswith(b"data") for line in body.splitlines()) else None
        try:
            # `loads` forgives what orjson does not, and costs a call more: it is asked when orjson has refused.
            try:
                event = orjson.loads(data)
            except orjson.JSONDecodeError:
                event = loads(data)
            instead = self._hear(name, event, body)
        except (ValueError, TypeError, AttributeError, KeyError):
            return self._unreadable(data)
        self._in_a_row = 0
        return instead

    def _hear(self, name: bytes, event: Json, body: bytes) -> bytes | None:
        """Takes note of one event. Gives what `_one` gives; raises `StreamFault` for an error, and anything that reading a JSON
        value of an unexpected shape raises."""
        raise NotImplementedError

    def _error_event(self, error: ErrorView) -> bytes:
        raise NotImplementedError

    def _unreadable(self, data: bytes) -> bytes:
        """A frame that is no event of the format. Before the stream began the next target can do better; later one such frame
        is less harm than no answer."""
        self.malformed += 1
        self._in_a_row += 1
        if not self.began:
            raise ValueError(f"the stream is unreadable: {_shown(data)}")
        if self._in_a_row >= MAX_MALFORMED:
            raise ValueError(f"{MAX_MALFORMED} frames of the stream in a row are unreadable: {_shown(data)}")
        return b""

    def _last(self, rest: bytes) -> None:
        """An event whose blank line never came: whole when it can be read, cut off when not."""
        try:
            instead = self._one(rest)
        except ValueError:
            return
        if not parse(rest)[1]:
            return
        if not self.complete and instead != b"":
            self._held += (rest if instead is None else instead) + b"\n\n"


def _shown(data: bytes) -> str:
    return repr(data[:80].decode("utf-8", "replace"))
