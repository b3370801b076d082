"""What providers' own words mean: codes and types per family, texts where there is no word, statuses. Data.

Only words that say more than their HTTP status stand here. Nobody is asked who he is (a base URL may lead anywhere), so a
word means one thing in all families; a test holds them to it. tests/golden/errors has the answers these tables are made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.errors import Kind

FAMILIES: Mapping[str, Mapping[str, Kind]] = {
    # https://platform.openai.com/docs/guides/error-codes
    "openai": {
        "insufficient_quota": "billing",
        "billing_hard_limit_reached": "billing",
        "billing_not_active": "billing",
        "invalid_api_key": "auth",
        "account_deactivated": "auth",
        "context_length_exceeded": "context",
        "string_above_max_length": "context",
        "content_policy_violation": "policy",
        "moderation_blocked": "policy",
    },
    # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    "azure": {"content_filter": "policy", "responsibleaipolicyviolation": "policy"},
    # https://docs.github.com/github-models (limits per request)
    "github": {"tokens_limit_reached": "context", "model_max_prompt_tokens_exceeded": "context"},
    # https://platform.claude.com/docs/en/api/errors, https://platform.claude.com/docs/en/api/rate-limits (the month's spend)
    "anthropic": {
        "billing_error": "billing",
        "enforced_spend_limit_reached": "billing",
        "authentication_error": "auth",
        "permission_error": "auth",
    },
    # https://cloud.google.com/apis/design/errors, https://github.com/googleapis/googleapis (google/api/error_reason.proto)
    "gemini": {
        "api_key_invalid": "auth",
        "api_key_service_blocked": "auth",
        "api_key_http_referrer_blocked": "auth",
        "api_key_ip_address_blocked": "auth",
        "access_token_expired": "auth",
        "account_state_invalid": "auth",
        "consumer_invalid": "auth",
        "consumer_suspended": "auth",
        "credentials_missing": "auth",
        "service_disabled": "auth",
        "billing_disabled": "billing",
        "model_capacity_exhausted": "server",
    },
    # https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
    "bedrock": {
        "throttlingexception": "rate",
        "toomanyrequestsexception": "rate",
        "servicequotaexceededexception": "rate",
        "modelnotreadyexception": "server",
        "modelerrorexception": "server",
        "modelstreamerrorexception": "server",
        "internalserverexception": "server",
        "internalfailure": "server",
        "serviceunavailable": "server",
        "serviceunavailableexception": "server",
        "modeltimeoutexception": "timeout",
        "accessdeniedexception": "auth",
        "expiredtokenexception": "auth",
        "incompletesignature": "auth",
        "invalidclienttokenid": "auth",
        "invalidsignatureexception": "auth",
        "missingauthenticationtokenexception": "auth",
        "notauthorized": "auth",
        "requestexpired": "auth",
        "unrecognizedclientexception": "auth",
    },
    # https://console.groq.com/docs/flex-processing (its status 498)
    "groq": {"capacity_exceeded": "rate", "organization_restricted": "auth"},
    # https://openrouter.ai/docs/api/reference/errors-and-debugging, https://openrouter.ai/docs/api/reference/limits.
    # An in-flight budget comes back by itself, the others do not.
    "openrouter": {
        "openrouter_in_flight_budget": "rate",
        "openrouter_credits": "billing",
        "openrouter_key_limit": "billing",
        "openrouter_guardrail_budget": "billing",
        "openrouter_workspace_budget": "billing",
        "insufficient_credits": "billing",
        "payment_required": "billing",
        "token_limit_exceeded": "billing",
        "authentication": "auth",
        "flagged_input": "policy",
        "guardrail_patterns": "policy",
        "refusal": "policy",
    },
    # https://github.com/ggml-org/llama.cpp/pull/15780
    "llama.cpp": {"exceed_context_size_error": "context"},
}
"""Family → word, in lower case → kind."""

CODES: Mapping[str, Kind] = {word: kind for words in FAMILIES.values() for word, kind in words.items()}

STATUSES: Mapping[int, Kind] = {
    401: "auth",
    402: "billing",
    403: "auth",
    408: "timeout",
    424: "server",  # Bedrock, Hugging Face: what stands behind it failed.
    429: "rate",
    498: "rate",  # Groq: the flex tier is full.
}
"""Others from 400 to 499 are the client's, the rest the server's."""


class Text(NamedTuple):
    """An answer with one of `statuses` whose message holds one of `phrases` (lower case)."""

    kind: Kind
    statuses: frozenset[int]
    phrases: tuple[str, ...]


TEXTS: tuple[Text, ...] = (
    Text(
        "billing",
        frozenset({400, 403, 429}),
        (
            "credit balance is too low",  # Anthropic, 400
            "api usage limits",  # Anthropic, 400: the limit one has set oneself
            "used all available credits",  # xAI, 429 and 403
        ),
    ),
    Text(
        "auth",
        frozenset({400}),
        (
            "incorrect api key",  # xAI
            "api key not valid",  # Gemini, where the details are left out
            "api key not found",
            "api key expired",
            "location is not supported",  # Gemini: where the router stands, not what was asked
        ),
    ),
    Text(
        "policy",
        frozenset({400, 403}),
        (
            "content management policy",  # Azure
            "content filtering policy",  # Anthropic
            "rejected as a result of our safety system",  # OpenAI
            "flagged as potentially violating",  # OpenAI, `invalid_prompt`; the same word means a bad role at OpenRouter
            "your input was flagged",  # OpenRouter
        ),
    ),
    Text(
        "context",
        frozenset({400, 413}),
        (
            "context length",
            "context limit",  # Anthropic
            "context size",  # llama.cpp
            "context window",  # OpenAI's Responses
            "maximum context",
            "maximum model length",  # vLLM
            "maximum prompt length",  # xAI
            "maximum number of tokens allowed",  # Gemini
            "exceeded model token limit",  # Moonshot
            "prompt is too long",  # Anthropic
            "prompt token count",  # GitHub Copilot
            "input is too long",  # Bedrock
            "total number of tokens",  # Cohere; its "too many tokens: max tokens" is about the answer
            "reduce the length of the messages",  # Groq
        ),
    ),
    # Text Generation Inference (Hugging Face, Together) says it with a 422.
    Text("context", frozenset({400, 413, 422}), ("`inputs` tokens + ", "`inputs` must have less than")),
)
