"""Text in pieces, where a character beyond the basic plane was cut in two.

JSON writes an emoji as two escapes (a surrogate pair); providers that cut text by UTF-16 units send the halves in two
deltas. UTF-8 has no halves, so the first one waits for the second.
"""

from __future__ import annotations


class Mender:
    """One per stream of text."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def mend(self, text: str) -> str:
        """`text` with halves joined over calls; a half that stays alone becomes U+FFFD."""
        if text.isascii() and not self._half:
            return text
        text, self._half = self._half + text, ""
        if is_cut(text):
            text, self._half = text[:-1], text[-1]
        return whole(text)


def is_cut(text: str) -> bool:
    """The last character is the first half of one."""
    return "\ud800" <= text[-1:] <= "\udbff"


def whole(text: str) -> str:
    """`text` without halves: pairs are joined, lone ones replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
