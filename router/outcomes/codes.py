"""What providers' own words mean: codes and types per family, texts where there is no word, statuses. Data.

Only words that say more than their HTTP status stand here. A provider is not asked who it is (a base URL may lead
anywhere), so a word means one thing in all families; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.errors import Kind

FAMILIES: Mapping[str, Mapping[str, Kind]] = {
    "openai": {
        "insufficient_quota": "billing",
        "billing_hard_limit_reached": "billing",
        "billing_not_active": "billing",
        "invalid_api_key": "auth",
        "account_deactivated": "auth",
        "context_length_exceeded": "context",
        "string_above_max_length": "context",
        "content_filter": "policy",
        "content_policy_violation": "policy",
        "moderation_blocked": "policy",
    },
    "anthropic": {"billing_error": "billing", "authentication_error": "auth", "permission_error": "auth"},
    "openrouter": {"insufficient_credits": "billing"},
}
"""Family → word, in lower case → kind."""

CODES: Mapping[str, Kind] = {word: kind for words in FAMILIES.values() for word, kind in words.items()}

STATUSES: Mapping[int, Kind] = {401: "auth", 402: "billing", 403: "auth", 408: "timeout", 429: "rate"}


class Text(NamedTuple):
    """An answer with one of `statuses` whose message holds one of `phrases` (lower case)."""

    kind: Kind
    statuses: frozenset[int]
    phrases: tuple[str, ...]


TEXTS: tuple[Text, ...] = (
    Text(
        "context",
        frozenset({400, 413}),
        ("context length", "context window", "maximum context", "prompt is too long", "too many tokens", "input is too long"),
    ),
)
