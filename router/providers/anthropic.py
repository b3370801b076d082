"""Anthropic, and anything that speaks its messages format on an address of its own."""

from __future__ import annotations

from router.providers.base import CLAUDE_BEFORE_4_6, ProviderType, anthropic_messages

ROWS = (
    ProviderType(
        name="anthropic",
        base_url="https://api.anthropic.com",
        served={"anthropic_messages": anthropic_messages()},
        source="https://platform.claude.com/docs/en/api/overview",
        prefill=CLAUDE_BEFORE_4_6,
    ),
    ProviderType(
        name="anthropic_compatible",
        base_url=None,
        served={"anthropic_messages": anthropic_messages()},
        source="https://platform.claude.com/docs/en/api/messages",
        prefill=CLAUDE_BEFORE_4_6,
    ),
)
