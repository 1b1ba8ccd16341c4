"""The fast engine: a program is prepared and timed once, then every run of it is numerics alone."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.image import copied
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.fast.calls import calls_of
from weft.sim.fast.numerics import execute
from weft.sim.fast.places import memory_of, places_in, room_of
from weft.sim.fast.plan import Timing, time_program
from weft.sim.fast.records import Ints
from weft.sim.fast.shape import shape_of
from weft.sim.fast.stream import ResolvedStream, expand
from weft.sim.run import DEFAULT_MAX_CYCLES, Run

_KEPT = 64
"""Programs whose preparation is kept."""


@dataclass(frozen=True)
class _PreparedProgram:
    """What running a program needs that no data changes."""

    stream: ResolvedStream
    timing: Timing
    calls: Ints
    room: Ints
    buffers: npt.NDArray[np.uint32]


class FastEngine:
    """Event-driven timing, exact to the cycle, and compiled numerics, exact to the bit (``sim.run.Engine``).

    Timing depends on no data, so that it is worked out when a program is first seen and kept by the program's digest.
    """

    name = "fast"

    def __init__(self) -> None:
        self._plans: OrderedDict[str, _PreparedProgram] = OrderedDict()

    def _plan(self, program: Program, max_cycles: int) -> _PreparedProgram:
        plan = self._plans.get(program.digest)
        if plan is None:
            validate(program)
            stream = expand(program)
            timing = time_program(program, shape_of(program.machine), stream, max_cycles)
            plan = self._plans[program.digest] = _PreparedProgram(
                stream, timing, calls_of(stream.table), *room_of(program.machine)
            )
            if len(self._plans) > _KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(program.digest)
        return plan

    def timing(self, program: Program, *, max_cycles: int = DEFAULT_MAX_CYCLES) -> Timing:
        """The timing alone, kept for later runs. Raises as ``run`` does."""
        return self._plan(program, max_cycles).timing

    def run(
        self,
        program: Program,
        dram: npt.NDArray[np.uint8] | None = None,
        *,
        max_cycles: int = DEFAULT_MAX_CYCLES,
        trace: bool = True,
    ) -> Run:
        """Run ``program`` from a copy of ``dram`` (default: its own image) to its halt.

        Raises DeadlockError when nothing can move any more or ``max_cycles`` have passed, ProgramError for an invalid
        program, a DRAM image that is too small, or a semaphore that overflows.
        """
        began = time.perf_counter()
        plan = self._plan(program, max_cycles)
        timing, stream = plan.timing, plan.stream
        if timing.cycles > max_cycles:
            raise DeadlockError(f"no halt within {max_cycles} cycles: the program takes {timing.cycles}")
        if dram is not None and (dram.dtype != np.uint8 or dram.ndim != 1 or len(dram) < program.dram_bytes):
            raise ProgramError(
                f"the program needs a DRAM image of {program.dram_bytes} bytes; given {dram.dtype}{list(dram.shape)}"
            )
        memory = memory_of(program.image() if dram is None else copied(dram), program.machine)
        execute(
            plan.calls, places_in(memory, plan.room), program.machine.dim,
            stream.table, stream.pc, stream.address, timing.order, np.zeros(4, np.int64),
        )  # fmt: skip
        return Run(
            engine=self.name,
            cycles=timing.cycles,
            dram=memory.dram,
            scratchpad=memory.scratchpad,
            accumulator=memory.accumulator,
            events=timing.events,
            read_beats=timing.read_beats,
            write_beats=timing.write_beats,
            trace=timing.trace if trace else None,
            wall_seconds=time.perf_counter() - began,
        )
