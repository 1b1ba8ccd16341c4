"""The operators of a compiled program, read from ``Program.meta`` and checked."""

from __future__ import annotations

from dataclasses import dataclass

from isa.errors import ProgramError
from isa.program import Program


@dataclass(frozen=True)
class Operator:
    """An operator as the compiler describes it: ``nodes`` of the graph, useful ``macs``, and the ``instructions`` that
    it owns, as (first, end) without the end."""

    name: str
    nodes: tuple[int, ...]
    macs: int
    instructions: tuple[tuple[int, int], ...]


def read_operators(program: Program) -> list[Operator]:
    """The operators in the compiler's order; none of a program that names none. Raises ProgramError if they are not
    what the compiler writes, or own instructions that are not there."""
    try:
        found = [
            Operator(
                str(entry["name"]),
                tuple(int(n) for n in entry.get("nodes", ())),
                int(entry.get("macs", 0)),
                tuple((int(first), int(end)) for first, end in entry["instructions"]),
            )
            for entry in program.meta.get("operators", ())
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProgramError(f"the program's list of operators is not valid ({error}); compile it again") from error
    count = len(program.instructions)
    for operator in found:
        for first, end in operator.instructions:
            if not 0 <= first <= end <= count:
                raise ProgramError(
                    f"operator '{operator.name}' owns the instructions {first} to {end} of a program of {count}; "
                    "compile it again"
                )
    return found


def operator_names(program: Program) -> list[str]:
    """For each instruction the compiled operator it belongs to, "" if to none. Raises ProgramError."""
    names = [""] * len(program.instructions)
    for operator in read_operators(program):
        for first, end in operator.instructions:
            names[first:end] = [operator.name] * (end - first)
    return names
