"""A bench that drives one unit as issue would, with on-chip memories of Python bytes that answer a cycle later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from amaranth.sim import Simulator

from weft.isa.encoding import Instruction, encode
from weft.isa.machine import Machine


@dataclass
class Memories:
    """Scratchpad and accumulator contents, and who touched which byte address in which cycle."""

    machine: Machine
    scratchpad: bytearray
    accumulator: bytearray
    reads: list[tuple[int, str, int]] = field(default_factory=list)
    """(cycle, port, byte address)"""
    writes: list[tuple[int, str, int]] = field(default_factory=list)


@dataclass
class Run:
    """What a bench saw: start and retire cycles in order, post masks, and port releases (cycle, stream, kind, mask)."""

    starts: list[int] = field(default_factory=list)
    retires: list[int] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    releases: list[tuple[int, int, str, int]] = field(default_factory=list)
    claims: list[list[dict[str, int]]] = field(default_factory=list)
    occupied: set[int] = field(default_factory=set)
    hazards: set[int] = field(default_factory=set)


KINDS = ("sp_read", "sp_write", "acc_read", "acc_write")


def _ports(value: Any) -> dict[str, int]:
    return {kind: value[kind] for kind in KINDS if value[kind]}


async def _access(context: Any, unit: Any, names: Sequence[str], memories: Memories, cycle: int) -> dict[str, int]:
    """Perform this cycle's accesses; what is read, by port, is to be shown in the next."""
    shown: dict[str, int] = {}
    machine = memories.machine
    pending = []
    for name in names:
        port = getattr(unit, name)
        if not context.get(port.enable):
            continue
        small = name.startswith("sp")
        memory = memories.scratchpad if small else memories.accumulator
        address = context.get(port.address) if small else context.get(port.row) * machine.row_bytes
        size = machine.word_bytes if small else machine.row_bytes
        if "read" in name:
            memories.reads.append((cycle, name, address))
            shown[name] = int.from_bytes(memory[address : address + size], "little")
        else:
            memories.writes.append((cycle, name, address))
            pending.append((memory, address, context.get(port.data).to_bytes(size, "little"), context.get(port.mask)))
    for memory, address, word, mask in pending:
        lane = 1 if memory is memories.scratchpad else 4
        for i in range(len(word) // lane):
            if mask >> i & 1:
                memory[address + i * lane : address + (i + 1) * lane] = word[i * lane : (i + 1) * lane]
    return shown


def drive(
    unit: Any,
    streams: int,
    memories: Memories,
    program: Sequence[Instruction],
    wait: Callable[[int], int] = lambda index: 0,
    limit: int = 3000,
) -> Run:
    """Start every instruction ``wait(index)`` cycles after the unit could take it; return when all have retired.

    Checks on the way that ``in_flight`` is 1 exactly from the cycle after a start to the retirement. Words that were
    not asked for in the cycle before read as all ones.
    """
    run = Run()
    records = [int.from_bytes(encode(instruction), "little") for instruction in program]
    names = [n for n in unit.signature.members if n.startswith(("sp_", "acc_"))]
    readers = {n: getattr(unit, n).data for n in names if "read" in n}

    async def bench(context: Any) -> None:
        index, patience, cycle = 0, wait(0), 0
        shown: dict[str, int] = {}
        while len(run.retires) < len(program):
            assert cycle < limit, f"{len(run.retires)} of {len(program)} instructions retired in {limit} cycles"
            context.set(unit.head_valid, index < len(records))
            context.set(unit.instr, records[index] if index < len(records) else 0)
            for name, word in readers.items():
                context.set(word, shown.get(name, (1 << len(word)) - 1))
            start = index < len(records) and bool(context.get(unit.ready))
            if start and context.get(unit.hazard):
                run.hazards.add(cycle)
                start = False
            if start and patience:
                patience -= 1
                start = False
            context.set(unit.start, start)
            assert context.get(unit.in_flight) == (len(run.starts) > len(run.retires)), f"in_flight in cycle {cycle}"
            if context.get(unit.occupied):
                run.occupied.add(cycle)
            if start:
                run.starts.append(cycle)
                run.claims.append([_ports(context.get(unit.claims[s])) for s in range(streams)])
                index += 1
                patience = wait(index)
            shown = await _access(context, unit, names, memories, cycle)
            for s in range(streams):
                for kind, mask in _ports(context.get(unit.release[s])).items():
                    run.releases.append((cycle, s, kind, mask))
            if context.get(unit.retire):
                run.retires.append(cycle)
                run.posts.append(context.get(unit.post))
            await context.tick()
            cycle += 1

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return run
