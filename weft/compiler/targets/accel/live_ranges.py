"""Lives of on-chip buffers: which space held what, and the instructions between which it did. For reports alone."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.compiler.targets.accel.memory import Allocation
from weft.compiler.targets.accel.tasks import Task
from weft.isa.elements import ACCUMULATOR, DRAM, SCRATCHPAD


@dataclass
class LiveRange:
    """``space`` held ``name`` while the tasks from number ``begin`` up to and without ``end`` (-1: to the last) were
    emitted."""

    name: str
    space: Allocation
    begin: int
    end: int = -1


class LiveRanges:
    """What kernels allocate and release, in the order of emission."""

    def __init__(self) -> None:
        self.all: list[LiveRange] = []
        self._open: dict[Allocation, LiveRange] = {}

    def begin(self, space: Allocation, name: str, task: int) -> None:
        """``space`` is handed out before task number ``task``."""
        life = self._open[space] = LiveRange(name, space, task)
        self.all.append(life)

    def end(self, space: Allocation, task: int) -> None:
        """``space`` is given back before task number ``task``."""
        self._open.pop(space).end = task

    def forget(self, count: int) -> None:
        """Take back everything begun after the first ``count`` lives."""
        for life in self.all[count:]:
            if self._open.get(life.space) is life:
                del self._open[life.space]
        del self.all[count:]


def touching(tasks: Sequence[Task], lives: Sequence[LiveRange]) -> list[list[int]]:
    """For each life the numbers of the tasks that read or write its bytes during it."""
    found: list[list[int]] = [[] for _ in lives]
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for number, life in enumerate(lives):
        starting.setdefault(life.begin, []).append(number)
        ending.setdefault(life.end, []).append(number)
    bases: dict[str, list[int]] = {SCRATCHPAD: [], ACCUMULATOR: []}  # of the living, sorted
    living: dict[tuple[str, int], int] = {}
    for index, task in enumerate(tasks):
        for number in ending.get(index, ()):
            space = lives[number].space
            if living.pop((space.memory, space.base), None) is not None:
                bases[space.memory].remove(space.base)
        for number in starting.get(index, ()):
            space = lives[number].space
            if lives[number].end != index:
                living[space.memory, space.base] = number
                bisect.insort(bases[space.memory], space.base)
        for region in task.regions:
            memory, low = region.access.memory, region.access.low
            if memory == DRAM:
                continue
            at = bisect.bisect(bases[memory], low) - 1
            if at < 0:
                continue
            number = living[memory, bases[memory][at]]
            if low < lives[number].space.base + lives[number].space.size and index not in found[number][-1:]:
                found[number].append(index)
    return found


def described(
    lives: Sequence[LiveRange],
    touched: Sequence[Sequence[int]],
    tasks: Sequence[Task],
    places: Mapping[int, tuple[int, int]],
) -> list[dict[str, Any]]:
    """The lives as plain data for ``Program.meta``: name, memory, address (from the memory's start), bytes, and for
    each unit that touches the buffer the first and the last instruction that does.

    places: for each task its first and its last instruction.
    """
    table = []
    for life, numbers in zip(lives, touched, strict=True):
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for number in numbers:
            unit, (begin, end) = tasks[number].unit, places[number]
            first[unit] = min(first.get(unit, begin), begin)
            last[unit] = max(last.get(unit, end), end)
        if numbers:
            where = {"memory": life.space.memory, "address": life.space.base, "bytes": life.space.size}
            table.append({"name": life.name, **where, "first": sorted(first.values()), "last": sorted(last.values())})
    return table
