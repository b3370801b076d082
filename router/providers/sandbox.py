"""The built-in provider: answers in process, without a key and without a network."""

from __future__ import annotations

from router.providers.base import ProviderType, Served

ROWS = (
    ProviderType(
        name="sandbox",
        base_url="sandbox://",
        served={"openai_chat": Served("/v1/chat/completions"), "anthropic_messages": Served("/v1/messages")},
        source="router/upstream/sandbox.py",
        key="unused",
    ),
)
