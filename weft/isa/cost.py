"""What a program asks of the computer that simulates it, told from its instructions as written, without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.isa.access import Access, accesses
from weft.isa.image import PAGE
from weft.isa.limits import DRAM, EXECUTED, MEMORY
from weft.isa.program import Program

EXECUTED_BYTES = 512
"""Host memory for an executed instruction: the tables of the checker or of the fast engine, and the traces."""
IMAGES = 4
"""Copies of DRAM at one time: the image that is given, and those of the engines that are compared."""
_ENDLESS = 1 << 62


@dataclass(frozen=True)
class Cost:
    """``executed``: instructions, loop control included. ``dram``: bytes of the pages of DRAM that code, data and
    stores touch. ``memory``: bytes of the host's memory. All are upper bounds.
    """

    executed: int
    dram: int

    @property
    def memory(self) -> int:
        """Bytes of the host's memory for a run."""
        return self.executed * EXECUTED_BYTES + IMAGES * self.dram


def executed(program: Program) -> int:
    """Instructions that a program executes in all its loops, loop control included; at most 2^62.

    A loop without an end counts up to the program's end, an end without a loop as one instruction.
    """
    totals, counts = [0], []
    for instruction in program.instructions:
        totals[-1] += 1
        if instruction.name == "loop":
            totals.append(0)
            counts.append(instruction["count"])
        elif instruction.name == "end" and counts:
            body = totals.pop() * counts.pop()
            totals[-1] = min(totals[-1] + body, _ENDLESS)
    while counts:
        body = totals.pop() * counts.pop()
        totals[-1] = min(totals[-1] + body, _ENDLESS)
    return totals[0]


def _pages(low: int, high: int) -> tuple[int, int]:
    return low // PAGE, -(-high // PAGE)


def _stored(access: Access, trips: tuple[int, ...]) -> tuple[tuple[int, int], int]:
    """The pages [first, last) that a store in loops reaches, and the most of them that it touches."""
    runs = access.distinct_runs * math.prod(trip for trip, _ in access.moves(trips))
    return _pages(*access.reach(trips)), runs * (access.size // PAGE + 2)


def _touched(program: Program) -> int:
    """Bytes of the pages of DRAM that code, data and stores touch, at most."""
    dense = [_pages(program.entry, program.entry + len(program.code))]
    dense += [_pages(address, address + len(content)) for address, content in program.data.items()]
    sparse = 0
    opened: list[int] = []
    for instruction in program.instructions:
        if instruction.name == "loop":
            opened.append(instruction["count"])
        elif instruction.name == "end" and opened:
            opened.pop()
        elif instruction.name == "store":
            (first, last), most = _stored(accesses(program.machine, instruction)[0], tuple(opened))
            if most < last - first:
                sparse += most
            else:
                dense.append((first, last))
    pages, end = sparse, 0
    for first, last in sorted(dense):
        pages += max(0, last - max(first, end))
        end = max(end, last)
    return min(pages * PAGE, program.dram_bytes)


def cost(program: Program) -> Cost:
    """The cost of a program, in time and memory linear in its instructions as written."""
    return Cost(executed(program), _touched(program))


def hold_executed(program: Program) -> None:
    """Raise LimitError for a program that executes more instructions than allowed."""
    EXECUTED.hold(executed(program), "the program executes")


def afford(program: Program) -> None:
    """Raise LimitError for a program that asks for more than ``isa.limits`` allows, and say how much it asks for."""
    hold_executed(program)
    asked = cost(program)
    DRAM.hold(asked.dram, "the program touches DRAM in")
    MEMORY.hold(asked.memory, "running the program takes about")
