"""Figures of a run that only advice looks at: who waited for whom, which operator ran alone, what filled the array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.isa.encoding import Instruction
from weft.isa.program import Program
from weft.isa.vector_ops import BINARY, REDUCTIONS, UNARY
from weft.reports.bandwidth import FETCH, READ
from weft.reports.profile import Profile, covered
from weft.sim.run import Run
from weft.sim.waits import signals, waits

Ints = npt.NDArray[np.int64]


class Facts:
    """What rules look at: the run's profile, and some figures that only they need."""

    def __init__(self, program: Program, run: Run, found: Profile) -> None:
        assert run.trace is not None
        self.program, self.machine, self.trace, self.found = program, program.machine, run.trace, found
        self.cycles = run.cycles

    def events(self, unit: str, cause: str) -> int:
        """Cycles of an event."""
        return self.found.events[unit].get(cause, 0)

    def share(self, cycles: float) -> str:
        """As a percentage of all cycles."""
        return f"{cycles / self.cycles:.1%}"

    @cached_property
    def waited(self) -> dict[tuple[str, str], int]:
        """(unit, unit it waited for) → cycles: the semaphore stalls, by who posted last."""
        posted = {(s.consumer, s.semaphore): s.producer for s in signals(self.program, self.trace)}
        unit = [self.program.instructions[pc].spec.unit for pc in self.trace.pc.tolist()]
        result: dict[tuple[str, str], int] = {}
        for wait in waits(self.program, self.trace):
            if wait.semaphore >= 0:
                key = unit[wait.position], unit[posted[wait.position, wait.semaphore]]
                result[key] = result.get(key, 0) + wait.end - wait.begin
        return result

    @cached_property
    def alone(self) -> list[int]:
        """For each operator the cycles in which it is the only one with instructions started and not retired."""
        count = len(self.found.operators)
        rows = self._rows[self._rows[:, 2] >= 0]
        at = np.concatenate([rows[:, 0], rows[:, 1] + 1])
        change = np.concatenate([np.ones(len(rows), np.int64), -np.ones(len(rows), np.int64)])
        who = np.concatenate([rows[:, 2], rows[:, 2]])
        running, result = np.zeros(count, np.int64), [0] * count
        order = np.argsort(at, kind="stable")
        active, before = 0, 0
        for place in order.tolist():
            cycle, operator = int(at[place]), int(who[place])
            if active == 1 and cycle > before:
                result[int(running.argmax())] += cycle - before
            before = cycle
            was = running[operator] > 0
            running[operator] += change[place]
            active += int(running[operator] > 0) - int(was)
        return result

    @cached_property
    def repeated_beats(self) -> int:
        """Beats of loads that bring bytes which an earlier load brought and nothing stored to meanwhile or since."""
        b, size = self.found.bursts, self.machine.bus.bytes
        mine = b.kind != FETCH
        place = np.arange(b.beats[mine].sum()) - np.repeat(np.cumsum(b.beats[mine]) - b.beats[mine], b.beats[mine])
        beat = np.repeat(b.address[mine] // size, b.beats[mine]) + place
        read = np.repeat(b.kind[mine] == READ, b.beats[mine])
        order = np.argsort(beat, kind="stable")  # the beats of an address stay in the order of service
        beat, read = beat[order], read[order]
        return int(((beat[1:] == beat[:-1]) & read[1:] & read[:-1]).sum())

    @cached_property
    def conversions(self) -> list[int]:
        """The operators that only copy values into another type: every pass of theirs is the identity."""
        passes = self.found.intervals["vector"]
        changed = {
            pc for pc in np.unique(passes[:, 3]).tolist() if not _converts(self.program.instructions[pc])
        }
        working = {int(owner) for owner, pc in passes[:, 2:].tolist() if pc in changed}
        return [
            index
            for index, operator in enumerate(self.found.operators)
            if not operator.macs and operator.busy["vector"] and index not in working
        ]

    @cached_property
    def work(self) -> dict[str, int]:
        """Resource → cycles for which the run needs it, fetched lines included; no order of the work is shorter."""
        beats = int(self.found.bursts.beats.sum())
        return {
            "matrix": self.found.busy("matrix"),
            "vector": self.found.busy("vector"),
            "dram": beats * self.machine.dram.beat_cycles,
        }

    @cached_property
    def fetching(self) -> int:
        """Of the DRAM channel's cycles those that bring instructions; a cure that needs fewer of these spares some."""
        mine = self.found.bursts.kind == FETCH
        return int(self.found.bursts.beats[mine].sum()) * self.machine.dram.beat_cycles

    def room(self, spared: Mapping[str, int] | None = None) -> tuple[int, str]:
        """Cycles that a run without the ``spared`` work could be shorter by at the very most, and the resource that
        the rest of the work needs longest."""
        spared = spared or {}
        left = {resource: cycles - spared.get(resource, 0) for resource, cycles in self.work.items()}
        most = max(left, key=lambda resource: left[resource])
        return self.cycles - left[most], most

    @cached_property
    def _rows(self) -> Ints:
        return np.concatenate(list(self.found.intervals.values()))

    @cached_property
    def running(self) -> int:
        """Cycles in which any instruction was started and not retired."""
        return covered(self._rows[:, 0], self._rows[:, 1])

    def only(self, operators: Sequence[int]) -> int:
        """Cycles in which ``operators`` run and nothing else does; those in which several of them do count once."""
        others = self._rows[~np.isin(self._rows[:, 2], operators)]
        return self.running - covered(others[:, 0], others[:, 1])

    @cached_property
    def tiles(self) -> TileOccupancy:
        """How well the tiles of all products fill the array."""
        return _tiles(self.program, self.trace.pc)


@dataclass(frozen=True)
class TileOccupancy:
    """Cycles the array was occupied by tiles, by what filled them (they add up to ``occupied``).

    ``short``: row slots of tiles with fewer rows than DIM. ``narrow``: the part of rows that k or n below DIM leave
    empty, in whole cycles.
    """

    occupied: int
    short: int
    narrow: int


def _tiles(program: Program, pcs: Ints) -> TileOccupancy:
    dim = program.machine.dim
    times = np.bincount(pcs, minlength=len(program.instructions)).tolist()
    occupied, short, narrow = 0, 0, 0.0
    for i, count in zip(program.instructions, times, strict=True):
        if i.name == "matmul" and count:
            rows = i["count0"] * i["count1"] * i["count2"]
            slots = max(-(-rows // dim) * dim if i["transpose_a"] else rows, dim)
            occupied += count * slots
            short += count * (slots - rows)
            narrow += count * rows * (1 - i["k"] * i["n"] / dim**2)
    return TileOccupancy(occupied, short, int(narrow))


def _converts(i: Instruction) -> bool:
    """Whether a pass writes what it reads, as another type."""
    made = BINARY[i["pre"]].name, UNARY[i["f"]].name, BINARY[i["then"]].name, REDUCTIONS[i["reduce"]].name
    return made == ("first", "identity", "first", "none") and i["x_type"] != i["d_type"]
