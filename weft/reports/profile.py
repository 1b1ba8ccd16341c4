"""What one run of a program did, as plain data: intervals by unit, stalls, operators. Every view starts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.events import EVENTS
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.isa.timing import matmul_occupancy
from weft.reports.bandwidth import BURST_COLUMNS, Bursts, bursts
from weft.reports.names import shortened
from weft.sim.operators import read_operators, useful_macs
from weft.sim.run import Run

Ints = npt.NDArray[np.int64]
RESOURCES = ("matrix", "dram", "vector")
"""What an operator can be bound by."""
_SHOWN = 10
"""So many operators are in a profile's repr."""


@dataclass(frozen=True)
class OperatorProfile:
    """One compiled operator (figures: reports.metrics). ``busy``: cycles it needs of each resource. ``origin``: the
    user's line, the module and the role that it is named after."""

    name: str
    nodes: Sequence[int]
    macs: int
    instructions: int
    active: int
    dram_bytes: int
    utilisation: float
    busy: Mapping[str, int]
    origin: str = ""

    @property
    def wasted(self) -> int:
        """Active cycles beyond what it needs: its floor."""
        return max(self.active - self.floor, 0)

    @property
    def intensity(self) -> float:
        """Useful multiply-accumulates per DRAM byte."""
        return self.macs / self.dram_bytes if self.dram_bytes else 0.0

    @property
    def bound(self) -> str:
        """The resource it needs longest."""
        return max(RESOURCES, key=lambda resource: self.busy[resource])

    @property
    def floor(self) -> int:
        """Cycles that no order of the same instructions can go below."""
        return self.busy[self.bound]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a report's ``operators`` (reports/schema.py)."""
        return {
            "name": self.name, "origin": self.origin, "nodes": list(self.nodes), "macs": self.macs,
            "instructions": self.instructions, "active": self.active, "utilisation": self.utilisation,
            "dram_bytes": self.dram_bytes, "intensity": self.intensity, "wasted": self.wasted, "floor": self.floor,
            "bound": self.bound,
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Profile:
    """``intervals[unit]`` is int64 [n, 4]: start cycle, retire cycle, operator index (-1: none), instruction.

    ``bursts``: what went over the DRAM channel.
    """

    machine: str
    cycles: int
    macs: int
    utilisation: float
    events: Mapping[str, Mapping[str, int]]
    operators: Sequence[OperatorProfile]
    intervals: Mapping[str, Ints]
    bursts: Bursts

    def busy(self, unit: str) -> int:
        """Cycles in which a unit was busy."""
        return self.events[unit]["busy"]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``intervals`` and ``bursts`` as lists; the rest as a report has it (reports/schema.py)."""
        return {
            "machine": self.machine,
            "cycles": self.cycles,
            "macs": self.macs,
            "utilisation": self.utilisation,
            "events": {unit: dict(causes) for unit, causes in self.events.items()},
            "operators": [operator.to_dict() for operator in self.operators],
            "intervals": {unit: rows.tolist() for unit, rows in self.intervals.items()},
            "bursts": {column: getattr(self.bursts, column).tolist() for column in BURST_COLUMNS},
        }

    def __repr__(self) -> str:
        lines = [f"Profile({self.machine}: {self.cycles:,} cycles, {self.utilisation:.1%} useful multiply-accumulates)"]
        longest = sorted(self.operators, key=lambda operator: -operator.active)
        for one in longest[:_SHOWN]:
            lines.append(f"  {one.active:>11,} cycles active, {one.utilisation:>6.1%}  {one.name[:60]}")
        if len(longest) > _SHOWN:
            lines.append(f"  and {len(longest) - _SHOWN} operators more")
        return "\n".join(lines)


def covered(starts: Ints, ends: Ints) -> int:
    """Cycles covered by at least one of the intervals [start, end], both ends included."""
    if not len(starts):
        return 0
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    fresh = np.concatenate(([starts[0] - 1], ends[:-1]))
    return int(np.maximum(ends - np.maximum(starts - 1, fresh), 0).sum())


def profile(program: Program, run: Run) -> Profile:
    """The profile of a run that kept its trace. Raises ProgramError for one without times."""
    found = bursts(program, run)
    assert run.trace is not None
    described = read_operators(program)
    owner = np.full(len(program.instructions), -1, np.int64)
    for index, entry in enumerate(described):
        for first, end in entry.instructions:
            owner[first:end] = index
    unit_of = np.array([UNITS.index(i.spec.unit) if i.spec.unit in UNITS else -1 for i in program.instructions])
    pcs, start, retire = run.trace.pc, run.trace.start, run.trace.retire
    owners, units = owner[pcs], unit_of[pcs]
    area = program.machine.dim**2
    beats = np.bincount(found.owner[found.owner >= 0], found.beats[found.owner >= 0], len(pcs)).astype(np.int64)
    spans = {
        "matrix": np.where(units == UNITS.index("matrix"), _tile_cycles(program)[pcs], 0),
        "dram": beats * program.machine.dram.beat_cycles,
        "vector": np.where(units == UNITS.index("vector"), retire - start + 1, 0),
    }
    operators = []
    for index, entry in enumerate(described):
        mine = (owners == index) & (units >= 0)
        active = covered(start[mine], retire[mine])
        operators.append(
            OperatorProfile(
                shortened(entry.name),
                entry.nodes,
                entry.macs,
                int(mine.sum()),
                active,
                int(beats[mine].sum()) * program.machine.bus.bytes,
                entry.macs / (active * area) if active else 0.0,
                {resource: int(spans[resource][mine].sum()) for resource in RESOURCES},
                shortened(entry.origin),
            )
        )
    intervals = {
        unit: np.stack([start[units == u], retire[units == u], owners[units == u], pcs[units == u]], axis=1)
        for u, unit in enumerate(UNITS)
    }
    events: dict[str, dict[str, int]] = {}
    for event in EVENTS:
        events.setdefault(event.unit, {})[event.cause] = int(run.events[event.index])
    macs = useful_macs(program)
    share = macs / (run.cycles * area)
    return Profile(program.machine.name, run.cycles, macs, share, events, operators, intervals, found)


def _tile_cycles(program: Program) -> Ints:
    """For each instruction the cycles for which it occupies the array (0: it does not)."""

    def cycles(i: Any) -> int:
        if i.name != "matmul":
            return 0
        return matmul_occupancy(i["count0"] * i["count1"] * i["count2"], program.machine.dim, i["transpose_a"])

    return np.array([cycles(instruction) for instruction in program.instructions], np.int64)
