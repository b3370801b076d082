"""One answer stream on its way from one format to another: decode, parse, render."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple, Protocol

from router.events import Finished, PartDelta, PartEnded, PartSigned, PartStarted, Started, StreamEvent, UsageReported
from router.types import Text, Thinking, ToolCall, Usage
from router.wire.base import ErrorView, Frame, WireFormat
from router.wire.passthrough import MAX_MALFORMED
from router.wire.seam import OPEN, Place, Seam
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

    def resume(self, place: Place) -> None:
        """Called before anything else: another stream was broken off at `place`, and this one goes on there. If the place is
        open, its text is the part `seam.OPEN`, which has started already."""
        ...

    def render(self, event: StreamEvent) -> bytes:
        """Whole events (or nothing). Is not given `Finished` and `UsageReported`."""
        ...

    def end(self, finished: Finished, usage: Usage | None, comment: str) -> bytes:
        """Everything from the finish on; `comment` as an SSE comment before the last event."""
        ...

    def error(self, body: bytes) -> bytes:
        """The event that carries an error's body."""
        ...


class Joint(NamedTuple):
    """How a continuation hangs together with what was before."""

    place: Place
    seam: Seam
    before: Usage | None
    """What the attempts before used of what the client is told."""


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
        return b"".join((*self._out, self._renderer.end(self._finished or Finished("stop"), self._counted(), comment)))

    def rest(self) -> bytes:
        return self._given()

    def fail(self, error: ErrorView) -> bytes:
        return self._given() + self._renderer.error(self._client.render_error(error))

    def _counted(self) -> Usage | None:
        """What the client is told it used."""
        return self.usage

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


class Continued(Translation):
    """The stream of a server that was given the text so far, spliced behind what the client has: no second beginning, the text
    goes on in the block where it was broken off, indices go on, and usage is that of all attempts."""

    def __init__(self, parser: StreamParser, renderer: StreamRenderer, client: WireFormat, joint: Joint) -> None:
        super().__init__(parser, renderer, client)
        renderer.resume(joint.place)
        self._seam = joint.seam
        self._before = joint.before
        self._open = joint.place.open
        self._joined = False
        """Something new was said: from here on it is a stream like any other."""
        self._part: int | None = None
        """The text part that is being joined."""
        self._same: int | None = None
        """The part that goes on with the block the client has open."""

    def _counted(self) -> Usage | None:
        return added(self._before, self.usage)

    def _pass(self, event: StreamEvent) -> None:
        if isinstance(event, Started):
            self.model = event.model
            self._started = True  # The client had its beginning from somebody else.
        elif self._joined or isinstance(event, UsageReported):
            super()._pass(self._moved(event))
        else:
            self._join(event)

    def _join(self, event: StreamEvent) -> None:
        match event:
            case PartStarted(index, Text()):
                self._part = index
            case PartDelta(index, text) if index == self._part:
                self._say(self._seam.take(text))
            case PartStarted(_, ToolCall()):
                self._say(self._seam.rest())
                self._end_text()
                super()._pass(event)
                self._joined = True
            case Finished():
                self._say(self._seam.rest())
                # Nothing new: many servers answer so that take the turn for a whole one. It must not look like an end.
                if self._joined:
                    super()._pass(event)
                else:
                    self._finished = event
            case PartEnded():
                pass
            case _:
                raise ValueError("it does not go on with the text")

    def _say(self, text: str) -> None:
        if not text or self._part is None:
            return
        self._joined = True
        if self._open:
            self._same = self._part
        else:
            super()._pass(PartStarted(self._part, Text("")))
        super()._pass(self._moved(PartDelta(self._part, text)))

    def _end_text(self) -> None:
        if self._joined and self._part is not None:
            super()._pass(self._moved(PartEnded(self._part)))
        elif self._open:
            super()._pass(PartEnded(OPEN))

    def _moved(self, event: StreamEvent) -> StreamEvent:
        if isinstance(event, PartDelta | PartEnded) and event.index == self._same:
            return replace(event, index=OPEN)
        return event


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """What both used. None is not known, and counts as nothing beside what is."""
    if one is None or other is None:
        return one or other
    return Usage(*(getattr(one, kind.name) + getattr(other, kind.name) for kind in fields(Usage)))


def _is_meaningful(event: StreamEvent) -> bool:
    """Whether it tells the client something: a part that merely opens may still come to nothing, but for a tool call."""
    if isinstance(event, PartStarted):
        return isinstance(event.part, ToolCall) or (isinstance(event.part, Thinking) and event.part.redacted)
    return isinstance(event, PartSigned)
