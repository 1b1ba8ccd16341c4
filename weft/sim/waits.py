"""Why instructions waited at the head of their queues, worked out from a run's trace and the semaphores alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.fields import SEMAPHORES
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.isa.timing import matmul_occupancy
from weft.sim.run import InstructionTrace

OTHERWISE = {
    "load": "bursts of the load before, port, or loads in flight",
    "matrix": "port or hazard",
    "vector": "port",
    "store": "port",
}
"""What holds the head of each unit's queue when no semaphore does (a trace does not tell these apart)."""


@dataclass(frozen=True)
class Wait:
    """Executed instruction ``position`` stood at the head of its queue, able to start but for ``cause``, in the cycles
    from ``begin`` up to and without ``end``. ``semaphore`` is -1 where the cause is none."""

    position: int
    begin: int
    end: int
    cause: str
    semaphore: int = -1


@dataclass(frozen=True)
class Signal:
    """The post of executed instruction ``producer`` to ``semaphore`` that ``consumer`` took."""

    producer: int
    consumer: int
    semaphore: int


def signals(program: Program, trace: InstructionTrace) -> tuple[Signal, ...]:
    """Every post with the wait that took it: the n-th of a semaphore is taken by its n-th wait (docs/timing.md: each
    semaphore has one posting and one waiting unit, both in order)."""
    found = []
    posters: list[list[int]] = [[] for _ in range(SEMAPHORES)]
    waiters: list[list[int]] = [[] for _ in range(SEMAPHORES)]
    for position, pc in enumerate(trace.pc.tolist()):
        instruction = program.instructions[pc]
        for key, users in (("post", posters), ("wait", waiters)):
            for semaphore in _bits(instruction[key]):
                users[semaphore].append(position)
    for semaphore in range(SEMAPHORES):
        pairs = zip(posters[semaphore], waiters[semaphore], strict=False)
        found += [Signal(producer, consumer, semaphore) for producer, consumer in pairs]
    return tuple(found)


def waits(program: Program, trace: InstructionTrace) -> tuple[Wait, ...]:
    """The waits of every unit, in the order of ``UNITS``, then of execution; a unit's waits do not overlap.

    The cycles of vector, store and matrix add up to the stall events of the run. Of a load the trace does not say when
    its last burst was asked for, so what the unit did for the load before counts as waiting here.
    """
    ready: dict[int, tuple[int, int]] = {}  # executed instruction → the cycle its last semaphore is seen, and which
    for signal in signals(program, trace):
        seen = int(trace.retire[signal.producer]) + 1
        ready[signal.consumer] = max(ready.get(signal.consumer, (-1, -1)), (seen, signal.semaphore))
    unit_of = np.array([instruction.spec.unit for instruction in program.instructions])[trace.pc]
    return tuple(
        wait for unit in UNITS for wait in _of_unit(program, trace, unit, np.flatnonzero(unit_of == unit), ready)
    )


def _of_unit(
    program: Program,
    trace: InstructionTrace,
    unit: str,
    positions: npt.NDArray[np.int64],
    ready: dict[int, tuple[int, int]],
) -> Iterator[Wait]:
    free = 0  # first cycle in which the unit could take another instruction
    for position in positions.tolist():
        start = int(trace.start[position])
        begin = max(int(trace.dispatch[position]) + 1, free)
        seen, semaphore = ready.get(position, (-1, -1))
        if seen > begin:
            yield Wait(position, begin, seen, f"semaphore s{semaphore}", semaphore)
            begin = seen
        if start > begin:
            yield Wait(position, begin, start, OTHERWISE[unit])
        free = _free(program, trace, unit, position)


def _free(program: Program, trace: InstructionTrace, unit: str, position: int) -> int:
    """The cycle from which an instruction no longer keeps its unit from the next one (a load: from its queue)."""
    start = int(trace.start[position])
    if unit == "load":
        return start + 1
    if unit == "matrix":
        tile = program.instructions[int(trace.pc[position])]
        rows = tile["count0"] * tile["count1"] * tile["count2"]
        return start + matmul_occupancy(rows, program.machine.dim, tile["transpose_a"])
    return int(trace.retire[position]) + 1


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
