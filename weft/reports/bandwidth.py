"""DRAM traffic over time: every burst of a run, worked out from its trace by the contract in docs/timing.md.

A trace says when transfers start and instructions are dispatched; which bursts those ask for, when they are accepted
and when their beats are on the data channel follows. That it does is checked by the retire cycles, which follow too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.errors import ProgramError
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.timing import landing_latency
from weft.sim.fast.stream import ResolvedStream, expand
from weft.sim.run import InstructionTrace, Run

Ints = npt.NDArray[np.int64]

PAGE = 4096
"""Bursts do not cross a multiple of this many bytes."""
FETCH, READ, WRITE = range(3)
KINDS = ("fetch", "read", "write")
SAMPLES = 256
"""About so many windows to a run."""


@dataclass(frozen=True)
class Bursts:
    """All bursts in the order in which DRAM serves them.

    ``kind``: index into ``KINDS``. ``owner``: executed instruction (position in the trace), -1 for a fetched line.
    ``address``: first byte. ``beats``: of the bus. ``begin``: cycle of the first beat on the data channel.
    """

    kind: Ints
    owner: Ints
    address: Ints
    beats: Ints
    begin: Ints


BURST_COLUMNS = ("kind", "owner", "address", "beats", "begin")


def bursts(program: Program, run: Run) -> Bursts:
    """The bursts of ``run``. Raises ProgramError for a run without times."""
    if run.trace is None or not run.cycles:
        what = "the run kept no trace" if run.cycles else f"engine '{run.engine}' has no time"
        raise ProgramError(f"{what}, so there is nothing to report; run with a trace on fast, rtl or pysim")
    machine, trace, stream = program.machine, run.trace, expand(program)
    fetched = _fetch_picks(program, trace, stream)
    line = np.arange(len(fetched))
    lines = np.stack([
        np.full(len(line), FETCH), np.full(len(line), -1), program.entry + line * machine.line_bytes,
        np.full(len(line), machine.line_bytes // machine.bus.bytes), fetched + 1,
    ])  # fmt: skip
    loads = _transfer_bursts(program, stream, "load", READ)
    loads[4] = _load_picks(loads[1], trace.start, fetched) + 1
    stores = _transfer_bursts(program, stream, "store", WRITE)
    stores[4] = _store_sends(stores, trace.start) + 1
    every = np.concatenate([lines, loads, stores], axis=1)
    every = every[:, np.lexsort((every[0] == WRITE, every[4]))]  # by acceptance, reads first
    kind, owner, address, beats, accepted = every
    occupied = beats * machine.dram.beat_cycles
    before = np.cumsum(occupied) - occupied
    begin = np.maximum.accumulate(accepted + machine.dram.latency - before) + before
    return Bursts(kind, owner, address, beats, begin)


def _fetch_picks(program: Program, trace: InstructionTrace, stream: ResolvedStream) -> Ints:
    """The cycle in which each line is asked for: once enough instructions have left the fetch queue."""
    size = program.machine.line_bytes // 64
    taken = trace.dispatch[stream.fresh]
    line = np.arange(len(program.code) // program.machine.line_bytes)
    needed = (line + 1) * size - program.machine.queues.fetch
    line = line[needed <= len(taken)]
    needed = needed[: len(line)]
    wanted = np.where(needed <= 0, 0, taken[np.maximum(needed, 1) - 1] + 1)
    picks: Ints = np.maximum.accumulate(wanted - line) + line
    return picks


def _transfer_bursts(program: Program, stream: ResolvedStream, name: str, kind: int) -> Ints:
    """Rows (kind, owner, address, beats, 0) of the bursts of every executed ``load`` or ``store``, in their order."""
    positions = np.flatnonzero(stream.unit[stream.pc] == UNITS.index(name))
    parts: list[Ints] = [np.zeros((4, 0), np.int64)]
    for pc in np.unique(stream.pc[positions]):
        i = program.instructions[pc]
        mine = positions[stream.pc[positions] == pc]
        rows = np.zeros(1, np.int64)
        for level in range(3):
            rows = (np.arange(i[f"count{level}"])[:, None] * i[f"dram_stride{level}"] + rows).ravel()
        address = (stream.address[mine, 0, None] + rows).ravel()
        owner = np.repeat(mine, len(rows))
        row = np.tile(np.arange(len(rows)), len(mine))
        for start, beats in _split(program.machine, address, i["bytes"]):
            asked = beats > 0
            parts.append(np.stack([owner[asked], row[asked], start[asked], beats[asked]]))
    owner, row, address, beats = np.concatenate(parts, axis=1)
    order = np.lexsort((address, row, owner))
    fixed = np.full(len(order), kind), owner[order], address[order], beats[order], np.zeros(len(order), np.int64)
    return np.stack(fixed)


def _split(machine: Machine, address: Ints, size: int) -> list[tuple[Ints, Ints]]:
    """Address and beats of the first, second, … burst of rows of ``size`` bytes at ``address`` (0 beats: no more)."""
    bus, found = machine.bus.bytes, []
    left = np.full(len(address), -(-size // bus), np.int64)
    while left.any():
        beats = np.minimum(np.minimum(left, machine.bus.burst), -(-(PAGE - address % PAGE) // bus))
        found.append((address, beats))
        address, left = address + beats * bus, left - beats
    return found


def _places(owner: Ints) -> tuple[Ints, Ints]:
    """Where each run of equal values begins, and for each element its place in its run."""
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    return first, np.arange(len(owner)) - np.repeat(first, np.diff(first, append=len(owner)))


def _load_picks(owner: Ints, start: Ints, fetched: Ints) -> Ints:
    """Cycles of the picks of loads: one a cycle from the start on, except where fetch asks."""
    _, place = _places(owner)
    free = start[owner] + 1 - np.searchsorted(fetched, start[owner] + 1) + place  # counting cycles without fetch
    picks: Ints = free + np.searchsorted(fetched - np.arange(len(fetched)), free, side="right")
    return picks


def _store_sends(stores: Ints, start: Ints) -> Ints:
    """The cycle from which each burst of a store is sent, with two buffers."""
    first, _ = _places(stores[1])
    sends: list[Ints] = [np.zeros(0, np.int64)]
    known: dict[bytes, Ints] = {}
    for begin, end in itertools.pairwise((*first, stores.shape[1])):
        beats = stores[3, begin:end]
        key = beats.tobytes()
        if key not in known:
            known[key] = np.array(_sends(beats.tolist()), np.int64)
        sends.append(known[key] + start[stores[1, begin]])
    return np.concatenate(sends)


def _sends(beats: list[int]) -> list[int]:
    """The same from a start in cycle 0."""
    result, read_end, sent_end, sent_end_before = [], 1, 0, 0
    for n in beats:
        read_end = max(read_end, sent_end_before) + n
        result.append(max(read_end + 1, sent_end))
        sent_end_before, sent_end = sent_end, result[-1] + n
    return result


def retirements(found: Bursts, machine: Machine) -> dict[int, int]:
    """Executed load or store → the cycle in which it retires, as its bursts have it."""
    beat = machine.dram.beat_cycles
    landed = found.begin + (found.beats - 1) * beat + landing_latency()
    answered = found.begin + found.beats * beat + 1
    cycles = np.where(found.kind == WRITE, answered, landed)
    result: dict[int, int] = {}
    for owner, cycle in zip(found.owner.tolist(), cycles.tolist(), strict=True):
        if owner >= 0:
            result[owner] = max(result.get(owner, 0), cycle)
    return result


def over_time(found: Bursts, machine: Machine, cycles: int) -> dict[str, Any]:
    """``window`` (cycles), ``capacity`` (bytes a cycle), and bytes per window of each kind of traffic.

    A beat that takes the channel for n cycles counts in all of them, in whole bytes. A window is a multiple of n cycles
    and of a power of two, so that what it can hold is a whole number of bytes and none holds more.
    """
    beat, size = machine.dram.beat_cycles, machine.bus.bytes
    window = beat
    while cycles > window * SAMPLES:
        window *= 2
    place = np.arange(found.beats.sum()) - np.repeat(np.cumsum(found.beats) - found.beats, found.beats)
    begin = np.repeat(found.begin, found.beats) + place * beat
    kind = np.repeat(found.kind, found.beats)
    count = -(-cycles // window)
    result: dict[str, Any] = {"window": window, "capacity": machine.bandwidth}
    for index, name in enumerate(KINDS):
        moved = np.zeros(count, np.int64)
        for cycle in range(beat):
            part = (cycle + 1) * size // beat - cycle * size // beat
            moved += np.bincount((begin[kind == index] + cycle) // window, minlength=count) * part
        result[name] = moved.tolist()
    return result
