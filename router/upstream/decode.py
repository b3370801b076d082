"""Bodies an upstream compressed although nobody asked (RFC 9110 8.4): gzip and deflate, in bounded pieces."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal, Protocol

from router.errors import UpstreamUnavailable

PIECE = 256 * 1024
"""Most bytes one step gives: a few KB of zeros unpack to a thousand times as many, and memory has to stay bounded."""


class _Unpacker(Protocol):
    """What zlib.decompressobj gives; its class has no public name."""

    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


def inflater(encoding: str) -> Inflater:
    """What decodes that `content-encoding`. Raises UpstreamUnavailable for an encoding nobody asked for."""
    match encoding.strip().lower():
        case "" | "identity":
            return Inflater("identity")
        case "gzip" | "x-gzip":
            return Inflater("gzip")
        case "deflate":
            return Inflater("deflate")
        case other:
            raise UpstreamUnavailable(f"answered in content-encoding {other[:40]!r}, which was not asked for")


def unpacked(parts: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """A whole body. Raises UpstreamUnavailable when it is not what `encoding` says, or unpacks to more than `limit` bytes."""
    inflate, size = inflater(encoding), 0
    pieces: list[bytes] = []
    for part in parts:
        inflate.feed(part)
        while piece := inflate.take():
            size += len(piece)
            if size > limit:
                raise UpstreamUnavailable("the compressed answer is too large")
            pieces.append(piece)
    inflate.end()
    return b"".join(pieces)


class Inflater:
    """`feed` what arrived, `take` until it gives b'', `end` when no more comes."""

    def __init__(self, encoding: Literal["identity", "gzip", "deflate"]) -> None:
        self._encoding = encoding
        self._unpacker: _Unpacker | None = None
        self._waiting = b""
        self._full = False
        """The last piece was cut at its limit: zlib may hold more without any input left."""

    def feed(self, data: bytes) -> None:
        self._waiting += data

    def take(self) -> bytes:
        """At most `PIECE` bytes of the body; b'' when more input is needed. Raises UpstreamUnavailable for bytes that are no such
        encoding."""
        if self._encoding == "identity":
            data, self._waiting = self._waiting, b""
            return data
        while self._waiting or self._full:
            if self._unpacker is None or (self._encoding == "gzip" and self._unpacker.eof and self._waiting):
                self._unpacker = self._start(self._waiting[0])  # RFC 1952 2.2: gzip members may follow one another.
            elif self._unpacker.eof and self._waiting:
                raise UpstreamUnavailable("the compressed answer goes on behind its end")
            try:
                data = self._unpacker.decompress(self._waiting, PIECE)
            except zlib.error as error:
                raise UpstreamUnavailable(f"the compressed answer cannot be read: {error}") from error
            self._waiting = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            self._full = len(data) == PIECE
            if data:
                return data
        return b""

    def end(self) -> None:
        """Raises UpstreamUnavailable when the body ended before its encoding did. No body at all is no broken one."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise UpstreamUnavailable("the compressed answer breaks off")

    def _start(self, first: int) -> _Unpacker:
        if self._encoding == "gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        # `deflate` means zlib's format (RFC 9110 8.4.1.2), but some servers send the bare one. Zlib's low nibble is 8.
        return zlib.decompressobj(zlib.MAX_WBITS if first & 0x0F == 8 else -zlib.MAX_WBITS)
