"""A provider that costs next to nothing: `python upstream.py PORT`. HTTP/1.1, keep-alive, bodies with a content length.

It answers any POST with `payload.ANSWER`; when the body asks for a stream, with 200 chunks as fast as the reader takes
them, or with 64 chunks 20 ms apart when the prompt says so. Every chunk is a write of its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

import uvloop
from payload import ANSWER, CHUNKS, FIRST, LAST, NEXT, PACE, PACED, PACED_CHUNKS

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream": ?true')
_PACED = PACED.encode()
_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_BEGIN, _MORE, _END = _HEAD + _chunk(FIRST), _chunk(NEXT), _chunk(LAST) + b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection; one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._paused = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it.

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(data) < size:
                break
            self._answer(data[end + 4 : size])
            data = data[size:]
        self._rest = data

    def _answer(self, body: bytes) -> None:
        if not _STREAM.search(body):
            self.transport.write(_WHOLE)
            return
        self.transport.write(_BEGIN)
        if _PACED in body:
            self._left = PACED_CHUNKS - 1
            self._tick(self._loop.time() + PACE)
        else:
            self._left = CHUNKS - 1
            self._loop.call_soon(self._rush)

    def _tick(self, when: float) -> None:
        self._loop.call_at(when, self._pace, when)

    def _pace(self, when: float) -> None:
        if self.transport.is_closing():
            return
        if not self._left:
            self.transport.write(_END)
            return
        self._left -= 1
        self.transport.write(_MORE)
        self._tick(when + PACE)

    def _rush(self) -> None:
        if self.transport.is_closing() or self._paused:
            return
        if not self._left:
            self.transport.write(_END)
            return
        self._left -= 1
        self.transport.write(_MORE)
        self._loop.call_soon(self._rush)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._rush()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
