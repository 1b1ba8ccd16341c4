"""The static rules: everything about a program that can be judged without running it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weft.isa.access import accesses
from weft.isa.cost import afford
from weft.isa.errors import ProgramError
from weft.isa.fields import LOOP_LEVELS, SEMAPHORES
from weft.isa.program import DTYPES, Program
from weft.isa.rules import RULES, PlacedInstruction


@dataclass(frozen=True)
class RuleViolation:
    """A broken rule: ``index`` of the instruction (-1: the program as a whole) and what is wrong."""

    index: int
    text: str


def _structure(program: Program) -> tuple[list[RuleViolation], list[tuple[int, ...]]]:
    """Problems of loops and halt, and the trip counts around every instruction."""
    problems: list[RuleViolation] = []
    trips: list[tuple[int, ...]] = []
    opened: list[tuple[int, int]] = []
    capacity = program.machine.queues.loop
    for index, instruction in enumerate(program.instructions):
        if instruction.name == "end" and opened:
            start, _ = opened.pop()
            if not opened and index - start > capacity:
                text = f"the loop's body of {index - start} instructions is over the loop buffer's {capacity}"
                problems.append(RuleViolation(start, f"{text} (queues.loop)"))
        elif instruction.name == "end":
            problems.append(RuleViolation(index, "no loop is open here"))
        trips.append(tuple(count for _, count in opened))
        if instruction.name == "loop":
            if len(opened) == LOOP_LEVELS:
                problems.append(RuleViolation(index, f"loops nest to depth {LOOP_LEVELS} at most"))
            opened.append((index, instruction["count"]))
        elif instruction.name == "halt" and index + 1 < len(program.instructions):
            problems.append(RuleViolation(index, "halt must be the last instruction, and the only halt"))
    problems += [RuleViolation(start, "this loop has no end") for start, _ in opened]
    if not program.instructions or program.instructions[-1].name != "halt":
        problems.append(RuleViolation(-1, "the last instruction must be halt"))
    return problems, trips


def _semaphores(program: Program) -> Iterator[RuleViolation]:
    """One posting and one waiting unit each."""
    users: dict[tuple[str, int], tuple[str, int]] = {}
    for index, instruction in enumerate(program.instructions):
        unit = instruction.spec.unit
        for role in ("wait", "post"):
            mask = instruction[role]
            if mask and unit == "dispatch":
                yield RuleViolation(index, f"{role}: control instructions neither wait nor post")
                continue
            for number in range(SEMAPHORES) if mask else ():
                if mask >> number & 1:
                    other, first = users.setdefault((role, number), (unit, index))
                    if other != unit:
                        doing = {"wait": "waiting for", "post": "posting"}[role]
                        yield RuleViolation(
                            index,
                            f"{role} has s{number}, but instruction {first} ({other}) does too: "
                            f"only one unit may be {doing} a semaphore",
                        )
    for (role, number), (_, first) in users.items():
        if role == "wait" and ("post", number) not in users:
            yield RuleViolation(first, f"wait has s{number}, which no instruction posts")


def _layout(program: Program) -> Iterator[str]:
    """Code, data and buffers in DRAM."""
    machine = program.machine
    if program.entry % machine.line_bytes:
        yield f"entry = {program.entry:#x}: must be a multiple of a fetch line, {machine.line_bytes}"
    if program.dram_bytes > machine.dram.bytes:
        yield f"the program needs {program.dram_bytes:#x} bytes of DRAM; '{machine.name}' has {machine.dram.bytes:#x}"
    pieces = [("the code", program.entry, len(program.code))]
    pieces += [(f"buffer '{b.name}'", b.address, b.bytes) for b in program.buffers]
    pieces += [(f"the data at {address:#x}", address, len(content)) for address, content in program.data.items()]
    end = program.entry + len(program.code)
    for buffer in program.buffers:
        row = buffer.row_elements * np.dtype(DTYPES[buffer.dtype]).itemsize
        if any(size < 1 for size in buffer.shape):
            yield f"buffer '{buffer.name}': its sizes {list(buffer.shape)} must be at least 1"
        elif buffer.pitch < row:
            yield f"buffer '{buffer.name}': pitch = {buffer.pitch}: must be at least the {row} bytes of a row"
    for what, address, size in pieces:
        if address < 0:
            yield f"{what} begins at {address}: must not be below 0"
        if what != "the code" and address < end and address + size > program.entry:
            yield f"{what} overlaps the code at {program.entry:#x} to {end - 1:#x}"
    # An output may share the place of a state that it is the new value of; what is filled before a run may not share.
    named = sorted((b for b in program.buffers if b.kind in ("input", "state", "constant")), key=lambda b: b.address)
    for one, other in itertools.pairwise(named):
        if one.address + one.bytes > other.address:
            yield (
                f"buffer '{other.name}' at {other.address:#x} overlaps buffer '{one.name}', which ends at "
                f"{one.address + one.bytes - 1:#x}"
            )


def problems(program: Program) -> list[RuleViolation]:
    """Every broken rule, in program order within each group of rules."""
    found, trips = _structure(program)
    found += [RuleViolation(-1, text) for text in _layout(program)]
    found += _semaphores(program)
    for index, instruction in enumerate(program.instructions):
        operands = accesses(program.machine, instruction)
        placed = PlacedInstruction(program, index, instruction, trips[index], operands)
        for rule in RULES:
            found += [RuleViolation(index, text) for text in rule(placed)]
    return found


def place(program: Program, index: int) -> str:
    """How messages name an instruction: ``instruction 3 (matmul, from prog.s:12)``."""
    instruction = program.instructions[index]
    source = f", from {instruction.source}" if instruction.source else ""
    return f"instruction {index} ({instruction.name}{source})"


def validate(program: Program) -> None:
    """Raise ProgramError with the first broken rule (and how many more there are), or LimitError for a program that
    breaks none and asks for more than ``isa.limits`` allows."""
    found = problems(program)
    if not found:
        afford(program)
        return
    first = found[0]
    where = place(program, first.index) if first.index >= 0 else "program"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise ProgramError(f"{where}: {first.text}{more}")
