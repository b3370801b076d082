"""OpenAI chat completions. https://platform.openai.com/docs/api-reference/chat"""

from __future__ import annotations

from router.wire.openai_chat.error import error_event, parse_fault, render_error
from router.wire.openai_chat.listen import read_whole, relay
from router.wire.openai_chat.peek import patch, peek
from router.wire.openai_chat.usage import parse_usage

__all__ = ["error_event", "name", "parse_fault", "parse_usage", "patch", "peek", "ping", "read_whole", "relay", "render_error"]

name = "openai_chat"
ping = b": ping\n\n"
