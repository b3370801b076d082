"""The word someone most likely meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to `word`, or None when none is close: at most a third of its letters differ.

    Of several equally close ones one of the same length wins, then the first: `known` should stand in an order that matters. The
    distance counts one letter too many, too few, wrong, or two swapped, each as one (optimal string alignment).
    """
    folded = word.lower()
    limit = max(1, len(word) // 3)
    best: tuple[int, int, str] | None = None
    for candidate in known:
        longer = abs(len(candidate) - len(word))
        if longer > limit:
            continue
        distance = _distance(folded, candidate.lower())
        if distance <= limit and (best is None or (distance, longer) < best[:2]):
            best = (distance, longer, candidate)
    return best[2] if best else None


def _distance(left: str, right: str) -> int:
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
