"""OpenAI, and anything that speaks its chat format on an address of its own."""

from __future__ import annotations

from router.providers.base import ProviderType, openai_chat

ROWS = (
    ProviderType(
        name="openai",
        base_url="https://api.openai.com/v1",
        served={"openai_chat": openai_chat()},
        source="https://platform.openai.com/docs/api-reference/chat/create",
        # Both names of the output limit are known there, but its reasoning models refuse the older: no renaming, because the
        # client's own bytes are what its vendor's SDK would have sent.
    ),
    ProviderType(
        name="openai_compatible",
        base_url=None,
        # Vendors differ in what stands before it (/v1, /api/v3, nothing): the base URL says it, as for OpenAI's own SDKs.
        served={"openai_chat": openai_chat("/chat/completions")},
        source="https://platform.openai.com/docs/api-reference/chat/create",
    ),
)
