"""From the program as written to the stream of instructions as dispatched: loops run, addresses final."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.cost import hold_executed
from weft.isa.encoding import columns, decode_table
from weft.isa.errors import ProgramError
from weft.isa.fields import LOOP_LEVELS
from weft.isa.instructions import BY_NAME, UNITS
from weft.isa.operands import OPERANDS
from weft.isa.program import Program

Ints = npt.NDArray[np.int64]

OPCODES = {name: spec.opcode for name, spec in BY_NAME.items() if spec.built}
HALT, LOOP, END = OPCODES["halt"], OPCODES["loop"], OPCODES["end"]
LOAD, STORE, MATMUL, VECTOR = OPCODES["load"], OPCODES["store"], OPCODES["matmul"], OPCODES["vector"]
SLOTS = max(len(operands) for operands in OPERANDS.values())
"""Columns of ``Stream.address``, in the order of each instruction's operands."""


@dataclass(frozen=True)
class ResolvedStream:
    """The ``n`` instructions a program executes, in dispatch order.

    ``table`` [static, fields]: decoded fields of the program as written. ``unit`` [static]: index into
    ``isa.instructions.UNITS``, -1 for control. ``pc`` [n]: index into the program. ``address`` [n, SLOTS]: final byte
    addresses. ``fresh`` [n]: taken from the fetch queue, not from the loop buffer. ``opcode`` [n].
    """

    table: Ints
    unit: Ints
    pc: Ints
    address: Ints
    fresh: npt.NDArray[np.bool_]
    opcode: Ints


def _check_loops(program: Program, opcodes: Ints) -> None:
    """Raises ProgramError for loops that do not nest as the machine allows, or a program that does not halt."""
    opened: list[int] = []
    limit = program.machine.queues.loop
    halts = np.flatnonzero(opcodes == HALT)
    per_line = program.machine.line_bytes // 64
    if not len(halts) or halts[0] // per_line != (len(opcodes) - 1) // per_line:
        raise ProgramError(f"a program of {len(opcodes)} instructions must end with its first 'halt'")
    for pc in range(int(halts[0]) + 1):
        if opcodes[pc] == LOOP:
            if len(opened) == LOOP_LEVELS:
                raise ProgramError(f"instruction {pc} (loop): loops nest to depth {LOOP_LEVELS}")
            opened.append(pc)
        elif opcodes[pc] == END:
            if not opened:
                raise ProgramError(f"instruction {pc} (end): no loop is open")
            start = opened.pop()
            if not opened and pc - start > limit:
                raise ProgramError(
                    f"instruction {start} (loop): {pc - start} instructions up to its end; queues.loop = {limit}"
                )
    if opened:
        raise ProgramError(f"instruction {opened[-1]} (loop): has no matching end")


def _run_loops(opcodes: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The executed instructions, in order: their pcs, and the turns [n, LOOP_LEVELS] their loops are in."""
    halt = np.flatnonzero(opcodes == HALT)[0]
    begin = 0
    opened: list[int] = []
    bodies: list[list[Ints]] = [[]]
    for mark in map(int, np.flatnonzero((opcodes == LOOP) | (opcodes == END) | (opcodes == HALT))):
        if mark > halt:
            break
        straight = np.zeros((mark + 1 - begin, 1 + LOOP_LEVELS), np.int64)
        straight[:, 0] = np.arange(begin, mark + 1)
        bodies[-1].append(straight)
        begin = mark + 1
        if opcodes[mark] == LOOP:
            opened.append(int(counts[mark]))
            bodies.append([])
        elif opcodes[mark] == END:
            body, times = np.concatenate(bodies.pop()), opened.pop()
            turns = np.tile(body, (times, 1))
            turns[:, 1 + len(opened)] = np.repeat(np.arange(times), len(body))
            bodies[-1].append(turns)
    executed = np.concatenate(bodies[0])
    return np.ascontiguousarray(executed[:, 0]), executed[:, 1:]


def _operands(table: Ints) -> tuple[Ints, Ints]:
    """Base address [static, SLOTS] and what each loop level adds [static, SLOTS, levels]."""
    base = np.zeros((len(table), SLOTS), np.int64)
    step = np.zeros((len(table), SLOTS, LOOP_LEVELS), np.int64)
    for name, operands in OPERANDS.items():
        rows = np.flatnonzero(table[:, 0] == OPCODES[name])
        at = columns(name)
        for slot, operand in enumerate(o.field for o in operands):
            base[rows, slot] = table[rows, at[operand]]
            if f"{operand}_level" in at:
                step[rows, slot, table[rows, at[f"{operand}_level"]]] = table[rows, at[f"{operand}_inc"]]
            else:
                for level in range(LOOP_LEVELS):
                    step[rows, slot, level] = table[rows, at[f"{operand}_inc{level}"]]
    return base, step


def expand(program: Program) -> ResolvedStream:
    """Run the loops of ``program``. Raises ProgramError if they do not nest, or the program does not halt, LimitError
    if it executes more instructions than allowed."""
    hold_executed(program)
    table = decode_table(program.instructions)
    opcodes = np.ascontiguousarray(table[:, 0])
    units = {spec.opcode: UNITS.index(spec.unit) for spec in BY_NAME.values() if spec.built and spec.unit in UNITS}
    unit = np.array([units.get(int(opcode), -1) for opcode in opcodes], np.int64)
    counts = np.where(opcodes == LOOP, table[:, columns("loop")["count"]], 1)
    _check_loops(program, opcodes)
    base, step = _operands(table)
    pc, turns = _run_loops(opcodes, counts)
    address = base[pc]
    for level in range(LOOP_LEVELS):
        address += turns[:, level, None] * step[pc, :, level]
    fresh = np.zeros(len(pc), np.bool_)
    fresh[np.unique(pc, return_index=True)[1]] = True
    return ResolvedStream(table, unit, pc, address, fresh, opcodes[pc])
