"""Vendors and local servers that speak OpenAI's chat format, one row each with the page it was taken from."""

from __future__ import annotations

from router.providers.base import ProviderType, anthropic_messages, bearer, openai_chat
from router.snapshot import Quirks

ROWS = (
    ProviderType(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        # Its cloud takes no x-api-key, and the local server ignores both: bearer fits everywhere.
        served={"openai_chat": openai_chat(), "anthropic_messages": anthropic_messages(auth=bearer)},
        source="https://docs.ollama.com/api/openai-compatibility, https://docs.ollama.com/api/anthropic-compatibility",
        key="optional",
        quirks=Quirks(max_tokens_field="max_tokens"),
    ),
    ProviderType(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        served={"openai_chat": openai_chat(), "anthropic_messages": anthropic_messages(auth=bearer)},
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        key="optional",
    ),
    ProviderType(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        served={"openai_chat": openai_chat(), "anthropic_messages": anthropic_messages(auth=bearer)},
        source="https://openrouter.ai/docs/api-reference/overview",
    ),
    ProviderType(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        served={"openai_chat": openai_chat()},
        source="https://docs.mistral.ai/api/",
        # Streams always end with usage; a field it does not know is a 422.
        quirks=Quirks(max_tokens_field="max_tokens", stream_usage=False),
    ),
    ProviderType(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        served={"openai_chat": openai_chat()},
        source="https://console.groq.com/docs/api-reference",
    ),
    ProviderType(
        name="together",
        base_url="https://api.together.xyz/v1",
        served={"openai_chat": openai_chat()},
        source="https://docs.together.ai/reference/chat-completions-1",
        quirks=Quirks(max_tokens_field="max_tokens"),
    ),
    ProviderType(
        name="deepseek",
        base_url="https://api.deepseek.com",
        served={
            "openai_chat": openai_chat("/chat/completions"),
            "anthropic_messages": anthropic_messages("/anthropic/v1/messages"),
        },
        source="https://api-docs.deepseek.com/api/create-chat-completion, https://api-docs.deepseek.com/guides/anthropic_api",
        quirks=Quirks(max_tokens_field="max_tokens"),
    ),
    ProviderType(
        name="xai",
        base_url="https://api.x.ai/v1",
        served={"openai_chat": openai_chat()},
        source="https://docs.x.ai/docs/api-reference",
    ),
    ProviderType(
        name="huggingface",
        base_url="https://router.huggingface.co/v1",
        served={"openai_chat": openai_chat()},
        source="https://huggingface.co/docs/inference-providers/index",
        quirks=Quirks(max_tokens_field="max_tokens"),
    ),
)
