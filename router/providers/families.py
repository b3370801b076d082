"""Which models can continue a half-written answer: an assistant turn at the end of the conversation is the beginning of theirs.

A model that is not known to do so must not be asked: most servers take such a turn as one that is over and begin a second answer.
"""

from __future__ import annotations

import re

CLAUDE_BEFORE_4_6 = re.compile(
    r"claude-(?:3(?:[-.][57])?-(?:opus|sonnet|haiku)|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?)(?![-.]?\d{1,2}(?!\d))"
)
"""From 4.6 on such a conversation is refused with 400.

https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response,
https://platform.claude.com/docs/en/about-claude/models/migration-guide
"""
