"""Equality of engines: same cycles, same retire cycle of every instruction, same bytes in every memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.events import EVENTS
from weft.isa.image import difference
from weft.isa.program import Program
from weft.sim.engines import get_engine
from weft.sim.run import DEFAULT_MAX_CYCLES, Engine, Run

SCHEMA = 1


@dataclass(frozen=True)
class Verification:
    """What a program's runs had in common. ``differences`` is empty exactly when all agree.

    ``cycles`` maps engine names to total cycles (engines without time are left out). ``design``: the hardware that ran,
    as the SHA-256 of its Verilog, where an engine knows it (``sim.run.Run.design``).
    """

    name: str
    cycles: dict[str, int]
    retire_equal: bool
    memory_equal: bool
    differences: tuple[str, ...] = field(default=())
    design: str | None = None

    @property
    def equal(self) -> bool:
        """No difference of any kind."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of one program."""
        result: dict[str, Any] = {
            "name": self.name,
            "cycles": self.cycles,
            "retire_equal": self.retire_equal,
            "memory_equal": self.memory_equal,
            "design": self.design,
        }
        if self.differences:
            result["differences"] = list(self.differences)
        return result


def _first(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> int:
    """Index of the first element in which two arrays differ, or -1."""
    if a.shape == b.shape and np.array_equal(a, b):
        return -1
    shared = min(len(a), len(b))
    unequal = np.flatnonzero(a[:shared] != b[:shared])
    return int(unequal[0]) if len(unequal) else shared


def _instruction(program: Program, run: Run, position: int) -> str:
    if run.trace is None or position >= len(run.trace.pc):
        return f"executed instruction {position}"
    pc = int(run.trace.pc[position])
    instruction = program.instructions[pc]
    source = f", from {instruction.source}" if instruction.source else ""
    return f"executed instruction {position} (instruction {pc}: {instruction.name}{source})"


def _timing(program: Program, a: Run, b: Run) -> list[str]:
    found: list[str] = []
    if a.trace is not None and b.trace is not None:
        at = _first(a.trace.pc, b.trace.pc)
        if at >= 0:
            found.append(
                f"{a.engine} executed {len(a.trace.pc)} instructions and {b.engine} {len(b.trace.pc)}; "
                f"the first to differ is {_instruction(program, a, at)}"
            )
            return found
        for what in ("dispatch", "start", "retire"):
            left, right = getattr(a.trace, what), getattr(b.trace, what)
            at = _first(left, right)
            if at >= 0:
                found.append(
                    f"{what} of {_instruction(program, a, at)}: cycle {left[at]} on {a.engine}, "
                    f"{right[at]} on {b.engine}"
                )
    if a.cycles != b.cycles:
        found.append(f"total cycles: {a.cycles} on {a.engine}, {b.cycles} on {b.engine}")
    for event in EVENTS:
        left, right = int(a.events[event.index]), int(b.events[event.index])
        if left != right:
            found.append(f"event {event.name}: {left} cycles on {a.engine}, {right} on {b.engine}")
    for what in ("read_beats", "write_beats"):
        if getattr(a, what) != getattr(b, what):
            found.append(f"{what}: {getattr(a, what)} on {a.engine}, {getattr(b, what)} on {b.engine}")
    return found


def _memories(a: Run, b: Run) -> list[str]:
    found: list[str] = []
    for memory in ("dram", "scratchpad", "accumulator"):
        left, right = getattr(a, memory), getattr(b, memory)
        at, count = difference(left, right)
        if at >= 0:
            word = at & ~3
            values = [bytes(m[word : word + 4])[::-1].hex() for m in (left, right)]
            found.append(
                f"{memory} byte {at:#x}: the word at {word:#x} is 0x{values[0]} on {a.engine}, "
                f"0x{values[1]} on {b.engine} ({count} bytes differ)"
            )
    return found


def compare(program: Program, runs: Sequence[Run], name: str = "program") -> Verification:
    """Compare every run with the first. Times are compared between engines that have them."""
    reference = runs[0]
    timing: list[str] = []
    memory: list[str] = []
    retire_equal = True
    for other in runs[1:]:
        if reference.cycles and other.cycles:
            found = _timing(program, reference, other)
            retire_equal &= not any(text.startswith(("retire", reference.engine)) for text in found)
            timing += found
        memory += _memories(reference, other)
    return Verification(
        name,
        {run.engine: run.cycles for run in runs if run.cycles},
        retire_equal,
        not memory,
        tuple(timing + memory),
        next((run.design for run in runs if run.design), None),
    )


def verify(
    program: Program,
    engines: Sequence[Engine | str],
    dram: npt.NDArray[np.uint8] | None = None,
    name: str = "program",
    max_cycles: int = DEFAULT_MAX_CYCLES,
) -> Verification:
    """Run ``program`` on every engine from the same DRAM image and compare (see :func:`compare`).

    engines: as ``get_engine`` gives them, or their names. Raises WeftError, MissingToolError for a name.
    """
    built = [get_engine(engine) if isinstance(engine, str) else engine for engine in engines]
    return compare(program, [engine.run(program, dram, max_cycles=max_cycles) for engine in built], name)


def report(comparisons: Sequence[Verification]) -> dict[str, Any]:
    """The JSON object of a whole verification."""
    return {
        "schema": SCHEMA,
        "programs": [comparison.to_dict() for comparison in comparisons],
        "equal": all(comparison.equal for comparison in comparisons),
    }
