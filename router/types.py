"""The canonical chat vocabulary: what every wire format is parsed into and rendered from.

These are values, not services: frozen, comparable, and free of any provider's spelling. A field belongs here when at least
two wire formats can express it; what only one can say stays in `ChatRequest.extra`, by its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

Role = Literal["system", "user", "assistant"]

Finish = Literal["stop", "stop_sequence", "length", "tool_calls", "refusal"]
"""Why an answer ended. `refusal` is the model's and the provider's filter alike: no format tells them apart reliably."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the model says instead of an answer, where the format keeps it apart from text."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where content lies. The router never fetches it."""

    url: str


@dataclass(frozen=True, slots=True)
class Inline:
    """Content itself: `data` is base64 as it came."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Image:
    source: Link | Inline


@dataclass(frozen=True, slots=True)
class Document:
    """A file to read. Plain text is `Inline` too, with `text/plain`."""

    source: Link | Inline
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning the model showed. `signature` is opaque and good only where it was made (`origin`, a wire format's name for
    its own signatures); both are empty for reasoning nobody signed. `redacted` is an encrypted block: no text, only payload
    in `signature`."""

    text: str
    signature: str = ""
    origin: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    """As the provider gave it; empty when it gave none."""
    name: str
    arguments: str
    """JSON text exactly as the model wrote it; it may not parse. Empty is no arguments."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    parts: tuple[Text | Image | Document, ...]
    is_error: bool = False


Part = Text | Refusal | Image | Document | Thinking | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """Results of tools are parts of a user message. A system message may stand anywhere."""

    role: Role
    parts: tuple[Part, ...]
    path: str = field(default="", compare=False)
    """Where the client wrote it (`messages.2`): for errors."""


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str | None = None
    schema: Json | None = None
    """JSON Schema of the arguments; None: it takes none."""
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`mode` `tool` goes with a `name`."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The answer's text must be JSON: of `schema`, or any object when that is None."""

    schema: Json | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much to think: a word, a number of tokens, or both None: the model decides. `effort` `none` is not at all."""

    effort: Effort | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. The four input kinds are disjoint; `reasoning` and `audio_output` are parts of `output`,
    `audio_input` is a part of `input_uncached`."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, slots=True)
class Tuning:
    """What shapes an answer without being content. None is unset: nothing is sent for it."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: Reasoning | None = None
    parallel_tools: bool | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    output: OutputFormat | None = None
    tuning: Tuning = Tuning()
    stream: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Top-level tuning that only the request's own format can say, by its name there."""
    lost: tuple[str, ...] = ()
    """Tuning below the top level that no canonical field carries, by its name there."""


@dataclass(frozen=True, slots=True)
class ChatResponse:
    id: str
    model: str
    parts: tuple[Part, ...]
    finish: Finish
    usage: Usage | None = None
    stop_sequence: str | None = None
    """The one that was hit, when the provider says."""
