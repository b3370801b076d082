"""One answer stream on its way from one format to another: decode, parse, render."""

from __future__ import annotations

from typing import Protocol

from router.events import Finished, PartDelta, PartSigned, PartStarted, Started, StreamEvent, UsageReported
from router.types import Thinking, ToolCall, Usage
from router.wire.base import ErrorView, Frame, WireFormat
from router.wire.passthrough import MAX_MALFORMED
from router.wire.sse import Decoder

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading JSON of an unexpected shape raises."""


class StreamParser(Protocol):
    """Reads one upstream stream."""

    done: bool
    """The stream's last event was seen. `Finished` was given, unless nothing but that event came."""

    def parse(self, frame: Frame, events: list[StreamEvent]) -> None:
        """Adds to `events` in the order of `router.events`; nothing follows `Finished` but `UsageReported`. What was added before
        an exception counts.

        Raises `StreamFault` for an error, one of `UNREADABLE` for a frame that is none of this format.
        """
        ...


class StreamRenderer(Protocol):
    """Writes one client stream."""

    def render(self, event: StreamEvent) -> bytes:
        """Whole events (or nothing). Is not given `Finished` and `UsageReported`."""
        ...

    def end(self, finished: Finished, usage: Usage | None, comment: str) -> bytes:
        """Everything from the finish on; `comment` as an SSE comment before the last event."""
        ...

    def error(self, body: bytes) -> bytes:
        """The event that carries an error's body."""
        ...


class Translation:
    """The `Stream` of two formats (`router.wire.base.Stream`).

    The finish, the usage and the terminal event leave together, in `end`: usage may come after the finish, and belongs before
    the end everywhere else.
    """

    def __init__(self, parser: StreamParser, renderer: StreamRenderer, client: WireFormat) -> None:
        self.began = False
        self.complete = False
        self.usage: Usage | None = None
        self.model = ""
        self.malformed = 0
        self._in_a_row = 0
        self._decoder = Decoder()
        self._parser = parser
        self._renderer = renderer
        self._client = client
        self._started = False
        self._finished: Finished | None = None
        self._out: list[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        if self.complete:
            return b""
        for frame in self._decoder.feed(chunk):
            if frame.data:
                self._take(frame)
                if self._parser.done:
                    self.complete = True
                    break
        return self._given()

    def finish(self) -> None:
        if self.complete:
            return
        for frame in self._decoder.finish():
            try:
                self._read(frame)
            except UNREADABLE:
                self.malformed += 1  # Cut off in the middle; whether the stream was complete is decided by what came before.
        self.complete = self._finished is not None

    def end(self, comment: str) -> bytes:
        return b"".join((*self._out, self._renderer.end(self._finished or Finished("stop"), self.usage, comment)))

    def fail(self, error: ErrorView) -> bytes:
        return self._given() + self._renderer.error(self._client.render_error(error))

    def _given(self) -> bytes:
        """What may leave: nothing before the stream began, so that the next target can still take over."""
        if not self.began or not self._out:
            return b""
        given = b"".join(self._out)
        self._out.clear()
        return given

    def _take(self, frame: Frame) -> None:
        try:
            self._read(frame)
        except UNREADABLE as exc:
            self.malformed += 1
            self._in_a_row += 1
            # Before the stream began the next target can do better; later one such frame is less harm than no answer.
            if not self.began or self._in_a_row >= MAX_MALFORMED:
                raise ValueError(f"the stream is unreadable: {exc!r}") from exc
        else:
            self._in_a_row = 0

    def _read(self, frame: Frame) -> None:
        events: list[StreamEvent] = []
        try:
            self._parser.parse(frame, events)
        finally:
            for event in events:
                self._pass(event)

    def _pass(self, event: StreamEvent) -> None:
        if isinstance(event, PartDelta):
            self.began = True
        elif isinstance(event, UsageReported):
            self.usage = event.usage
            return
        elif isinstance(event, Finished):
            self._finished, self.began = event, True
            return
        elif isinstance(event, Started):
            self.model, self._started = event.model, True
        else:
            self.began = self.began or _is_meaningful(event)
        if not self._started:  # Its first event was lost; what follows can be told nevertheless.
            self._started = True
            self._out.append(self._renderer.render(Started("", "")))
        self._out.append(self._renderer.render(event))


def _is_meaningful(event: StreamEvent) -> bool:
    """Whether it tells the client something: a part that merely opens may still come to nothing, but for a tool call."""
    if isinstance(event, PartStarted):
        return isinstance(event.part, ToolCall) or (isinstance(event.part, Thinking) and event.part.redacted)
    return isinstance(event, PartSigned)
