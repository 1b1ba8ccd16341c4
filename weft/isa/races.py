"""Data races: accesses of two units to one byte, one of them writing, that no semaphore orders.

Vector clocks say what is known to have retired when an instruction starts. Of the instructions of another unit those
that are neither known to be done before it nor start after it are a range, so only ranges are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.access import Access, accesses, overlap
from weft.isa.instructions import UNITS
from weft.isa.limits import COMPARED
from weft.isa.program import Program
from weft.isa.stream import InstructionStream

_PAIRS = 1 << 21  # pairs of accesses looked at together
_DISTINCT, _OVERLAP = 32, 1024  # steps, of one pair each, that telling pairs apart and comparing their bytes is worth

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Race:
    """Two executed instructions (positions in the stream, ``first`` dispatched first) that touch a byte of a memory.

    ``writes`` says for each whether it writes there.
    """

    first: int
    second: int
    memory: str
    byte: int
    writes: tuple[bool, bool]


@dataclass(frozen=True)
class _Touches:
    """The accesses of one unit to one memory in the order in which it executes, as columns."""

    order: Ints  # of the instruction within the unit
    access: Ints  # index into the static accesses
    shift: Ints  # moved by loops
    low: Ints
    high: Ints
    write: npt.NDArray[np.bool_]


def _distinct(rows: Ints) -> tuple[Ints, Ints]:
    """The different rows [n, columns], and which of them each row is [n]. (NumPy's own for rows is slow.)"""
    code = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, which = np.unique(column, return_inverse=True)
        _, code = np.unique(code * len(values) + which.reshape(-1), return_inverse=True)
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], which.reshape(-1)


class _Search:
    def __init__(self, program: Program, stream: InstructionStream, units: Ints, clock: Ints) -> None:
        self.position = [np.flatnonzero(units == unit) for unit in range(len(UNITS))]
        order = np.zeros(len(stream), np.int64)
        for positions in self.position:
            order[positions] = np.arange(len(positions))
        self.clock = clock
        self.compared = 0
        self.static: list[Access] = []
        rows: dict[tuple[int, str], list[Ints]] = {}
        by_pc = np.argsort(stream.pc, kind="stable")
        starts = np.searchsorted(stream.pc[by_pc], np.arange(len(program.instructions) + 1))
        for pc, instruction in enumerate(program.instructions):
            positions = by_pc[starts[pc] : starts[pc + 1]]
            for access in accesses(program.machine, instruction) if len(positions) else ():
                shift = stream.index[positions] @ np.array(access.increments, np.int64)
                ids = np.full(len(positions), len(self.static))
                self.static.append(access)
                key = (UNITS.index(instruction.spec.unit), access.memory)
                rows.setdefault(key, []).append(np.stack([order[positions], ids, shift]))
        low, high, write = (np.array([getattr(a, what) for a in self.static]) for what in ("low", "high", "write"))
        self.touches: dict[tuple[int, str], _Touches] = {}
        for key, parts in rows.items():
            table = np.concatenate(parts, 1)
            places, access_ids, shifts = table[:, np.argsort(table[0], kind="stable")]
            self.touches[key] = _Touches(
                places, access_ids, shifts, low[access_ids] + shifts, high[access_ids] + shifts, write[access_ids]
            )

    def _candidates(self, a: int, b: int, memory: str) -> Iterator[tuple[Ints, Ints]]:
        """Pairs of accesses of units ``a`` and ``b`` that are not ordered and whose spans meet, one writing."""
        ours, theirs = self.touches[a, memory], self.touches[b, memory]
        clock_a = self.clock[self.position[a]][:, b]
        clock_b = self.clock[self.position[b]][:, a]
        # Of a's instructions: those not yet known to be done when b's starts, up to the first that starts after it.
        first = np.searchsorted(ours.order, clock_b[theirs.order])
        last = np.searchsorted(ours.order, np.searchsorted(clock_a, theirs.order, side="right"))
        counts = np.maximum(last - first, 0)
        ends = np.cumsum(counts)
        self._spend(int(counts.sum()))
        begin = 0
        while begin < len(counts):
            done = int(ends[begin - 1]) if begin else 0
            stop = max(begin + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
            take = counts[begin:stop]
            right = np.repeat(np.arange(begin, stop), take)
            left = np.arange(len(right)) - np.repeat(np.cumsum(take) - take, take) + np.repeat(first[begin:stop], take)
            meet = (ours.low[left] < theirs.high[right]) & (theirs.low[right] < ours.high[left])
            meet &= ours.write[left] | theirs.write[right]
            if meet.any():
                yield left[meet], right[meet]
            begin = stop

    def _spend(self, steps: int) -> None:
        """Count work before it is done. Raises LimitError."""
        self.compared += steps
        COMPARED.hold(self.compared, "the search for data races in the program takes at least")

    def pair(self, a: int, b: int, memory: str) -> Iterator[Race]:
        """The first race, in each lot of candidates, between two units in one memory."""
        ours, theirs = self.touches[a, memory], self.touches[b, memory]
        known: dict[tuple[int, int, int], int | None] = {}
        for left, right in self._candidates(a, b, memory):
            self._spend(_DISTINCT * len(left))
            keys = np.stack([ours.access[left], theirs.access[right], theirs.shift[right] - ours.shift[left]], 1)
            distinct, which = _distinct(keys)
            bytes_hit: list[int | None] = []
            for key in map(tuple, distinct.tolist()):
                if key not in known:
                    one, other = self.static[key[0]], self.static[key[1]]
                    self._spend(_OVERLAP + one.distinct_runs + other.distinct_runs)
                    known[key] = overlap(one, other, key[2])
                bytes_hit.append(known[key])
            hit = np.array([byte is not None for byte in bytes_hit])[which]
            if not hit.any():
                continue
            left, right, which = left[hit], right[hit], which[hit]
            at, bt = self.position[a][ours.order[left]], self.position[b][theirs.order[right]]
            best = int(np.lexsort((np.minimum(at, bt), np.maximum(at, bt)))[0])
            i, j = int(left[best]), int(right[best])
            byte = bytes_hit[int(which[best])]
            assert byte is not None
            sides = [(int(at[best]), bool(ours.write[i])), (int(bt[best]), bool(theirs.write[j]))]
            (first, writes_first), (second, writes_second) = sorted(sides)
            yield Race(first, second, memory, byte + int(ours.shift[i]), (writes_first, writes_second))


def first_race(program: Program, stream: InstructionStream, units: Ints, clock: Ints) -> Race | None:
    """The race whose later instruction is dispatched first, or None.

    ``units`` [n]: the unit of each executed instruction, as an index into ``UNITS``. ``clock`` [n, units]: how many
    instructions of each unit are known to have retired when it starts.
    """
    search = _Search(program, stream, units, clock)
    races = [
        race
        for a, memory in search.touches
        for b in range(a + 1, len(UNITS))
        if (b, memory) in search.touches
        for race in search.pair(a, b, memory)
    ]
    return min(races, key=lambda race: (race.second, race.first), default=None)
