"""Where two attempts at one answer meet: how far the first one came, and how the text of the second is joined to it.

Nothing here guesses: what is cut is text the client has already, character for character.
"""

from __future__ import annotations

from typing import NamedTuple

from router.types import Json

OPEN = -1
"""The index under which a resumed renderer knows the text that was broken off: parsers count from 0."""

SURE = 16
"""Characters from which on a repetition cannot be chance. Shorter ones ("ha", "10") may well be the text itself."""


class Place(NamedTuple):
    """Where a client's stream stands after plain text."""

    text: str
    """All text the client has, not only blank."""
    head: Json
    """What every event of the stream says of itself (id, model), in formats that repeat it."""
    block: int
    """The number of the last block, in formats that number them."""
    open: bool
    """More text may follow without further words: the block was not closed."""

    @property
    def stem(self) -> str:
        """What a server is given to continue. Without the blanks at its end: Anthropic refuses a turn that ends with some, and
        a model told so writes its own."""
        return self.text.rstrip()


class Seam:
    """Cuts from the beginning of a continuation what the client has: the given turn, when the server repeats it, and the blanks
    the stem went without. However the text comes in pieces, the result is the same."""

    __slots__ = ("_blanks", "_held", "_turn")

    def __init__(self, turn: str, blanks: str, *, repeats: bool) -> None:
        """`turn`: what the server was given. `repeats`: it is known to say it again."""
        self._turn = turn if repeats or len(turn) >= SURE else ""
        self._blanks = blanks
        self._held = ""

    def take(self, text: str) -> str:
        """More of the continuation; gives what goes to the client, which may wait for more to come."""
        if not self._turn and not self._blanks:
            return text
        self._held += text
        if self._turn:
            if len(self._held) < len(self._turn) and self._turn.startswith(self._held):
                return ""
            self._held = self._held.removeprefix(self._turn)
            self._turn = ""
        return self._without_blanks()

    def rest(self) -> str:
        """The text has ended: what was held is no repetition."""
        self._turn = ""
        given = self._without_blanks()
        self._held = self._blanks = ""
        return given

    def _without_blanks(self) -> str:
        if len(self._held) < len(self._blanks) and self._blanks.startswith(self._held):
            return ""
        same = 0
        for ours, theirs in zip(self._held, self._blanks, strict=False):
            if ours != theirs:
                break
            same += 1
        given, self._held, self._blanks = self._held[same:], "", ""
        return given
