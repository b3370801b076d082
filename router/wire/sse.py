"""Server-sent events, sans-io: bytes in, whole events out. Nothing is decoded: a character cut between packets stays whole.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re

from router.wire.base import Frame

MAX_EVENT = 8 * 1024 * 1024
"""Bytes of one event: an image as base64 fits. Beyond, nobody is sending events."""

_BOM = b"\xef\xbb\xbf"
# Atomic, or CR LF would also be found as two line ends. A CR that ends the input may still get its LF: it has to wait.
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r(?=.))", re.DOTALL)

_BLANK_LINES = re.compile(rb"\n{3,}")


class Splitter:
    """Cuts a byte stream, whatever its packets, behind blank lines. Holds at most one unfinished event."""

    __slots__ = ("_head", "_rest", "_searched")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._head = True

    def take(self, chunk: bytes) -> bytes:
        """All whole events that `chunk` completes, up to a blank line. Raises ValueError when one is larger than `MAX_EVENT`.

        Every byte of them but what means nothing: a byte order mark, blank lines before an event. (A client may have been
        sent a ping before, so a mark would not stand at the beginning.)
        """
        if not self._rest and not self._head and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            return _tight(chunk)
        self._rest += chunk
        if self._head and not self._skip_mark():
            return b""
        end = self._last_blank_line()
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        # Three bytes back: a blank line of two CR LF may have its last byte still to come.
        self._searched = max(0, len(self._rest) - 3)
        if len(self._rest) > MAX_EVENT:
            raise ValueError(f"an event of the stream is larger than {MAX_EVENT} bytes")
        return _tight(whole)

    def rest(self) -> bytes:
        """What is left when the stream has ended: an event without its blank line, or nothing."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _skip_mark(self) -> bool:
        """False while the first bytes may still become a byte order mark."""
        if len(self._rest) < len(_BOM) and _BOM.startswith(self._rest):
            return False
        self._head = False
        if self._rest.startswith(_BOM):
            del self._rest[: len(_BOM)]
        return True

    def _last_blank_line(self) -> int:
        """Where the bytes behind the last blank line begin."""
        rest, start = self._rest, self._searched
        if rest.find(b"\r", start) < 0:
            end = rest.rfind(b"\n\n", start)
            return end + 2 if end >= 0 else 0
        end = 0
        for found in _BLANK_LINE.finditer(rest, start):
            end = found.end()
        return end


class Decoder:
    """Turns a byte stream, cut anywhere, into frames."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        self._splitter = Splitter()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises ValueError for an event beyond `MAX_EVENT`."""
        return [frame(body, body + blank) for body, blank in pieces(self._splitter.take(chunk))]

    def finish(self) -> list[Frame]:
        """The last event, when the stream ended without a blank line behind it."""
        rest = self._splitter.rest()
        return [frame(rest, rest)] if rest.strip(b"\r\n") else []


def pieces(block: bytes) -> list[tuple[bytes, bytes]]:
    """The events of a block that `Splitter.take` gave: the lines of each, and its blank line."""
    if b"\r" not in block:
        return [(body, b"\n\n") for body in block.split(b"\n\n")[:-1]]
    # The byte added behind tells that a final CR is a line end of its own.
    bounds = [(found.start(), min(found.end(), len(block))) for found in _BLANK_LINE.finditer(block + b"\n")]
    starts = [0, *(end for _, end in bounds)]
    cut = [(block[start:body].lstrip(b"\r\n"), block[body:end]) for start, (body, end) in zip(starts, bounds, strict=False)]
    return [(body, blank) for body, blank in cut if body]


def frame(body: bytes, raw: bytes) -> Frame:
    event, data = parse(body)
    return Frame(event.decode("utf-8", "replace"), data, raw)


def parse(body: bytes) -> tuple[bytes, bytes]:
    """Name and data of the event that these lines are. Lines of `data` are joined by LF; other fields are ignored."""
    if body.startswith(b"data: ") and b"\n" not in body and b"\r" not in body:
        return b"", body[6:]
    event, data = b"", []
    for line in body.splitlines():  # Of bytes: LF, CR LF and CR, and nothing else.
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
    return event, b"\n".join(data)


def comment(text: str) -> bytes:
    """A comment: clients ignore it."""
    return b"".join(b": %b\n" % line.encode() for line in text.splitlines()) + b"\n" if text else b""


def _tight(block: bytes) -> bytes:
    """Without blank lines that end no event. (Where there are CRs `pieces` sees to it.)"""
    if block.startswith(b"\n"):
        block = block.lstrip(b"\n")
    return _BLANK_LINES.sub(b"\n\n", block) if b"\n\n\n" in block else block
