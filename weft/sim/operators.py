"""What a compiled program says about itself in ``Program.meta``, read and checked: operators, useful products."""

from __future__ import annotations

from dataclasses import dataclass

from weft.base.reading import reading, shown
from weft.isa.errors import ProgramError
from weft.isa.program import Program


@dataclass(frozen=True)
class OperatorRecord:
    """An operator as the compiler describes it: ``nodes`` of the graph, useful ``macs``, the ``instructions`` that it
    owns, as (first, end) without the end, and its ``origin`` (the user's line, the module, the role)."""

    name: str
    nodes: tuple[int, ...]
    macs: int
    instructions: tuple[tuple[int, int], ...]
    origin: str = ""


def read_operators(program: Program) -> list[OperatorRecord]:
    """The operators in the compiler's order; none of a program that names none. Raises ProgramError if they are not
    what the compiler writes, or own instructions that are not there."""
    with reading("the program's list of operators is not valid", ProgramError, "compile it again"):
        found = [
            OperatorRecord(
                shown(str(entry["name"]), 1 << 16),
                tuple(int(n) for n in entry.get("nodes", ())),
                int(entry.get("macs", 0)),
                tuple((int(first), int(end)) for first, end in entry["instructions"]),
                shown(str(entry.get("origin", "")), 1 << 16),
            )
            for entry in program.meta.get("operators", ())
        ]
    count = len(program.instructions)
    for operator in found:
        for first, end in operator.instructions:
            if not 0 <= first <= end <= count:
                raise ProgramError(
                    f"operator '{operator.name}' owns the instructions {first} to {end} of a program of {count}; "
                    "compile it again"
                )
    return found


def useful_macs(program: Program) -> int:
    """Useful multiply-accumulates of a program (0: not known). Raises ProgramError if what it says is no count."""
    macs = program.meta.get("useful_macs", 0)
    if type(macs) is not int or not 0 <= macs < 1 << 63:
        told = shown(repr(macs), 40) if type(macs) is not int or abs(macs) < 1 << 64 else "a number over 64 bits"
        raise ProgramError(f"the program says useful_macs = {told}, which is no count; compile it again")
    return macs


def operator_names(program: Program) -> list[str]:
    """For each instruction the compiled operator it belongs to, "" if to none. Raises ProgramError."""
    names = [""] * len(program.instructions)
    for operator in read_operators(program):
        for first, end in operator.instructions:
            names[first:end] = [operator.name] * (end - first)
    return names
