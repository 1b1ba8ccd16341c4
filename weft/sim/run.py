"""What every engine takes and returns, so that engines can be exchanged and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from weft.isa.program import Program

DEFAULT_MAX_CYCLES = 200_000_000


@dataclass(frozen=True)
class Trace:
    """Every executed instruction, in dispatch order; times are cycles, -1 where an engine has none.

    ``pc``: index into the program's instructions. ``dispatch``: cycle it left dispatch. ``start``: cycle it left its
    queue (for control instructions the dispatch cycle). ``retire``: see docs/timing.md (control: the dispatch cycle).
    """

    pc: npt.NDArray[np.int64]
    dispatch: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    retire: npt.NDArray[np.int64]


@dataclass(frozen=True)
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
    trace: Trace | None
    wall_seconds: float
    design: str | None = None


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
