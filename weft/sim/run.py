"""What every engine takes and returns, so that engines can be exchanged and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from weft.base.plain import memory
from weft.isa.events import EVENTS
from weft.isa.program import Program

DEFAULT_MAX_CYCLES = 200_000_000


@dataclass(frozen=True, repr=False)
class InstructionTrace:
    """Every executed instruction, in dispatch order; times are cycles, -1 where an engine has none.

    ``pc``: index into the program's instructions. ``dispatch``: cycle it left dispatch. ``start``: cycle it left its
    queue (for control instructions the dispatch cycle). ``retire``: see docs/timing.md (control: the dispatch cycle).
    """

    pc: npt.NDArray[np.int64]
    dispatch: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    retire: npt.NDArray[np.int64]

    def to_dict(self) -> dict[str, list[int]]:
        """Plain data: a list for each column."""
        return {column: getattr(self, column).tolist() for column in ("pc", "dispatch", "start", "retire")}

    def __repr__(self) -> str:
        return f"InstructionTrace({len(self.pc):,} executed instructions)"


@dataclass(frozen=True, repr=False)
class Run:
    """The outcome of a run that halted.

    ``cycles``: total cycles (0 for the untimed interpreter). ``dram``, ``scratchpad``, ``accumulator``: contents at
    halt, as bytes. ``events``: one count per ``isa.events.EVENTS``. ``trace``: None if the engine was told not to.
    ``design``: of an engine that runs the hardware, which: the SHA-256 of the Verilog that ``weft rtl verilog`` writes.
    """

    engine: str
    cycles: int
    dram: npt.NDArray[np.uint8]
    scratchpad: npt.NDArray[np.uint8]
    accumulator: npt.NDArray[np.uint8]
    events: npt.NDArray[np.int64]
    read_beats: int
    write_beats: int
    trace: InstructionTrace | None
    wall_seconds: float
    design: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``events`` by unit and cause; of each memory its size, and the SHA-256 of its bytes at halt."""
        events: dict[str, dict[str, int]] = {}
        for event in EVENTS:
            events.setdefault(event.unit, {})[event.cause] = int(self.events[event.index])
        return {
            "engine": self.engine,
            "design": self.design,
            "cycles": self.cycles,
            "events": events,
            "read_beats": self.read_beats,
            "write_beats": self.write_beats,
            "memories": {name: memory(getattr(self, name)) for name in ("dram", "scratchpad", "accumulator")},
            "trace": self.trace.to_dict() if self.trace is not None else None,
            "wall_seconds": self.wall_seconds,
        }

    def __repr__(self) -> str:
        time = f"{self.cycles:,} cycles" if self.cycles else "no time"
        executed = "no trace" if self.trace is None else f"{len(self.trace.pc):,} executed instructions"
        return f"Run({self.engine}: {time}, {executed}, {len(self.dram):,} bytes of DRAM)"


class Engine(Protocol):
    """Something that runs programs. ``name`` is what ``--engine`` calls it."""

    name: str

    def run(
        self,
        program: Program,
        dram: npt.NDArray[np.uint8] | None = None,
        *,
        max_cycles: int = DEFAULT_MAX_CYCLES,
        trace: bool = True,
    ) -> Run:
        """Run ``program`` from a copy of ``dram`` (default: its own image) to its halt.

        On-chip memories start as zeros. Raises DeadlockError when nothing can move any more or
        ``max_cycles`` have passed, ProgramError for a fault, MissingToolError for an absent tool.
        """
        ...
