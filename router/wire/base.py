"""What a wire format must be able to do. Implementations are pure: no I/O, no clock, no randomness.

The engine sees only what this module and `router.wire.transcode` declare; canonical requests, answers and events stay
behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from router.errors import BadRequest
from router.types import Json, Usage
from router.wire.scan import Member


@dataclass(slots=True, eq=False)
class Peek:
    """What routing needs to know of a request, read without building the canonical one."""

    model: str
    stream: bool
    wants_usage: bool
    """The client asked for usage in its stream (always true in formats that always say it)."""
    max_tokens: int | None
    """The client's own output limit, when it set a positive one."""
    raw: bytes = field(repr=False)
    fields: Json = field(repr=False)
    """The top level of the body. Of a large body (`router.wire.body.SCANNED`) long values are stand-ins of the same kind."""
    parsed: Json | None = field(repr=False)
    found: tuple[Member, ...] | None = field(repr=False)
    """Where the top-level members stand, once somebody had to look."""
    model_at: tuple[int, int] = (0, 0)
    """Bytes [start, end) of the value of `model`."""

    @property
    def body(self) -> Json:
        """The whole body; parsed now if it was too large to do so before. Raises `BadRequest` when it is no JSON."""
        if self.parsed is None:
            try:
                self.parsed = orjson.loads(self.raw)
            except orjson.JSONDecodeError as exc:
                raise BadRequest(f"the body is not JSON: {exc}") from exc
        return self.parsed


@dataclass(frozen=True, slots=True)
class Prefill:
    """How a server is told that the assistant turn at the end of a conversation is the beginning of its answer, where that turn
    alone does not say so. The default is the plain turn."""

    message: Mapping[str, Any] = field(default_factory=dict)
    """Members of the turn (Mistral, DeepSeek: `prefix`; Moonshot: `partial`)."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """Members of the body (vLLM: `continue_final_message`, `add_generation_prompt`)."""
    repeats: bool = False
    """The answer is known to begin with the turn, word for word."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the target wants in the request it is sent. Compiled at load, one per target and pair of formats."""

    model: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Canonical names of OpenAI chat (`max_tokens`, `temperature`, `top_p`, …); set when the client did not."""
    max_tokens_default: int = 4096
    """For formats that insist on an output limit, when neither the client nor `params` has one."""
    max_tokens_field: str | None = None
    """See `snapshot.Quirks`."""
    stream_usage: bool = True
    """See `snapshot.Quirks`."""
    prefill: Prefill = Prefill()
    """For requests to continue an answer; see `router.wire.resume`."""


class Built(NamedTuple):
    """An outgoing body, and what the client must be told about it."""

    body: bytes
    dropped: tuple[str, ...] = ()
    """Tuning parameters the upstream format cannot express (`x-router-dropped`)."""
    defaulted: tuple[str, ...] = ()
    """`name=value` of what was set because the client did not (`x-router-defaulted`)."""


class Whole(NamedTuple):
    """A complete, non-streamed answer on its way to the client."""

    body: bytes
    model: str
    """What the upstream says it is."""
    usage: Usage | None
    empty: bool
    """No text, no tool call, no refusal, no output tokens."""


class Fault(NamedTuple):
    """What an upstream's error body says."""

    message: str
    type: str | None
    code: str | None
    reasons: tuple[str, ...] = ()
    """Finer words than `code` and `type`, finest first: Gemini's `details[].reason`, Azure's `innererror.code`."""
    waits: Mapping[str, str] = {}
    """What the body says of waiting, spelled as headers: `retry-after`, `x-ratelimit-reset`."""


class Named(NamedTuple):
    """What a rendered answer of another format needs and a pure function cannot make."""

    id: str
    """Unique text without a prefix, 24 or more of [0-9a-z]; each format adds its own prefix."""
    created: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ErrorView:
    """An error as a client is told it."""

    status: int
    code: str
    message: str
    param: str | None
    request_id: str
    type: str | None = None
    """An upstream's own type of the same format, when there was one."""


class Frame(NamedTuple):
    """One server-sent event, whole. `raw` is every byte of it with its blank line; comments have empty `data`."""

    event: str
    data: bytes
    raw: bytes


class Stream(Protocol):
    """One answer stream on its way through: upstream bytes in, client bytes out. Only whole events leave it, and the
    terminal event stays inside until `end`. Created per attempt."""

    began: bool
    """A meaningful event (text, tool call, reasoning, finish, refusal) was seen: the gate may open."""
    complete: bool
    """The format's terminal marker was seen: `end` may be called, further input is ignored."""
    usage: Usage | None
    model: str
    """What the upstream says it is; empty until it said so."""
    malformed: int
    """Frames that were skipped because they could not be read."""

    def feed(self, chunk: bytes) -> bytes:
        """Client bytes for these upstream bytes (may be empty).

        Raises `StreamFault` for an error the upstream sent in band, ValueError for bytes that are no stream. What was whole
        before it is not lost: `fail` gives it.
        """
        ...

    def end(self, comment: str) -> bytes:
        """The rest of a complete stream: what was held back, `comment` as an SSE comment before the terminal event.

        At the end of the input `complete` decides whether this may be called: a finish reason without the terminal event
        is complete (`finish` is called first and sets it), nothing else is.
        """
        ...

    def finish(self) -> None:
        """The upstream closed. Takes what was buffered as a last event (`end` gives its bytes), and `complete` is then final.

        Raises as `feed` does.
        """
        ...

    def rest(self) -> bytes:
        """What was still to be sent when the stream broke: whole events that had arrived. Gives it once."""
        ...

    def fail(self, error: ErrorView) -> bytes:
        """`rest`, and one error event in the client's format; nothing may follow it."""
        ...


class StreamFault(Exception):
    """An error that an upstream sent inside its stream or in a 200 body. The engine judges it like a status."""

    def __init__(self, fault: Fault, status: int | None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.status = status
        """The HTTP status the provider's own error type or code stands for, when known."""


class WireFormat(Protocol):
    """One spelling. Modules (or packages) implement it as top-level names; `router.wire.FORMATS` lists them."""

    @property
    def name(self) -> str: ...

    @property
    def ping(self) -> bytes:
        """A keep-alive a client of this format ignores: an SSE comment or event."""
        ...

    def peek(self, raw: bytes) -> Peek:
        """Raises `BadRequest` when it is not JSON, not an object, has no `model`, or a field routing needs has a wrong type."""
        ...

    def patch(self, peek: Peek, wanted: Wanted) -> Built:
        """The client's own bytes for an upstream of this format, with only what must change changed."""
        ...

    def read_whole(self, raw: bytes) -> Whole:
        """An upstream's whole answer for a client of this format, bytes untouched. Raises as `transcode.read_answer` does."""
        ...

    def relay(self, peek: Peek) -> Stream:
        """An upstream's stream for a client of this format."""
        ...

    def parse_fault(self, raw: bytes) -> Fault:
        """What an error body of this format says; the text itself (cut at 500 characters) when it is no JSON."""
        ...

    def render_error(self, error: ErrorView) -> bytes: ...

    def error_event(self, error: ErrorView) -> bytes:
        """The same inside a stream whose head has left already; nothing may follow it."""
        ...
