"""From a client's format to an upstream's and back: the functions the engine calls.

Same format on both ends: the client's bytes with only what must change patched, the upstream's bytes relayed. Different
formats: parse, then render. The engine does not know which it was.
"""

from __future__ import annotations

from router.wire.base import Built, Named, Peek, Stream, Wanted, Whole, WireFormat
from router.wire.translate import open_translation, translate_answer, translate_request


def build_request(client: WireFormat, upstream: WireFormat, raw: bytes, peek: Peek, wanted: Wanted) -> Built:
    """The body to send. Raises `BadRequest` when the client's request cannot be understood, or holds content that the
    upstream's format cannot carry (the message names it)."""
    if client.name == upstream.name:
        return client.patch(peek, wanted)
    return translate_request(client, upstream, peek, wanted)


def read_answer(client: WireFormat, upstream: WireFormat, raw: bytes, named: Named) -> Whole:
    """The client's answer for a whole upstream answer. Raises ValueError when it is not one, `StreamFault` when a 200 body
    holds an error."""
    if client.name == upstream.name:
        return client.read_whole(raw)
    return translate_answer(client, upstream, raw, named)


def open_stream(client: WireFormat, upstream: WireFormat, peek: Peek, named: Named) -> Stream:
    """An upstream's stream on its way to the client; one for each attempt."""
    if client.name == upstream.name:
        return client.relay(peek)
    return open_translation(client, upstream, peek, named)
