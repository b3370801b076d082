"""What differs between generations of Claude, read from the model's name.

Sources: https://platform.claude.com/docs/en/about-claude/models/migration-guide (adaptive thinking from 4.6 on; thinking
budgets and sampling parameters refused from 4.7 on),
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages (from Opus 4.8 on),
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking (Fable and Mythos cannot stop thinking).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = re.compile(
    r"claude-(?P<line>opus|sonnet|haiku|fable|mythos)-"
    r"(?:(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)|preview)"
)


class Family(NamedTuple):
    """Defaults are those of an unknown name: the parts of the API that every server of this format has always had."""

    adaptive: bool = False
    """Takes `thinking: {type: adaptive}`, and an effort instead of a budget."""
    sampling: bool = True
    """Takes temperature, top_p and top_k."""
    system_anywhere: bool = False
    """Takes messages of role `system` after a user turn."""
    thinking_optional: bool = True
    """Takes `thinking: {type: disabled}`."""


def family(model: str) -> Family:
    """Of a model by the name its provider knows (`claude-opus-4-8`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`)."""
    found = _NAME.search(model)
    if found is None:
        return Family()
    version = (int(found["major"] or 5), int(found["minor"] or 0))
    return Family(
        adaptive=version >= (4, 6),
        sampling=version < (4, 7),
        system_anywhere=version >= (4, 8),
        thinking_optional=found["line"] not in ("fable", "mythos"),
    )
