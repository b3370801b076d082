"""A chat completion request, read as far as routing needs it, and patched for an upstream of the same format.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import orjson

from router.types import Json
from router.wire.base import Built, Peek, Wanted
from router.wire.body import defaulted, flag, layout, limit, member, read_body, where
from router.wire.reading import as_object
from router.wire.scan import Edit, appended, members, removed, splice

_LIMITS = ("max_tokens", "max_completion_tokens")
_ASK_USAGE = b'"include_usage":true'


def peek(raw: bytes) -> Peek:
    """Raises `BadRequest`; see `WireFormat.peek`."""
    found = read_body(raw)
    fields = found.fields
    found.max_tokens = limit(fields, *_LIMITS)
    options = fields.get("stream_options")
    found.wants_usage = options is not None and flag(
        as_object(options, "stream_options"), "include_usage", "stream_options.include_usage"
    )
    return found


def patch(found: Peek, wanted: Wanted) -> Built:
    """The client's bytes with `model` renamed, `params` appended where the client set nothing, usage asked for in a stream, and
    the output limit under the one name the target knows."""
    edits = [Edit(*found.model_at, orjson.dumps(wanted.model))]
    dropped = [*_limit_name(found, wanted, edits)] if wanted.max_tokens_field is not None else []
    tail, set_here = _params(found.fields, wanted) if wanted.params else ([], [])
    if found.stream and not wanted.stream_usage and "stream_options" in found.fields:
        edits += removed(layout(found), "stream_options")
        dropped.append("stream_options")
    elif found.stream and wanted.stream_usage and not found.wants_usage:
        tail += _ask_usage(found, edits)
    if tail:
        edits.append(appended(found.raw, b",".join(tail)))
    return Built(splice(found.raw, edits), tuple(dropped), tuple(set_here))


def _limit_name(found: Peek, wanted: Wanted, edits: list[Edit]) -> list[str]:
    """Renames the output limit to the one name the vendor knows. Sent both, the known one stays and the other is dropped."""
    known = wanted.max_tokens_field or ""
    other = _LIMITS[known == _LIMITS[0]]
    if other not in found.fields:
        return []
    if known in found.fields:
        edits += removed(layout(found), other)
        return [other]
    edits += (Edit(at.key, at.key_end, orjson.dumps(known)) for at in where(found, other))
    return []


def _params(fields: Json, wanted: Wanted) -> tuple[list[bytes], list[str]]:
    """What the configuration sets and the client did not; an explicit null is the client's word too."""
    tail: list[bytes] = []
    set_here: list[str] = []
    for name, value in wanted.params.items():
        if name in fields or (name in _LIMITS and not fields.keys().isdisjoint(_LIMITS)):
            continue
        sent = wanted.max_tokens_field or name if name in _LIMITS else name
        tail.append(member(sent, value))
        set_here.append(defaulted(sent, value))
    return tail, set_here


def _ask_usage(found: Peek, edits: list[Edit]) -> list[bytes]:
    """Sets `include_usage`: a new last member, or inside the `stream_options` the client wrote."""
    if "stream_options" not in found.fields:
        return [b'"stream_options":{%b}' % _ASK_USAGE]
    for options in where(found, "stream_options"):
        raw = found.raw[options.start : options.end]
        edits.append(Edit(options.start, options.end, _asking(raw)))
    return []


def _asking(options: bytes) -> bytes:
    if not options.startswith(b"{"):  # null
        return b"{%b}" % _ASK_USAGE
    inside = members(options)
    asked = [Edit(at.start, at.end, b"true") for at in inside if at.name == "include_usage"]
    if asked:
        return splice(options, asked)
    return splice(options, [appended(options, _ASK_USAGE)]) if inside else b"{%b}" % _ASK_USAGE
