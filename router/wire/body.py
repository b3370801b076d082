"""Reading the body of a request just as far as routing needs it; shared by all formats that are JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import BadRequest
from router.types import Json
from router.wire.base import Peek
from router.wire.reading import as_flag, as_integer, refused
from router.wire.scan import MAX_DEPTH, Member, TooMany, lone_member, members

SCANNED = 1024 * 1024
"""Bodies above this are not parsed by `peek`: 20 MB would hold the loop (and, in a thread, the interpreter lock) for up to 90 ms;
finding the top-level members takes 1 ms when the weight is in strings."""
MAX_NESTED = 100_000
"""Objects and arrays in such a body. Following them takes 30 ms at this number; no model reads that many messages."""
MAX_SHOWN = 80
MAX_TOKENS = 10**12
_SMALL = 4096
_FORBIDDEN = frozenset({"router", "api_key", "api_base", "base_url", "extra_headers"})
"""Nothing a request says can change where credentials go."""
_STANDS_FOR: Mapping[int, Any] = {ord("{"): {}, ord("["): [], ord('"'): "…"}


def read_body(raw: bytes) -> Peek:
    """A peek with everything that is the same in all formats: model, stream. Formats add theirs.

    Raises `BadRequest` when `raw` is no JSON object, is nested too deeply, has no single `model` of text, or names a field
    that decides where requests go.
    """
    parsed, found = (_parsed(raw), None) if len(raw) <= SCANNED else (None, _scanned(raw))
    fields = parsed if parsed is not None else _outline(raw, found or ())
    if not _FORBIDDEN.isdisjoint(fields):
        name = next(name for name in fields if name in _FORBIDDEN)
        raise BadRequest(f"{name!r} may not be set in a request", param=name)
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("'model' is missing" if model is None else "'model' must be a text that is not empty", param="model")
    if not isinstance(fields.get("messages"), list):
        reason = "must be an array" if "messages" in fields else "is missing"
        raise BadRequest(f"'messages' {reason}", param="messages")
    peek = Peek(
        model=model,
        stream=flag(fields, "stream"),
        wants_usage=True,
        max_tokens=None,
        raw=raw,
        fields=fields,
        parsed=parsed,
        found=found,
    )
    peek.model_at = _only(peek, "model")
    return peek


def flag(fields: Json, name: str, path: str = "") -> bool:
    value = fields.get(name)
    return False if value is None else as_flag(value, path or name)


def limit(fields: Json, *names: str) -> int | None:
    """The first of these output limits that is set and positive."""
    for name in names:
        value = fields.get(name)
        if value is not None and as_integer(value, name) > 0:
            return int(value)
    return None


def where(peek: Peek, name: str) -> tuple[Member, ...]:
    """The top-level members of that name, which the body has; almost always one."""
    if peek.found is None:
        lone = lone_member(peek.raw, name)
        if lone is not None:
            return (lone,)
    return tuple(member for member in layout(peek) if member.name == name)


def layout(peek: Peek) -> tuple[Member, ...]:
    """All top-level members. Looked for once."""
    if peek.found is None:
        peek.found = members(peek.raw)
    return peek.found


def member(name: str, value: Any) -> bytes:
    """`"name":value`, as bytes of a body."""
    return b"%b:%b" % (orjson.dumps(name), orjson.dumps(value))


def defaulted(name: str, value: Any) -> str:
    """`name=value` for a header: plain ASCII, and short."""
    text = json.dumps(value, separators=(",", ":"))
    return f"{name}={text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + '...'}"


def loads(data: bytes) -> Any:
    r"""What an upstream sent, parsed. Raises ValueError.

    orjson refuses half a surrogate pair (`"\ud83d"`), which providers send that cut text between the halves; the client's own
    parser may well take it.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"\\ud" not in data and b"\\uD" not in data:
            raise
    try:
        return json.loads(data)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def count(raw: Json, name: str) -> int:
    """A number of tokens an upstream said; 0 for anything that is none."""
    value = raw.get(name)
    if type(value) is int:
        return max(0, value)
    return int(value) if isinstance(value, float) and 0 < value < MAX_TOKENS else 0


def name_of(answer: Json) -> str:
    """The model an upstream says it is; empty when it says nothing of the kind."""
    model = answer.get("model")
    return model.encode("utf-8", "replace").decode() if isinstance(model, str) else ""


def loads_object(data: bytes) -> Json:
    """The JSON object an upstream sent. Raises ValueError for anything else."""
    value = loads(data)
    if isinstance(value, dict):
        return value
    raise ValueError("a JSON object was expected")


def _parsed(raw: bytes) -> Json:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"the body is not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    # Counting brackets bounds the depth; only a body with many is looked at closely.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth_exceeds(body, MAX_DEPTH):
        raise BadRequest(f"the body is nested deeper than {MAX_DEPTH} levels")
    return body


def _depth_exceeds(body: Json, most: int) -> bool:
    level: list[Any] = [body]
    for _ in range(most):
        level = [v for c in level for v in (c.values() if type(c) is dict else c) if type(v) is dict or type(v) is list]
        if not level:
            return False
    return True


def _scanned(raw: bytes) -> tuple[Member, ...]:
    try:
        return members(raw, MAX_NESTED)
    except TooMany as exc:
        raise BadRequest(f"the body holds more than {MAX_NESTED} objects and arrays") from exc
    except ValueError as exc:
        raise BadRequest(f"the body is not JSON: {exc}") from exc


def _outline(raw: bytes, found: tuple[Member, ...]) -> Json:
    """The top level of a large body: small values as they are, a stand-in of the same kind for each large one."""
    outline: Json = {}
    for member in found:
        if member.end - member.start > _SMALL:
            outline[member.name] = _STANDS_FOR.get(raw[member.start], 0)
            continue
        try:
            outline[member.name] = orjson.loads(raw[member.start : member.end])
        except orjson.JSONDecodeError as exc:
            raise BadRequest(f"the body is not JSON: {exc} in {member.name!r}", param=member.name) from exc
    return outline


def _only(peek: Peek, name: str) -> tuple[int, int]:
    # Parsers disagree on which of two counts: what was allowed here might not be what is served there.
    found = where(peek, name)
    if len(found) != 1:
        raise refused(name, "it stands in the body more than once")
    return found[0].start, found[0].end
