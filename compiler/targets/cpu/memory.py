"""The static memory plan: which bytes of one arena each temporary buffer occupies, by liveness.

Two buffers share bytes only if no step needs both. Buffers are placed in the order in which they come to life, each in
the tightest gap between those that live then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes; a cache line, and the widest vector register."""


@dataclass(frozen=True)
class Lifetime:
    """A buffer's size in bytes, and the first and last step that touch it (both inclusive)."""

    size: int
    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        """Whether some step needs both."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Where each buffer starts, in bytes from the arena's start, and the arena's size in bytes."""

    offsets: Mapping[int, int]
    size: int


def plan_memory(lifetimes: Mapping[int, Lifetime]) -> MemoryPlan:
    """Place every buffer; none overlaps another that lives at the same time."""
    offsets: dict[int, int] = {}
    total = 0
    living: list[int] = []
    for buffer in sorted(lifetimes, key=lambda b: (lifetimes[b].first, -lifetimes[b].size, b)):
        life = lifetimes[buffer]
        living = [b for b in living if lifetimes[b].last >= life.first]
        offsets[buffer] = _best_gap(sorted((offsets[b], lifetimes[b].size) for b in living), life.size)
        total = max(total, offsets[buffer] + _aligned(life.size))
        living.append(buffer)
    return MemoryPlan(offsets, total)


def _best_gap(taken: list[tuple[int, int]], size: int) -> int:
    """The start of the tightest gap between the taken ranges that holds `size` bytes, or the end of them all."""
    best: tuple[int, int] | None = None
    end = 0
    for start, length in taken:
        gap = start - end
        if gap >= _aligned(size) and (best is None or gap < best[0]):
            best = gap, end
        end = max(end, start + _aligned(length))
    return best[1] if best else end


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
