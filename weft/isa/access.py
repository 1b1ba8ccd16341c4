"""Which bytes an instruction touches: each operand that ``isa.operands`` declares as a strided set of byte runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.isa.elements import ACCUMULATOR, DRAM, SCRATCHPAD
from weft.isa.encoding import Instruction
from weft.isa.fields import LOOP_LEVELS
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine
from weft.isa.operands import touched

_MOST_RUNS = 1 << 22


@dataclass(frozen=True)
class Access:
    """One operand: runs of ``size`` bytes at ``base`` + Σ index·stride over ``levels`` (count, stride).

    ``field`` names the address field. ``align`` is what address, strides and increments must be multiples of.
    ``increments`` are added per iteration of the loop at each depth. Addresses count from the memory's start.
    """

    field: str
    memory: str
    read: bool
    write: bool
    base: int
    levels: tuple[tuple[int, int], ...]
    size: int
    align: int
    increments: tuple[int, ...]

    @cached_property
    def low(self) -> int:
        """First byte touched (loop indices 0)."""
        return self.base + sum(min(0, (count - 1) * stride) for count, stride in self.levels)

    @cached_property
    def high(self) -> int:
        """One past the last byte touched (loop indices 0)."""
        return self.base + sum(max(0, (count - 1) * stride) for count, stride in self.levels) + self.size

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where the runs start, sorted, each once. (Of absurdly many runs: starts that cover all bytes between.)"""
        if self.distinct_runs > _MOST_RUNS:
            last = self.high - self.size
            return np.append(np.arange(self.low, last, self.size, dtype=np.int64), last)
        starts = np.array([self.base], np.int64)
        for count, stride in self.levels:
            if stride:
                starts = np.unique(starts[:, None] + np.arange(count, dtype=np.int64) * stride)
        return starts

    @property
    def distinct_runs(self) -> int:
        """Number of runs, without those that a stride of 0 repeats."""
        return math.prod(count for count, stride in self.levels if stride)

    @property
    def runs(self) -> int:
        """Number of runs, repeated ones included."""
        return math.prod(count for count, _ in self.levels)

    def moves(self, trips: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """(iterations, increment) of the loops that move it, of those around the instruction with ``trips``."""
        pairs = zip(trips, self.increments, strict=False)
        return tuple((trip, step) for trip, step in pairs if trip > 1 and step)

    def reach(self, trips: Sequence[int]) -> tuple[int, int]:
        """First byte touched and one past the last, over all iterations of loops with ``trips``."""
        far = [(trip - 1) * step for trip, step in self.moves(trips)]
        return self.low + sum(min(0, move) for move in far), self.high + sum(max(0, move) for move in far)

    def distinct(self) -> bool:
        """Whether no byte is in two runs."""
        if self.runs * self.size > self.high - self.low:
            return False
        reach = self.size  # of the levels so far, shortest stride first
        for count, stride in sorted(((c, abs(s)) for c, s in self.levels if c > 1), key=lambda level: level[1]):
            if stride < reach:
                break
            reach += (count - 1) * stride
        else:
            return True
        starts = self.starts
        return len(starts) == self.runs and bool((np.diff(starts) >= self.size).all())


def overlap(a: Access, b: Access, shift: int = 0) -> int | None:
    """A byte that both touch, the second moved by ``shift``; None if there is none (or in different memories)."""
    if a.memory != b.memory or a.low >= b.high + shift or b.low + shift >= a.high:
        return None
    starts, others = a.starts, b.starts + shift
    # Runs of one size, so sorted by start and by end alike: the first of a's runs that ends after a run of b starts.
    first = np.searchsorted(starts + a.size, others, side="right")
    reachable = first < len(starts)
    hit = np.flatnonzero(reachable & (starts[np.minimum(first, len(starts) - 1)] < others + b.size))
    return int(max(others[hit[0]], starts[first[hit[0]]])) if len(hit) else None


def local_memory(address: int) -> tuple[str, int]:
    """The memory and the byte address in it of a local address."""
    if address & ACCUMULATOR_BIT:
        return ACCUMULATOR, address & ~ACCUMULATOR_BIT
    return SCRATCHPAD, address


def _increments(i: Instruction, operand: str) -> tuple[int, ...]:
    """What the loop at each depth adds: three fields, or one and the depth that it belongs to."""
    if f"{operand}_level" not in i.fields:
        return tuple(i[f"{operand}_inc{depth}"] for depth in range(LOOP_LEVELS))
    return tuple(i[f"{operand}_inc"] if i[f"{operand}_level"] == depth else 0 for depth in range(LOOP_LEVELS))


def accesses(machine: Machine, instruction: Instruction) -> tuple[Access, ...]:
    """Every memory operand of an instruction that it touches (``isa.operands``); none for control instructions."""
    i, found = instruction, []
    for touch in touched(i):
        form, element, name = touch.form, touch.element, touch.operand.field
        memory, base = (DRAM, i[name]) if name == "dram" else local_memory(i[name])
        size = element.bytes if element else 1
        if element is None:
            align = machine.bus.bytes
        else:
            align = machine.row_bytes if memory == ACCUMULATOR and form.run else size
        levels = tuple((i[count], i[stride]) for count, stride in form.levels)
        run = size * math.prod(i[count] for count in form.run)
        found.append(Access(name, memory, touch.read, touch.write, base, levels, run, align, _increments(i, name)))
    return tuple(found)
