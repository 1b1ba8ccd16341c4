"""The dynamic stream: the instructions in the order in which dispatch pushes them, loops unrolled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.cost import hold_executed
from weft.isa.fields import LOOP_LEVELS
from weft.isa.program import Program


@dataclass(frozen=True)
class InstructionStream:
    """Executed instructions for units, in dispatch order (control instructions left out).

    ``pc`` [n]: index into the program's instructions. ``index`` [n, depths]: loop indices, 0 where none is open.
    """

    pc: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pc)

    def iteration(self, position: int) -> str:
        """Loop indices in words, `` in iteration (2, 0)``; nothing outside loops or in first iterations."""
        index = [int(i) for i in self.index[position]]
        while index and index[-1] == 0:
            index.pop()
        return f" in iteration ({', '.join(map(str, index))})" if index else ""


def expand(program: Program) -> InstructionStream:
    """Unroll a valid program. Raises LimitError if it executes more instructions than allowed."""
    hold_executed(program)
    units = [instruction.spec.unit != "dispatch" for instruction in program.instructions]
    at = 0

    def body(depth: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The instructions up to the loop's end (or the program's), expanded; ``at`` moves past them."""
        nonlocal at
        parts: list[npt.NDArray[np.int64]] = []
        indices: list[npt.NDArray[np.int64]] = []
        straight: list[int] = []

        def flush() -> None:
            if straight:
                parts.append(np.array(straight, np.int64))
                indices.append(np.zeros((len(straight), LOOP_LEVELS), np.int64))
                straight.clear()

        while at < len(program.instructions):
            instruction = program.instructions[at]
            at += 1
            if instruction.name in ("end", "halt"):
                break
            if instruction.name == "loop":
                flush()
                pc, index = body(depth + 1)
                count = instruction["count"]
                parts.append(np.tile(pc, count))
                index = np.tile(index, (count, 1))
                index[:, depth] = np.repeat(np.arange(count), len(pc))
                indices.append(index)
            elif units[at - 1]:
                straight.append(at - 1)
        flush()
        if not parts:
            return np.zeros(0, np.int64), np.zeros((0, LOOP_LEVELS), np.int64)
        return np.concatenate(parts), np.concatenate(indices)

    return InstructionStream(*body(0))
