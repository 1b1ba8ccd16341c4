"""The rules for one instruction where it stands: sizes, places, alignment, extents, overlaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.access import Access, overlap
from weft.isa.elements import ACCUMULATOR, DRAM, SCRATCHPAD
from weft.isa.encoding import Instruction
from weft.isa.fields import LOOP_LEVELS
from weft.isa.machine import Machine
from weft.isa.operands import touched
from weft.isa.program import Program
from weft.isa.text import local_text
from weft.isa.vector_ops import PLACES, REDUCTIONS

_MOST_PLACES = 1 << 20  # different placements of one operand by loops that are told apart
_MOST_WORK = 1 << 22  # runs of bytes, over all placements, that are compared one by one


@dataclass(frozen=True)
class PlacedInstruction:
    """An instruction where it stands: ``trips`` are the counts of the loops around it, by depth."""

    program: Program
    index: int
    instruction: Instruction
    trips: tuple[int, ...]
    operands: tuple[Access, ...]

    @property
    def machine(self) -> Machine:
        return self.program.machine


def _shifts(moves: tuple[tuple[int, int], ...]) -> npt.NDArray[np.int64] | None:
    """Every distance by which loops move an operand, each once; None if too many."""
    found = np.zeros(1, np.int64)
    for trip, step in moves:
        if len(found) * trip > _MOST_PLACES:
            return None
        found = np.unique(found[:, None] + np.arange(trip, dtype=np.int64) * step)
    return found


def _apart(a: Access, b: Access, shifts: npt.NDArray[np.int64] | None) -> bool:
    """Whether no byte of ``a`` is one of ``b`` moved by any of the shifts; False if that takes too long to tell."""
    if shifts is None:
        return False
    meet = shifts[(a.low < b.high + shifts) & (b.low + shifts < a.high)]
    if len(meet) * (a.distinct_runs + b.distinct_runs) > _MOST_WORK:
        return False
    return all(overlap(a, b, int(shift)) is None for shift in meet)


def _memory_size(program: Program, memory: str) -> tuple[int, int]:
    """Bytes of a memory and of one bank of it (DRAM has one)."""
    machine = program.machine
    if memory == DRAM:
        return program.dram_bytes, program.dram_bytes
    on_chip = machine.scratchpad if memory == SCRATCHPAD else machine.accumulator
    return on_chip.bytes, on_chip.bank_bytes


def _sizes(at: PlacedInstruction) -> Iterator[str]:
    """`k`, `n` and `lanes` are at most DIM."""
    instruction, machine = at.instruction, at.machine
    for field in ("k", "n", "lanes"):
        if field in instruction.fields and instruction[field] > machine.dim:
            yield f"{field} = {instruction[field]}: must be at most DIM = {machine.dim} on '{machine.name}'"


def _operations(at: PlacedInstruction) -> Iterator[str]:
    """Operations are built."""
    for place, table in PLACES.items() if at.instruction.name == "vector" else ():
        op = table[at.instruction[place]]
        if not op.built:
            yield f"{place} = {op.name}: specified but not built yet; no engine runs it"


def _elements(at: PlacedInstruction) -> Iterator[str]:
    """Elements lie in the memory that is theirs. A tile's type is one the machine multiplies; what a pass reads and
    writes is of a type that the machine has room for."""
    instruction, machine = at.instruction, at.machine
    wrong: dict[str, str] = {}
    for touch, access in zip(touched(instruction), at.operands, strict=True):
        element = touch.element
        if element is None:
            continue
        chosen = touch.operand.element if touch.operand.element in instruction.fields else ""
        if access.memory != element.memory:
            typed = f" with {chosen} = {element.name}" if chosen else ""
            where = f"{access.field} = {local_text(instruction[access.field])}{typed}"
            yield f"{where}: {element.name} elements must be in the {element.memory}"
        if chosen and not (element.name in machine.types if chosen == "type" else machine.holds(element.name)):
            wrong[chosen] = f"{chosen} = {element.name}: '{machine.name}' has {', '.join(machine.types)} only"
    yield from wrong.values()


def _forms(at: PlacedInstruction) -> Iterator[str]:
    """A transposed `a` has count1 = count2 = 1; rows of a tile's destination do not overlap each other."""
    i = at.instruction
    for touch, access in zip(touched(i), at.operands, strict=True):
        form = touch.form
        if any(i[count] != 1 for count in form.single):
            given = ", ".join(f"{count} = {i[count]}" for count in form.single)
            chosen = ", ".join(f"{c.field.name} = {', '.join(c.choices)}" for c in form.when)
            yield f"{given}: must both be 1 with {chosen}"
        if touch.operand.distinct and not access.distinct():
            steps = ", ".join(f"{stride} = {i[stride]}" for _, stride in form.levels)
            counts = ", ".join(f"{count} = {i[count]}" for count, _ in form.levels)
            yield f"{steps} with {counts}: rows of the destination must not overlap each other"


def _alignment(at: PlacedInstruction) -> Iterator[str]:
    """Addresses, used strides and used increments are multiples of bus.bytes in transfers, of a row where accumulator
    rows are touched, of 4 for scalars there, of the element in the scratchpad. Loads fill whole words of
    the accumulator."""
    instruction = at.instruction
    for access in at.operands:
        rule = f"must be a multiple of {access.align}"
        if instruction.name in ("load", "store"):
            rule += " (bus.bytes)"
        elif access.memory == ACCUMULATOR and access.align == at.machine.row_bytes:
            rule += " (an accumulator row)"
        if access.base % access.align:
            shown = f"{access.base:#x}" if access.memory == DRAM else local_text(instruction[access.field])
            yield f"{access.field} = {shown}: {rule}"
        for count, stride in access.levels:
            if count > 1 and stride % access.align:
                yield f"a stride of {access.field} is {stride}: {rule}"
        for _, step in access.moves(at.trips):
            if step % access.align:
                yield f"a loop increment of {access.field} is {step}: {rule}"
    if instruction.name == "load" and at.operands[1].memory == ACCUMULATOR and instruction["bytes"] % 4:
        yield f"bytes = {instruction['bytes']}: must be a multiple of 4 into the accumulator"


def _extents(at: PlacedInstruction) -> Iterator[str]:
    """Every byte touched, over all strides and loops, is inside its memory; an operand lies in one bank at a time."""
    for access in at.operands:
        low, high = access.reach(at.trips)
        size, bank = _memory_size(at.program, access.memory)
        if low < 0 or high > size:
            whose = "the program's DRAM" if access.memory == DRAM else f"the {access.memory}"
            yield f"{access.field} reaches bytes {low:#x} to {high - 1:#x}; {whose} has {size:#x} bytes"
        elif access.memory != DRAM and low // bank != (high - 1) // bank:
            places = _shifts(access.moves(at.trips))
            if places is None or (((access.low + places) // bank) != ((access.high - 1 + places) // bank)).any():
                yield (
                    f"{access.field} reaches bytes {low:#x} to {high - 1:#x} of the {access.memory}, over a bank's "
                    f"border; an operand must lie in one bank of {bank:#x} bytes"
                )


def _code(at: PlacedInstruction) -> Iterator[str]:
    """Stores leave the program's code alone."""
    if at.instruction.name != "store":
        return
    program = at.program
    begin, end = program.entry, program.entry + len(program.code)
    target = at.operands[0]
    low, high = target.reach(at.trips)
    if low >= end or high <= begin:
        return
    code = Access("code", DRAM, True, False, begin, (), end - begin, 1, (0,) * LOOP_LEVELS)
    if not _apart(code, target, _shifts(target.moves(at.trips))):
        yield f"dram: the store overwrites the program's code at {begin:#x} to {end - 1:#x}"


def _reads_what_it_writes(at: PlacedInstruction) -> Iterator[str]:
    """A pass reads ahead of its writes, so an operand may overlap `d` only with the same address, strides, increments
    and type, and rows apart; not at all with a reduction."""
    if at.instruction.name != "vector":
        return
    target = at.operands[-1]
    reduced = REDUCTIONS[at.instruction["reduce"]].name
    for access in at.operands[:-1]:
        if access.memory != target.memory:
            continue
        (low, high), (first, last) = access.reach(at.trips), target.reach(at.trips)
        if low >= last or first >= high:
            continue
        pairs = zip(at.trips, access.increments, target.increments, strict=False)
        apart = tuple((trip, b - a) for trip, a, b in pairs if trip > 1 and a != b)
        if _apart(access, target, _shifts(apart)):
            continue
        same_rows = access.base == target.base and all(
            a == b for a, b in zip(access.levels, target.levels, strict=False) if a[0] > 1
        )
        same_type = at.instruction[f"{access.field}_type"] == at.instruction["d_type"]
        if reduced != "none":
            yield f"{access.field} overlaps d: the destination of a reduction ({reduced}) must not overlap an operand"
        elif apart or not (same_rows and same_type and target.distinct()):
            yield (
                f"{access.field} overlaps d: the pass would read what it writes; an operand may only overlap d with "
                "the same address, strides, increments and type, and rows apart"
            )


RULES: tuple[Callable[[PlacedInstruction], Iterator[str]], ...] = (
    _sizes, _operations, _elements, _forms, _alignment, _extents, _code, _reads_what_it_writes,
)  # fmt: skip
"""Every rule, as a function from a placed instruction to what is wrong with it."""
