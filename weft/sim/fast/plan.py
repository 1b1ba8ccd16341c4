"""A program prepared for the fast engine, and its exact timing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.events import EVENTS
from weft.isa.fields import SEMAPHORE_MAX, SEMAPHORES
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.sim.fast.bursts import most_bursts
from weft.sim.fast.demands import fill_demands
from weft.sim.fast.records import (
    CORE_SIZE,
    COUNTS,
    DEPTH,
    DISPATCH,
    DISPATCHED,
    FIRST,
    FOREVER,
    LINE,
    NEXT,
    PC,
    PORTS,
    POST,
    PUSHED,
    READ_BEATS,
    RETIRED,
    RUN_COLUMNS,
    STARTED,
    STARTS,
    STREAMS,
    UNIT,
    UNIT_COLUMNS,
    WAIT,
    WHY,
    WRITE_BEATS,
    Ints,
)
from weft.sim.fast.shape import MachineParameters, shape_of
from weft.sim.fast.stream import STORE, ResolvedStream, expand
from weft.sim.fast.timing import DEADLOCK, HALTED, OVERFLOW, simulate
from weft.sim.run import InstructionTrace


@dataclass(frozen=True)
class Timing:
    """The time a program takes; no data has any part in it.

    ``events``: one count per ``isa.events.EVENTS``. ``order``: executed unit instructions (positions in ``trace``) by
    start cycle, in which executing them one after the other has the same effect.
    """

    cycles: int
    events: Ints
    read_beats: int
    write_beats: int
    trace: InstructionTrace
    order: Ints


@dataclass(frozen=True)
class _Arrays:
    """The arrays of one simulation, see ``sim.fast.records``."""

    run: Ints
    queue: Ints
    units: Ints
    core: Ints
    walk: Ints
    hold: Ints
    arrival: Ints
    order: Ints
    sends: Ints
    events: Ints


def _arrays(program: Program, shape: MachineParameters, stream: ResolvedStream) -> _Arrays:
    n = len(stream.pc)
    run = np.zeros((n, RUN_COLUMNS), np.int64)
    run[:, PC] = stream.pc
    run[:, UNIT] = stream.unit[stream.pc]
    run[:, LINE] = np.where(stream.fresh, stream.pc // shape.line_instructions, -1)
    run[:, WAIT], run[:, POST] = stream.table[stream.pc, 1], stream.table[stream.pc, 2]
    run[:, DISPATCHED], run[:, STARTED], run[:, RETIRED] = -1, -1, FOREVER
    fill_demands(shape, stream, run)
    stores = stream.table[stream.table[:, 0] == STORE]
    members = [np.flatnonzero(run[:, UNIT] == unit) for unit in range(len(UNITS))]
    units = np.zeros((len(UNITS) + 1, UNIT_COLUMNS), np.int64)
    units[1 : len(UNITS), FIRST] = np.cumsum([len(m) for m in members[:-1]])
    units[: len(UNITS), DEPTH] = [getattr(shape, name) for name in UNITS]
    return _Arrays(
        run=run,
        queue=np.concatenate(members).astype(np.int64),
        units=units,
        core=np.zeros(CORE_SIZE, np.int64),
        walk=np.zeros(CORE_SIZE, np.int64),
        hold=np.full((PORTS, STREAMS), -1, np.int64),
        arrival=np.full(len(program.code) // program.machine.line_bytes, FOREVER, np.int64),
        order=np.zeros(sum(len(m) for m in members), np.int64),
        sends=np.zeros((most_bursts(shape, stores), 2), np.int64),
        events=np.zeros(len(EVENTS), np.int64),
    )


def _waiting(program: Program, state: _Arrays) -> str:
    """What keeps each unit from going on, as text."""
    found = []
    for unit, name in enumerate(UNITS):
        first, started, pushed, why = (int(state.units[unit, c]) for c in (FIRST, STARTS, PUSHED, WHY))
        if started == pushed:
            continue
        pc, mask = (int(value) for value in state.run[state.queue[first + started], [PC, WAIT]])
        cause = EVENTS[why].cause
        if cause == "semaphore":
            numbers = [s for s in range(SEMAPHORES) if mask >> s & 1 and state.core[COUNTS + s] == 0]
            cause = f"semaphore {', '.join(map(str, numbers))}"
        elif cause == "busy":
            cause = "the one before it"
        found.append(f"{name}: instruction {pc} ({program.instructions[pc].name}) waits for {cause}")
    if state.core[NEXT] < len(state.run):
        pc = int(state.run[state.core[NEXT], PC])
        cause = EVENTS[int(state.units[DISPATCH, WHY])].cause.replace("_full", " queue, which is full")
        cause = cause.replace("drain", "units to finish").replace("fetch", "fetch")
        found.append(f"dispatch: instruction {pc} ({program.instructions[pc].name}) waits for the {cause}")
    return "; ".join(found)


def time_program(program: Program, shape: MachineParameters, stream: ResolvedStream, max_cycles: int) -> Timing:
    """Time the whole run. Raises DeadlockError if nothing can move, or not enough by ``max_cycles``."""
    state = _arrays(program, shape, stream)
    outcome, cycle, where = simulate(
        shape, stream.table, state.run, state.queue, state.units, state.core, state.walk, state.hold,
        state.arrival, state.order, state.sends, state.events, max_cycles,
    )  # fmt: skip
    if outcome == OVERFLOW:
        pc = int(state.run[where, PC])
        raise ProgramError(
            f"instruction {pc} ({program.instructions[pc].name}): a semaphore it posts counts past {SEMAPHORE_MAX} "
            f"in cycle {cycle}"
        )
    if outcome != HALTED:
        what = f"deadlock in cycle {cycle}" if outcome == DEADLOCK else f"no halt within {max_cycles} cycles"
        raise DeadlockError(f"{what}: {_waiting(program, state)}")
    times = [np.ascontiguousarray(state.run[:, column]) for column in (PC, DISPATCHED, STARTED, RETIRED)]
    for array in (*times, state.events, state.order):
        array.flags.writeable = False
    core = state.core
    return Timing(
        cycle, state.events, int(core[READ_BEATS]), int(core[WRITE_BEATS]), InstructionTrace(*times), state.order
    )


def timing(program: Program, max_cycles: int = 1 << 62) -> Timing:
    """The exact timing of ``program`` on its machine, without numerics (see :class:`Timing` and ``time_program``).

    Loops and local addresses are checked; that the program is valid otherwise (``isa.validator``) is the caller's part.
    """
    return time_program(program, shape_of(program.machine), expand(program), max_cycles)
