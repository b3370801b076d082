"""Provider types. To add a vendor: write a row (with its source), and see that it is listed here."""

from __future__ import annotations

from router.providers import anthropic, compatible, openai, sandbox
from router.providers.base import ProviderType, Served

__all__ = ["TYPES", "ProviderType", "Served"]

TYPES: dict[str, ProviderType] = {row.name: row for row in (*openai.ROWS, *anthropic.ROWS, *compatible.ROWS, *sandbox.ROWS)}
