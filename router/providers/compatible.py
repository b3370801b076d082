"""Vendors and local servers that speak OpenAI's chat format, one row each with the page it was taken from."""

from __future__ import annotations

from router.providers.base import ProviderType, anthropic_messages, bearer, openai_chat
from router.snapshot import Quirks
from router.wire.base import Prefill

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
        # Without them the template closes the turn and begins another.
        continues=Prefill(request={"continue_final_message": True, "add_generation_prompt": False}),
    ),
    ProviderType(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        served={"openai_chat": openai_chat(), "anthropic_messages": anthropic_messages(auth=bearer)},
        # Anthropic's format wants the key as a bearer token there, not as x-api-key.
        source="https://openrouter.ai/docs/api-reference/overview, https://openrouter.ai/docs/guides/claude-code-integration",
    ),
    ProviderType(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        served={"openai_chat": openai_chat()},
        source="https://docs.mistral.ai/api/, https://docs.mistral.ai/resources/migration-guides",
        # A field it does not know is a 422 (extra_forbidden), and its list has neither max_completion_tokens nor
        # stream_options; usage always comes with the last chunk.
        quirks=Quirks(max_tokens_field="max_tokens", stream_usage=False),
        # `prefix`, of the assistant message: https://docs.mistral.ai/api/#tag/chat. The answer begins with it.
        continues=Prefill(message={"prefix": True}, repeats=True),
    ),
    ProviderType(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        served={"openai_chat": openai_chat()},
        source="https://console.groq.com/docs/openai, https://console.groq.com/docs/api-reference",
    ),
    ProviderType(
        name="together",
        base_url="https://api.together.ai/v1",
        served={"openai_chat": openai_chat()},
        source="https://docs.together.ai/docs/openai-api-compatibility",
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
        # Its /v1/messages still answers, but xAI calls Anthropic's format there deprecated.
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
