"""Dispatch: one instruction a cycle in the order of a plain loop interpreter, final addresses, and faults."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.encoding import Instruction, decode, encode, make
from weft.isa.instructions import UNITS
from weft.isa.machine import Queues, load
from weft.isa.registers import FAULTS
from weft.rtl.dispatch import CAUSES, Dispatch

MACHINE = dataclasses.replace(load("nano"), queues=Queues(loop=8))
WIDTH = {"dram": 32}  # other addresses have 25 bits


def expanded(program: Sequence[Instruction]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(pc, index of every open loop) of every dispatched instruction."""
    pc = 0
    loops: list[list[int]] = []
    while True:
        yield pc, tuple(index for _, _, index in loops)
        instruction = program[pc]
        pc += 1
        if instruction.name == "loop":
            loops.append([pc, instruction["count"], 0])
        elif instruction.name == "end":
            loops[-1][2] += 1
            if loops[-1][2] == loops[-1][1]:
                loops.pop()
            else:
                pc = loops[-1][0]
        elif instruction.name == "halt":
            return


def moved(instruction: Instruction, index: tuple[int, ...]) -> Instruction:
    """The instruction with the loop increments added to its addresses."""
    fields = dict(instruction.fields)
    for operand in ("dram", "local", "a", "w", "d", "x", "y", "z"):
        for depth, i in enumerate(index):
            step = fields.get(f"{operand}_inc{depth}", 0)
            if fields.get(f"{operand}_level") == depth:
                step = fields[f"{operand}_inc"]
            if operand in fields:
                fields[operand] = (fields[operand] + i * step) % (1 << WIDTH.get(operand, 25))
    return Instruction(instruction.name, fields)


@dataclasses.dataclass
class Seen:
    """(cycle, pc) of every dispatch, what was pushed where, causes in order of cycles, the fault if there was one."""

    dispatched: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    pushed: list[tuple[str, Instruction]] = dataclasses.field(default_factory=list)
    causes: list[str] = dataclasses.field(default_factory=list)
    fault: str = "none"


def dispatch(
    program: Sequence[Instruction],
    arrives: Callable[[int], bool] = lambda cycle: True,
    full: Callable[[int], int] = lambda cycle: 0,
    idle: Callable[[int], bool] = lambda cycle: True,
) -> Seen:
    dut = Dispatch(MACHINE)
    seen = Seen()

    async def bench(ctx: Any) -> None:
        ctx.set(dut.enable, 1)
        taken = 0
        for cycle in range(500):
            valid = arrives(cycle) and taken < len(program)
            ctx.set(dut.valid, valid)
            ctx.set(dut.exhausted, taken == len(program))
            ctx.set(dut.instruction, int.from_bytes(encode(program[taken]), "little") if valid else 0)
            ctx.set(dut.full, full(cycle))
            ctx.set(dut.idle, idle(cycle))
            if fault := ctx.get(dut.fault):
                seen.fault = FAULTS[fault].name
                return
            events = [cause for cause in CAUSES if ctx.get(dut.events[cause])]
            assert len(events) == 1, f"cycle {cycle} counts as {events}"
            seen.causes += events
            if ctx.get(dut.dispatched):
                seen.dispatched.append((cycle, ctx.get(dut.pc)))
            for unit, name in enumerate(UNITS):
                if ctx.get(dut.push) >> unit & 1:
                    seen.pushed.append((name, decode(ctx.get(dut.record).to_bytes(64, "little"))))
            taken += ctx.get(dut.take)
            if ctx.get(dut.halt):
                return
            await ctx.tick()
        raise AssertionError("no halt in 500 cycles")

    simulate(dut, bench)
    return seen


LOAD = make("load", dram=0x1000, local=64, bytes=4, dram_inc0=4096, dram_inc1=-64, dram_inc2=1 << 20, local_inc1=-4)
STORE = make("store", dram=0xFFFFFF00, local=64, bytes=4, dram_inc0=128, dram_inc2=-4)
TILE = make("matmul", a=0, w=512, d=1 << 24, a_inc0=16, w_inc1=8, d_inc2=-16)
PASS = make("vector", x_source="row", x=640, x_inc=32, x_level=1, y=64, y_inc=-8, y_level=0, d=4, d_inc=2, d_level=2)
LOOP, END, HALT = (lambda n: make("loop", count=n)), make("end"), make("halt")

PROGRAMS = {
    "straight": [LOAD, TILE, PASS, STORE, HALT],
    "loop": [LOAD, LOOP(4), STORE, TILE, END, HALT],
    "once": [LOOP(1), STORE, END, LOOP(2), PASS, END, HALT],
    "only an end": [LOOP(3), END, HALT],
    "three deep": [LOOP(2), LOAD, LOOP(3), TILE, LOOP(2), PASS, END, END, END, STORE, HALT],
    "fills the buffer": [LOOP(2), LOAD, TILE, LOOP(2), PASS, STORE, END, LOAD, END, HALT],
    "one after the other": [LOOP(2), LOAD, LOOP(2), TILE, END, LOOP(2), PASS, END, END, LOOP(2), STORE, END, HALT],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_one_instruction_a_cycle_with_final_addresses(name: str) -> None:
    program = PROGRAMS[name]
    order = list(expanded(program))
    seen = dispatch(program)
    assert seen.dispatched == [(cycle, pc) for cycle, (pc, _) in enumerate(order)]
    expected = [(program[pc], index) for pc, index in order if program[pc].spec.unit in UNITS]
    assert seen.pushed == [(instruction.spec.unit, moved(instruction, index)) for instruction, index in expected]


def test_a_loop_replays_from_its_buffer_while_fetch_brings_nothing() -> None:
    program = PROGRAMS["loop"]
    seen = dispatch(program, arrives=lambda cycle: cycle < 5 or cycle > 40)
    assert seen.dispatched[:14] == [(cycle, pc) for cycle, (pc, _) in enumerate(expanded(program))][:14]
    assert seen.causes[14:] == ["fetch"] * (41 - 14) + ["busy"]


def test_waits_for_a_full_queue_and_for_the_units_to_drain() -> None:
    matrix = 1 << UNITS.index("matrix")
    seen = dispatch(PROGRAMS["straight"], full=lambda c: matrix if c < 6 else 0, idle=lambda c: c >= 12)
    assert [cycle for cycle, _ in seen.dispatched] == [0, 6, 7, 8, 12]
    assert seen.causes == ["busy"] + ["matrix_full"] * 5 + ["busy"] * 3 + ["drain"] * 3 + ["busy"]


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ([LOAD, END, HALT], "loop_end"),
        ([LOOP(2)] * 4 + [HALT], "loop_depth"),
        ([LOOP(2), *[LOAD] * 8, END, HALT], "loop_buffer"),
        ([LOAD, LOAD], "program_end"),
    ],
)
def test_faults(program: list[Instruction], fault: str) -> None:
    assert dispatch(program).fault == fault


@pytest.mark.parametrize("opcode", [7, 16, 63])
def test_unknown_and_unbuilt_opcodes_fault(opcode: int) -> None:
    dut = Dispatch(MACHINE)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.enable, 1)
        ctx.set(dut.valid, 1)
        ctx.set(dut.instruction, opcode)
        assert FAULTS[ctx.get(dut.fault)].name == "opcode"
        assert not ctx.get(dut.dispatched)

    simulate(dut, bench)
