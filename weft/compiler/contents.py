"""Which value lies where in a memory: the model that checks of placements follow in program order.

Whoever decides that bytes may be used again is checked by something that knows nothing of how it decided: every write
is noted here, and every read asks whether its bytes still hold what it wants.
"""

from __future__ import annotations

import bisect
from typing import NamedTuple


class Bytes(NamedTuple):
    """Bytes ``start`` up to and without ``end`` of a memory."""

    memory: str
    start: int
    end: int

    def meets(self, other: Bytes) -> bool:
        """Whether both have a byte in common."""
        return self.memory == other.memory and self.start < other.end and other.start < self.end


class Contents:
    """Disjoint ranges of bytes, each holding all of one value."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = {}
        self._held: dict[tuple[str, int], tuple[int, int]] = {}  # (memory, start) → end, value

    def write(self, place: Bytes, value: int) -> None:
        """``place`` holds ``value``; whatever had a byte in common with it is gone."""
        starts = self._starts.setdefault(place.memory, [])
        at = max(bisect.bisect_right(starts, place.start) - 1, 0)
        if at < len(starts) and self._held[place.memory, starts[at]][0] <= place.start:
            at += 1
        last = at
        while last < len(starts) and starts[last] < place.end:
            del self._held[place.memory, starts[last]]
            last += 1
        starts[at:last] = [place.start]
        self._held[place.memory, place.start] = place.end, value

    def at(self, place: Bytes) -> int | None:
        """The value that all of ``place`` holds; None if there is none."""
        held = self._held.get((place.memory, place.start))
        return held[1] if held is not None and held[0] == place.end else None
