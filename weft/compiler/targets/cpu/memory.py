"""The static memory plan: which bytes of one arena each temporary buffer occupies, by liveness.

Two buffers share bytes only if no step needs both. Buffers are placed in the order in which they come to life, each in
the tightest gap between those that live then; or the largest first, each as low as it can lie, where that takes less.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Mapping
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes; a cache line, and the widest vector register."""


@dataclass(frozen=True)
class TemporaryLiveRange:
    """A buffer's size in bytes, and the first and last step that touch it (both inclusive)."""

    size: int
    first: int
    last: int

    def meets(self, other: TemporaryLiveRange) -> bool:
        """Whether some step needs both."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Where each buffer starts, in bytes from the arena's start, and the arena's size in bytes."""

    offsets: Mapping[int, int]
    size: int


_LOOKS = 128
"""How many others each buffer is held against, in the mean, before placing by size is given up."""


def plan_memory(lifetimes: Mapping[int, TemporaryLiveRange]) -> MemoryPlan:
    """Place every buffer; none overlaps another that lives at the same time."""
    by_birth, by_size = _by_birth(lifetimes), _by_size(lifetimes)
    return by_birth if by_size is None or by_birth.size <= by_size.size else by_size


def _by_size(lifetimes: Mapping[int, TemporaryLiveRange]) -> MemoryPlan | None:
    """None where too many live at once for this to end soon."""
    offsets: dict[int, int] = {}
    looks = _LOOKS * len(lifetimes)
    placed: list[tuple[int, int, TemporaryLiveRange]] = []  # (start, end, life), ascending
    most = 0
    for buffer in sorted(lifetimes, key=lambda b: (-lifetimes[b].size, lifetimes[b].first, b)):
        life, start = lifetimes[buffer], 0
        size = _aligned(life.size)
        for low, high, other in placed:
            looks -= 1
            if low >= start + size:  # and so do all that follow
                break
            if high > start and other.first <= life.last and life.first <= other.last:
                start = high
        if looks < 0:
            return None
        offsets[buffer] = start
        bisect.insort(placed, (start, start + size, life), key=lambda place: place[:2])
        most = max(most, start + size)
    return MemoryPlan(offsets, most)


def _by_birth(lifetimes: Mapping[int, TemporaryLiveRange]) -> MemoryPlan:
    offsets: dict[int, int] = {}
    free = _FreeSpace()
    dying: list[tuple[int, int]] = []  # a heap of (last step, buffer)
    for buffer in sorted(lifetimes, key=lambda b: (lifetimes[b].first, -lifetimes[b].size, b)):
        life = lifetimes[buffer]
        while dying and dying[0][0] < life.first:
            _, dead = heapq.heappop(dying)
            free.give_back(offsets[dead], _aligned(lifetimes[dead].size))
        offsets[buffer] = free.take(_aligned(life.size))
        heapq.heappush(dying, (life.last, buffer))
    return MemoryPlan(offsets, free.most)


class _FreeSpace:
    """The gaps between what lives, up to its `end`; `most` is the furthest that it ever was."""

    def __init__(self) -> None:
        self.end = self.most = 0
        self.by_size: list[tuple[int, int]] = []  # (size, start) of every gap, ascending
        self.by_start: dict[int, int] = {}  # start → size
        self.by_end: dict[int, int] = {}  # end → start

    def take(self, size: int) -> int:
        """Where `size` bytes go: the start of the tightest gap that holds them, or the end of all."""
        place = bisect.bisect_left(self.by_size, (size, 0))
        if place == len(self.by_size):
            start, self.end = self.end, self.end + size
            self.most = max(self.most, self.end)
            return start
        length, start = self.by_size[place]
        self._remove(start)
        if length > size:
            self._add(start + size, length - size)
        return start

    def give_back(self, start: int, size: int) -> None:
        """Bytes that nothing needs any more; gaps that touch become one."""
        if start + size in self.by_start:
            size += self._remove(start + size)
        if start in self.by_end:
            before = self.by_end[start]
            size += self._remove(before)
            start = before
        if start + size == self.end:
            self.end = start
        else:
            self._add(start, size)

    def _add(self, start: int, size: int) -> None:
        bisect.insort(self.by_size, (size, start))
        self.by_start[start], self.by_end[start + size] = size, start

    def _remove(self, start: int) -> int:
        size = self.by_start.pop(start)
        del self.by_end[start + size]
        del self.by_size[bisect.bisect_left(self.by_size, (size, start))]
        return size


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
