"""Ids of tool calls between formats, without a store: what a client is given can be turned back on its next turn.

Anthropic takes only ids of `[a-zA-Z0-9_-]` (https://platform.claude.com/docs/en/api/messages); others use any text
(`functions.get:0`). Ids both can say stay as they are, so that a history written by one provider is the same for the next.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
_MARK = "enc_"
_LONGEST = 40
"""OpenAI refuses longer ones: "Expected a string with maximum length 40"."""


def to_plain(call_id: str) -> str:
    """The id in `[a-zA-Z0-9_-]+`; `from_plain` gives it back."""
    if _PLAIN.fullmatch(call_id) and not call_id.startswith(_MARK):
        return call_id
    return _MARK + base64.urlsafe_b64encode(call_id.encode()).rstrip(b"=").decode()


def from_plain(plain: str) -> str:
    """What `to_plain` was given. Text it cannot have made is an id of its own and stays."""
    if not plain.startswith(_MARK):
        return plain
    coded = plain.removeprefix(_MARK)
    try:
        call_id = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return plain
    return call_id if to_plain(call_id) == plain else plain


def to_short(call_id: str) -> str:
    """At most 40 characters: a longer one becomes a digest, which is the same for the call and for its result.

    Only for requests: a provider never names an old call in its answer, so nobody has to turn it back.
    """
    if len(call_id) <= _LONGEST:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:32]
