"""What is known about a vendor: where it is, how it is signed, what it speaks. Data; code only where data cannot say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from router.snapshot import Quirks
from router.wire.base import Prefill

Headers = Callable[[str], Mapping[str, str]]
"""Given the API key, the headers that carry it."""


def bearer(key: str) -> Mapping[str, str]:
    """RFC 6750, section 2.1."""
    return {"authorization": f"Bearer {key}"}


def x_api_key(key: str) -> Mapping[str, str]:
    """https://platform.claude.com/docs/en/api/overview"""
    return {"x-api-key": key}


OPENAI_PASSES = frozenset({"openai-beta", "idempotency-key"})
ANTHROPIC_PASSES = frozenset({"anthropic-beta", "anthropic-version"})


@dataclass(frozen=True, slots=True)
class Served:
    """One wire format at a vendor."""

    path: str
    """Added to the base URL, which may or may not end in the `/v1` this begins with."""
    auth: Headers = bearer
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Headers a request carries unless the client sent its own."""
    passes: frozenset[str] = frozenset()
    """Client headers that go on when the client speaks this format."""


def openai_chat(path: str = "/v1/chat/completions") -> Served:
    """https://platform.openai.com/docs/api-reference/chat/create"""
    return Served(path, passes=OPENAI_PASSES)


def anthropic_messages(path: str = "/v1/messages", auth: Headers = x_api_key) -> Served:
    """https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/api/versioning"""
    return Served(path, auth, {"anthropic-version": "2023-06-01"}, ANTHROPIC_PASSES)


CLAUDE_BEFORE_4_6 = re.compile(
    r"claude-(?:3(?:[-.][57])?-(?:opus|sonnet|haiku)|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?)(?![-.]?\d{1,2}(?!\d))"
)
"""Models that take an assistant turn at the end of the conversation as the beginning of their answer. From 4.6 on that is a 400.

https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response,
https://platform.claude.com/docs/en/about-claude/models/migration-guide
"""


@dataclass(frozen=True, slots=True)
class ProviderType:
    """A row of data."""

    name: str
    base_url: str | None
    """None: the file must give it."""
    served: Mapping[str, Served]
    """By wire format; the first is what the vendor speaks by preference."""
    source: str
    """The vendor's page this row was taken from."""
    key: Literal["required", "optional", "unused"] = "required"
    """Whether the file must say an API key (it may always say `none`)."""
    quirks: Quirks = field(default_factory=Quirks)
    prefill: re.Pattern[str] | None = None
    """Names of models that are known to continue an answer whose beginning stands at the end of the conversation. Others must not
    be asked to: most servers take that turn as one that is over, and begin a second answer."""

    continues: Prefill = field(default_factory=Prefill)
    """How its servers are told to continue that turn, for targets that say `prefill: true`."""

    def prefills(self, model: str) -> bool:
        """Whether the model of that name is known to continue a half-written answer here."""
        return self.prefill is not None and self.prefill.search(model) is not None

    @property
    def listing(self) -> str:
        """Where its models are listed, a call that costs nothing: beside what it serves first."""
        first = next(iter(self.served.values())).path
        return "/v1/models" if first.startswith("/v1/") else "/models"
