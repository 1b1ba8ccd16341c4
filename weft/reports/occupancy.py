"""On-chip memory over time: which buffers are live when, and which lie there at the peak.

A buffer is live from the start of the first instruction that touches it to the retirement of the last. Compiled
programs say which instructions those are; of any other program the extents that its instructions touch are buffers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.access import accesses
from weft.isa.elements import DRAM
from weft.isa.errors import ProgramError
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.reports.names import shortened
from weft.sim.run import InstructionTrace, Run

MEMORIES = ("scratchpad", "accumulator")


@dataclass(frozen=True)
class LiveBuffer:
    """``bytes`` from ``address`` (counted from the memory's start) hold ``name`` in the cycles from ``start`` up to and
    with ``end``."""

    name: str
    memory: str
    address: int
    bytes: int
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a result."""
        return {"name": self.name, "address": self.address, "bytes": self.bytes, "from": self.start, "to": self.end}


def live(program: Program, run: Run) -> list[LiveBuffer]:
    """Every buffer of every on-chip memory, by start. Raises ProgramError if what the program says is not valid."""
    assert run.trace is not None
    found = list(_compiled(program, run.trace) if "lives" in program.meta else _touched(program, run.trace))
    return sorted(found, key=lambda one: (one.memory, one.start, one.address, one.end, one.name))


def _compiled(program: Program, trace: InstructionTrace) -> Iterator[LiveBuffer]:
    """What the compiler placed (``compiler.targets.accel.live_ranges``)."""
    count = len(program.instructions)
    starts, ends = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    starts[trace.pc[::-1]] = trace.start[::-1]  # of the first execution
    np.maximum.at(ends, trace.pc, trace.retire)
    sizes = {name: _bytes(program.machine, name) for name in MEMORIES}
    try:
        for entry in program.meta["lives"]:
            memory, address, size = str(entry["memory"]), int(entry["address"]), int(entry["bytes"])
            if not 0 <= address <= address + size <= sizes[memory]:
                raise ValueError(f"{memory} bytes {address} to {address + size} do not exist")
            start = min(int(starts[pc]) for pc in entry["first"])
            end = max(int(ends[pc]) for pc in entry["last"])
            yield LiveBuffer(shortened(str(entry["name"])), memory, address, size, start, end)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ProgramError(f"the program's list of on-chip buffers is not valid ({error}); compile it again") from error


def _touched(program: Program, trace: InstructionTrace) -> Iterator[LiveBuffer]:
    """Extents that instructions touch, over all turns of their loops; those that overlap are one."""
    extents: dict[str, list[tuple[int, int, int]]] = defaultdict(list)  # memory → low, high, instruction
    turns: list[int] = []
    for pc, instruction in enumerate(program.instructions):
        if instruction.name == "loop":
            turns.append(instruction["count"])
        elif instruction.name == "end":
            turns.pop()
        for access in accesses(program.machine, instruction):
            if access.memory != DRAM:
                extents[access.memory].append((*access.reach(turns), pc))
    for memory, touched in extents.items():
        for low, high, pcs in _merged(touched):
            mine = np.isin(trace.pc, pcs)
            if mine.any():
                first, last = int(trace.start[mine].min()), int(trace.retire[mine].max())
                yield LiveBuffer(f"{memory}[{low:#x}:{high:#x}]", memory, low, high - low, first, last)


def _merged(extents: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, list[int]]]:
    """Unions of overlapping extents, each with the instructions that touch it."""
    current: tuple[int, int, list[int]] | None = None
    for low, high, pc in sorted(extents):
        if current is not None and low < current[1]:
            current = current[0], max(current[1], high), [*current[2], pc]
            continue
        if current is not None:
            yield current
        current = low, high, [pc]
    if current is not None:
        yield current


def _bytes(machine: Machine, memory: str) -> int:
    return machine.scratchpad.bytes if memory == "scratchpad" else machine.accumulator.bytes


def over_time(lives: Sequence[LiveBuffer], machine: Machine) -> dict[str, Any]:
    """For each memory its ``capacity`` (bytes), ``points`` [cycle, live bytes from then on], all ``buffers``, and the
    ``peak``: its first cycle, the bytes and the buffers live then."""
    result: dict[str, Any] = {}
    for memory in MEMORIES:
        mine = [one for one in lives if one.memory == memory]
        cycles, totals = _steps(mine)
        top = int(totals.argmax()) if len(totals) else -1
        cycle, most = (int(cycles[top]), int(totals[top])) if len(totals) else (0, 0)
        there = [one for one in mine if one.start <= cycle <= one.end]
        there.sort(key=lambda one: (-one.bytes, one.address))
        result[memory] = {
            "capacity": _bytes(machine, memory),
            "points": np.stack([cycles, totals], axis=1).tolist(),
            "peak": {"cycle": cycle, "bytes": most, "buffers": [one.to_dict() for one in there]},
            "buffers": [one.to_dict() for one in mine],
        }
    return result


def _steps(lives: Sequence[LiveBuffer]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cycles in which the live bytes change, 0 before them, and the bytes from each on."""
    at = np.array([0, *(one.start for one in lives), *(one.end + 1 for one in lives)], np.int64)
    change = np.array([0, *(one.bytes for one in lives), *(-one.bytes for one in lives)], np.int64)
    cycles, place = np.unique(at, return_inverse=True)
    totals = np.cumsum(np.bincount(place, change, len(cycles)).astype(np.int64))
    return cycles, totals
