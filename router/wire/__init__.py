"""Wire formats: how requests, answers, streams and errors are spelled. Pure: bytes and values in, bytes and values out.

To add one, write a package with the names of `base.WireFormat` and list it here.
"""

from __future__ import annotations

from collections.abc import Mapping

from router.wire import anthropic_messages, openai_chat
from router.wire.base import WireFormat

FORMATS: Mapping[str, WireFormat] = {
    openai_chat.name: openai_chat,
    anthropic_messages.name: anthropic_messages,
}
