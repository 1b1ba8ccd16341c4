"""The event-driven timing core: ``docs/timing.md``, visiting only cycles in which something can change.

In a visited cycle everything is judged on the state at its start, in the order: retirements of earlier cycles, bursts,
dispatch, starts by priority. If nothing moved, nothing can change before the earliest known future time, so the next
cycle visited is that time, and what each unit was counted as holds for all cycles in between. Where there is no such
time, the program is deadlocked.
"""

from __future__ import annotations

import numpy as np

from weft.isa.events import BY_NAME, EVENTS
from weft.isa.fields import SEMAPHORE_MAX, SEMAPHORES
from weft.isa.instructions import UNITS
from weft.isa.timing import fetch_latency, landing_latency
from weft.sim.fast.bursts import begin_row, next_burst, plan_store, serve, transfer_rows
from weft.sim.fast.jit import inline, kernel
from weft.sim.fast.records import (
    ASKED,
    CHANNEL,
    CLAIM,
    CLAIMS,
    COUNTS,
    DEPTH,
    DISPATCH,
    DISPATCHED,
    DRAM,
    FIRST,
    FOREVER,
    GAP,
    LIFE,
    LINE,
    LOADING,
    MOVED,
    NEXT,
    OCCUPANCY,
    ORDER,
    PC,
    POST,
    PUSHED,
    READ_BEATS,
    READY,
    RETIRED,
    RETIRES,
    ROW,
    SEEN,
    SPAN,
    STARTED,
    STARTS,
    STORING,
    STREAMS,
    TAKEN,
    UNIT,
    WAIT,
    WHY,
    WRITE_BEATS,
    Ints,
)
from weft.sim.fast.shape import MachineParameters
from weft.sim.fast.stream import HALT

HALTED, DEADLOCK, LIMIT, OVERFLOW = range(4)
"""How a simulation ends."""

LOAD, MATRIX, VECTOR, STORE = (UNITS.index(name) for name in ("load", "matrix", "vector", "store"))
_PRIORITY = (MATRIX, VECTOR, STORE, LOAD)
_D_BUSY, _D_FETCH, _D_FULL, _D_DRAIN = (
    BY_NAME[f"dispatch.{cause}"].index for cause in ("busy", "fetch", "load_full", "drain")
)
assert [EVENTS[_D_FULL + u].cause for u in range(4)] == [f"{unit}_full" for unit in UNITS]
_BUSY = tuple(BY_NAME[f"{unit}.busy"].index for unit in UNITS)
_SEMAPHORE = tuple(BY_NAME[f"{unit}.semaphore"].index for unit in UNITS)
_PORT = tuple(BY_NAME[f"{unit}.port"].index for unit in UNITS)
_IDLE = tuple(BY_NAME[f"{unit}.idle"].index for unit in UNITS)
_DRAIN = tuple(BY_NAME.get(f"{unit}.drain", BY_NAME[f"{unit}.idle"]).index for unit in UNITS)
_HAZARD, _OUTSTANDING = BY_NAME["matrix.hazard"].index, BY_NAME["load.outstanding"].index
_FETCH_LATENCY, _LANDING = fetch_latency(), landing_latency()


@inline
def _retire(run: Ints, queue: Ints, units: Ints, core: Ints, t: int) -> int:
    """Post the semaphores of what retired before ``t``; the instruction that overflows one, or -1."""
    for unit in range(len(UNITS)):
        while units[unit, RETIRES] < units[unit, STARTS]:
            n: int = queue[units[unit, FIRST] + units[unit, RETIRES]]
            if run[n, RETIRED] >= t:
                break
            units[unit, RETIRES] += 1
            for semaphore in range(SEMAPHORES):
                if run[n, POST] >> semaphore & 1:
                    core[COUNTS + semaphore] += 1
                    if core[COUNTS + semaphore] > SEMAPHORE_MAX:
                        return n
    return -1


@inline
def _last_started(queue: Ints, unit: Ints) -> int:
    """The last instruction that ``unit``, a row of ``units``, started."""
    n: int = queue[unit[FIRST] + unit[STARTS] - 1]
    return n


@inline
def _fetch(shape: MachineParameters, core: Ints, arrival: Ints, t: int) -> bool:
    """Ask for a line if one is wanted."""
    line = core[ASKED]
    free = shape.fetch - (line * shape.line_instructions - core[TAKEN])
    if line == len(arrival) or free < shape.line_instructions:
        return False
    begin = serve(shape, t + 1, shape.line_beats, core)
    arrival[line] = begin + (shape.line_beats - 1) * shape.beat_cycles + _FETCH_LATENCY
    core[READ_BEATS] += shape.line_beats
    core[ASKED] += 1
    return True


@inline
def _pick(
    shape: MachineParameters, fields: Ints, run: Ints, n: int, units: Ints, core: Ints, hold: Ints, t: int
) -> None:
    """Ask for the next burst of load ``n``."""
    beats = next_burst(shape, fields, run[n, DRAM], core)
    begin = serve(shape, t + 1, beats, core)
    core[READ_BEATS] += beats
    if core[ROW] == transfer_rows(fields):
        landed = begin + (beats - 1) * shape.beat_cycles + _LANDING
        units[LOAD, READY] = t + 1
        run[n, RETIRED] = landed
        hold[run[n, CLAIM] >> 3, LOADING] = landed


@inline
def _dispatch(run: Ints, units: Ints, core: Ints, arrival: Ints, halt: bool, t: int) -> int:
    """Dispatch the next instruction if it can be; returns the time at which to look again, where it is known."""
    n = core[NEXT]
    unit, line = run[n, UNIT], run[n, LINE]
    why, wake = _D_BUSY, FOREVER
    if line >= 0 and arrival[line] > t:
        why, wake = _D_FETCH, arrival[line]
    elif unit >= 0:
        if units[unit, PUSHED] - units[unit, STARTS] >= units[unit, DEPTH]:
            why = _D_FULL + unit
    elif halt:
        for other in range(len(UNITS)):
            if units[other, RETIRES] < units[other, PUSHED]:
                why = _D_DRAIN
    if why == _D_BUSY:
        run[n, DISPATCHED] = t
        if unit >= 0:
            units[unit, PUSHED] += 1
        else:
            run[n, STARTED] = run[n, RETIRED] = t
        if line >= 0:
            core[TAKEN] += 1
        core[NEXT] += 1
        core[MOVED] = 1
    units[DISPATCH, WHY] = why
    return wake


@inline
def _held_until(run: Ints, n: int, hold: Ints) -> int:
    """Last cycle in which another stream holds a port that ``n`` needs, or -1."""
    last = -1
    for claim in range(CLAIMS):
        code = run[n, CLAIM + claim]
        if code >= 0:
            for stream in range(STREAMS):
                if stream != code & 7:
                    last = max(last, hold[code >> 3, stream])
    return last


@inline
def _judge(
    run: Ints, queue: Ints, units: Ints, core: Ints, hold: Ints, outstanding: int, unit: int, t: int
) -> tuple[int, int]:
    """Event of ``unit`` in cycle ``t`` (-1: its head starts), and the time at which to look again, where known."""
    if t < units[unit, READY]:
        return _BUSY[unit], units[unit, READY]
    in_flight = units[unit, STARTS] - units[unit, RETIRES]
    if units[unit, STARTS] == units[unit, SEEN]:
        return _DRAIN[unit] if in_flight else _IDLE[unit], FOREVER
    n = queue[units[unit, FIRST] + units[unit, STARTS]]
    for semaphore in range(SEMAPHORES):
        if run[n, WAIT] >> semaphore & 1 and core[COUNTS + semaphore] == 0:
            return _SEMAPHORE[unit], FOREVER
    held = _held_until(run, n, hold)
    if held >= t:
        return _PORT[unit], held + 1 if held < FOREVER else FOREVER
    if unit == MATRIX and units[unit, STARTS] > 0:
        earliest = run[_last_started(queue, units[unit]), STARTED] + run[n, GAP]
        if t < earliest:
            return _HAZARD, earliest
    if unit == LOAD and in_flight >= outstanding:
        return _OUTSTANDING, FOREVER
    return -1, FOREVER


@inline
def _begin(run: Ints, n: int, units: Ints, core: Ints, hold: Ints, order: Ints, unit: int, t: int) -> None:
    """Start ``n``, the head of ``unit``'s queue: semaphores, ports, and the times that are known."""
    for semaphore in range(SEMAPHORES):
        core[COUNTS + semaphore] -= run[n, WAIT] >> semaphore & 1
    known = run[n, LIFE] >= 0
    for claim in range(CLAIMS):
        code = run[n, CLAIM + claim]
        if code >= 0:
            end = t + run[n, SPAN + claim] if known else FOREVER
            hold[code >> 3, code & 7] = max(hold[code >> 3, code & 7], end)
    run[n, STARTED] = t
    if known:
        run[n, RETIRED] = t + run[n, LIFE]
    units[unit, READY] = t + run[n, OCCUPANCY] if known else FOREVER
    units[unit, STARTS] += 1
    order[core[ORDER]] = n
    core[ORDER] += 1
    core[MOVED] = 1


@inline
def _next_time(run: Ints, queue: Ints, units: Ints, wake: int) -> int:
    """The earliest of ``wake`` and the cycles after the oldest retirements."""
    for unit in range(len(UNITS)):
        if units[unit, RETIRES] < units[unit, STARTS]:
            retired = run[queue[units[unit, FIRST] + units[unit, RETIRES]], RETIRED]
            if retired < FOREVER:
                wake = min(wake, retired + 1)
    return wake


@kernel
def simulate(
    shape: MachineParameters,
    table: Ints,
    run: Ints,
    queue: Ints,
    units: Ints,
    core: Ints,
    walk: Ints,
    hold: Ints,
    arrival: Ints,
    order: Ints,
    sends: Ints,
    events: Ints,
    max_cycles: int,
) -> tuple[int, int, int]:
    """Run to the halt (arrays: ``sim.fast.records``). Returns how it ended, the cycle, and the instruction concerned.

    ``table`` [static, fields], ``arrival`` [fetch line]: first cycle in which dispatch sees it, FOREVER at first,
    ``order``: filled with instructions by start, ``sends``: room for the bursts of one store, ``events``: counted.
    """
    burst, bursts = 0, 0
    t = int(np.int64(0))  # a variable to numba: a literal would compile everything twice
    while t < max_cycles:
        overflowing = _retire(run, queue, units, core, t)
        if overflowing >= 0:
            return OVERFLOW, t, overflowing
        core[MOVED] = 0
        wake = FOREVER
        if _fetch(shape, core, arrival, t):
            core[MOVED] = 1
        elif units[LOAD, STARTS] > 0 and units[LOAD, READY] == FOREVER:
            n = _last_started(queue, units[LOAD])
            _pick(shape, table[run[n, PC]], run, n, units, core, hold, t)
            core[MOVED] = 1
        if burst < bursts and sends[burst, 0] == t:
            serve(shape, t + 1, sends[burst, 1], core)
            core[WRITE_BEATS] += sends[burst, 1]
            core[MOVED] = 1
            burst += 1
            if burst == bursts:
                run[_last_started(queue, units[STORE]), RETIRED] = core[CHANNEL] + 1
                units[STORE, READY] = core[CHANNEL] + 2
        if burst < bursts:
            wake = sends[burst, 0]
        for unit in range(len(UNITS)):
            units[unit, SEEN] = units[unit, PUSHED]
        wake = min(wake, _dispatch(run, units, core, arrival, table[run[core[NEXT], PC], 0] == HALT, t))
        for unit in _PRIORITY:
            why, later = _judge(run, queue, units, core, hold, shape.outstanding, unit, t)
            wake = min(wake, later)
            if why < 0:
                why = _BUSY[unit]
                n = queue[units[unit, FIRST] + units[unit, STARTS]]
                fields = table[run[n, PC]]
                _begin(run, n, units, core, hold, order, unit, t)
                if unit == STORE:
                    burst = 0
                    bursts, last = plan_store(shape, fields, run[n, DRAM], t, walk, sends)
                    hold[run[n, CLAIM] >> 3, STORING] = last
                elif unit == LOAD:
                    core[ROW] = 0
                    begin_row(shape, fields, run[n, DRAM], core)
            units[unit, WHY] = why
        halted = core[NEXT] == len(run)
        following = t + 1 if core[MOVED] else _next_time(run, queue, units, wake)
        if following == FOREVER:
            return DEADLOCK, t, -1
        for unit in range(len(UNITS) + 1):
            events[units[unit, WHY]] += min(following, max_cycles) - t
        if halted:
            return HALTED, t + 1, -1
        t = following
    return LIMIT, t, -1
