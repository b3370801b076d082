"""Anthropic Messages. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

from router.wire.anthropic_messages.error import error_event, parse_fault, render_error
from router.wire.anthropic_messages.listen import read_whole, relay
from router.wire.anthropic_messages.peek import patch, peek
from router.wire.anthropic_messages.usage import merge_usage, parse_usage

__all__ = [
    "error_event",
    "merge_usage",
    "name",
    "parse_fault",
    "parse_usage",
    "patch",
    "peek",
    "ping",
    "read_whole",
    "relay",
    "render_error",
]

name = "anthropic_messages"
ping = b'event: ping\ndata: {"type":"ping"}\n\n'
