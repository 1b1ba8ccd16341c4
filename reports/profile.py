"""What one run of a program did, as plain data: intervals by unit, stalls, operators. Every view starts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isa.events import EVENTS
from isa.instructions import UNITS
from isa.program import Program
from sim.run import Run


@dataclass(frozen=True)
class Operator:
    """One compiled operator: see reports.metrics for what its figures mean."""

    name: str
    macs: int
    instructions: int
    active: int
    dram_bytes: int
    utilisation: float

    @property
    def wasted(self) -> float:
        """Active cycles that the array did not use."""
        return self.active * (1 - self.utilisation)

    @property
    def intensity(self) -> float:
        """Useful multiply-accumulates per DRAM byte."""
        return self.macs / self.dram_bytes if self.dram_bytes else 0.0


@dataclass(frozen=True)
class Profile:
    """``intervals[unit]`` is int64 [n, 3]: start cycle, retire cycle, operator index (-1: none)."""

    machine: str
    cycles: int
    macs: int
    utilisation: float
    events: Mapping[str, Mapping[str, int]]
    operators: Sequence[Operator]
    intervals: Mapping[str, npt.NDArray[np.int64]]


def covered(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> int:
    """Cycles covered by at least one of the intervals [start, end], both ends included."""
    if not len(starts):
        return 0
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    fresh = np.concatenate(([starts[0] - 1], ends[:-1]))
    return int(np.maximum(ends - np.maximum(starts - 1, fresh), 0).sum())


def _transfer_bytes(program: Program, pc: int) -> int:
    instruction = program.instructions[pc]
    if instruction.name not in ("load", "store"):
        return 0
    bus = program.machine.bus.bytes
    rows = instruction["count0"] * instruction["count1"] * instruction["count2"]
    return rows * -(-instruction["bytes"] // bus) * bus


def profile(program: Program, run: Run) -> Profile:
    """Build the profile of a run that kept its trace (ValueError otherwise)."""
    if run.trace is None:
        raise ValueError("a profile needs a run with its trace")
    described: Sequence[Mapping[str, Any]] = program.meta.get("operators", ())
    owner = np.full(len(program.instructions), -1, np.int64)
    for index, entry in enumerate(described):
        for first, end in entry["instructions"]:
            owner[first:end] = index
    unit_of = np.array([UNITS.index(i.spec.unit) if i.spec.unit in UNITS else -1 for i in program.instructions])
    sizes = np.array([_transfer_bytes(program, pc) for pc in range(len(program.instructions))], np.int64)
    pcs, start, retire = run.trace.pc, run.trace.start, run.trace.retire
    owners, units = owner[pcs], unit_of[pcs]
    area = program.machine.dim**2

    operators = []
    for index, entry in enumerate(described):
        mine = (owners == index) & (units >= 0)
        active = covered(start[mine], retire[mine])
        macs = int(entry.get("macs", 0))
        operators.append(
            Operator(
                str(entry["name"]),
                macs,
                int(mine.sum()),
                active,
                int(sizes[pcs[mine]].sum()),
                macs / (active * area) if active else 0.0,
            )
        )
    intervals = {
        unit: np.stack([start[units == u], retire[units == u], owners[units == u]], axis=1)
        for u, unit in enumerate(UNITS)
    }
    events: dict[str, dict[str, int]] = {}
    for event in EVENTS:
        events.setdefault(event.unit, {})[event.cause] = int(run.events[event.index])
    macs = int(program.meta.get("useful_macs", 0))
    share = macs / (run.cycles * area) if run.cycles else 0.0
    return Profile(program.machine.name, run.cycles, macs, share, events, operators, intervals)
