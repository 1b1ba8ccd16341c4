"""The untimed interpreter: one instruction at a time, through in-order queues and semaphores, in plain Python.

It shares nothing with the other engines but the tables of ``isa``, so that a shared misreading shows.
"""

from __future__ import annotations

import math
import time
from collections import deque

import numpy as np
import numpy.typing as npt

from weft.isa.cost import hold_executed
from weft.isa.encoding import Instruction
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.events import EVENTS
from weft.isa.fields import LOOP_LEVELS, SEMAPHORE_MAX, SEMAPHORES
from weft.isa.image import copied
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.sim.interp.meaning import MEANING, Memories
from weft.sim.run import DEFAULT_MAX_CYCLES, InstructionTrace, Run

Queued = tuple[int, tuple[int, ...]]
"""An instruction's index and the loop indices it was dispatched with."""


class _Dispatch:
    """Walks the program: ``head`` is the next instruction for a unit with its loop indices, None at the halt."""

    def __init__(self, instructions: tuple[Instruction, ...]) -> None:
        self.instructions = instructions
        self.pc = 0
        self.loops: list[list[int]] = []  # [first instruction of the body, iterations, index]
        self.head: Queued | None = None
        self.next()

    def next(self) -> None:
        """Move on to the next instruction for a unit, or to the halt."""
        while True:
            if self.pc >= len(self.instructions):
                raise ProgramError(f"instruction {self.pc}: the program runs past its end; it must end with halt")
            instruction = self.instructions[self.pc]
            self.pc += 1
            if instruction.name == "halt":
                self.head = None
                return
            if instruction.name == "loop":
                if len(self.loops) == LOOP_LEVELS:
                    raise ProgramError(f"instruction {self.pc - 1} (loop): loops nest to depth {LOOP_LEVELS} at most")
                self.loops.append([self.pc, instruction["count"], 0])
            elif instruction.name == "end":
                if not self.loops:
                    raise ProgramError(f"instruction {self.pc - 1} (end): no loop is open here")
                loop = self.loops[-1]
                loop[2] += 1
                if loop[2] < loop[1]:
                    self.pc = loop[0]
                else:
                    self.loops.pop()
            else:
                index = [loop[2] for loop in self.loops]
                self.head = (self.pc - 1, (*index, *[0] * (LOOP_LEVELS - len(index))))
                return


class InterpEngine:
    """Engine ``interp`` (see ``sim.run.Engine``). It has no time: ``cycles`` is 0, and so are all events and beats;
    the trace has only ``pc``. ``max_cycles`` bounds the executed instructions, and the rows that a unit works on: no
    design takes less than a cycle for one."""

    name = "interp"

    def run(
        self,
        program: Program,
        dram: npt.NDArray[np.uint8] | None = None,
        *,
        max_cycles: int = DEFAULT_MAX_CYCLES,
        trace: bool = True,
    ) -> Run:
        """Run to the halt. Raises DeadlockError, or ProgramError for a fault."""
        began = time.perf_counter()
        machine = program.machine
        hold_executed(program)
        image = program.image() if dram is None else copied(dram)
        memories = Memories(
            machine.dim,
            image.data,
            bytearray(machine.scratchpad.bytes),
            bytearray(machine.accumulator.bytes),
        )
        pcs = self._execute(program, memories, max_cycles)
        times = np.full(len(pcs), -1, np.int64)
        return Run(
            engine=self.name,
            cycles=0,
            dram=image,
            scratchpad=np.frombuffer(memories.scratchpad, np.uint8),
            accumulator=np.frombuffer(memories.accumulator, np.uint8),
            events=np.zeros(len(EVENTS), np.int64),
            read_beats=0,
            write_beats=0,
            trace=InstructionTrace(np.array(pcs, np.int64), times, times, times) if trace else None,
            wall_seconds=time.perf_counter() - began,
        )

    def _execute(self, program: Program, memories: Memories, limit: int) -> list[int]:
        """Run everything; the indices of the instructions for units, in dispatch order."""
        code = program.instructions
        queues: dict[str, deque[Queued]] = {unit: deque() for unit in UNITS}
        semaphores = [0] * SEMAPHORES
        dispatch = _Dispatch(code)
        pcs: list[int] = []
        rows = dict.fromkeys(UNITS, 0)
        moved = True
        while moved:
            moved = False
            while dispatch.head is not None:
                unit = code[dispatch.head[0]].spec.unit
                if len(queues[unit]) == getattr(program.machine.queues, unit):
                    break
                if len(pcs) >= limit:
                    raise DeadlockError(f"not finished after {limit} instructions; give a higher limit")
                queues[unit].append(dispatch.head)
                pcs.append(dispatch.head[0])
                dispatch.next()
                moved = True
            for unit, queue in queues.items():
                if queue and rows[unit] + _rows(code[queue[0][0]]) > limit:
                    raise DeadlockError(f"{unit} not finished after {limit} rows; give a higher limit")
                if queue and self._start(program, memories, semaphores, *queue[0]):
                    rows[unit] += _rows(code[queue.popleft()[0]])
                    moved = True
        stuck = {unit: queue[0][0] for unit, queue in queues.items() if queue}
        if stuck:
            raise DeadlockError(_deadlock(program, stuck, semaphores))
        return pcs

    @staticmethod
    def _start(program: Program, memories: Memories, semaphores: list[int], pc: int, index: tuple[int, ...]) -> bool:
        """Execute an instruction if its semaphores allow."""
        instruction = program.instructions[pc]
        waits = [s for s in range(SEMAPHORES) if instruction["wait"] >> s & 1]
        if any(semaphores[s] == 0 for s in waits):
            return False
        for s in waits:
            semaphores[s] -= 1
        try:
            MEANING[instruction.name](memories, instruction, index)
        except ProgramError as error:
            raise ProgramError(f"{_place(program, pc)}: {error}") from error
        for s in range(SEMAPHORES):
            if instruction["post"] >> s & 1:
                if semaphores[s] == SEMAPHORE_MAX:
                    raise ProgramError(f"{_place(program, pc)}: semaphore s{s} goes over {SEMAPHORE_MAX}")
                semaphores[s] += 1
        return True


def _rows(instruction: Instruction) -> int:
    """Rows that a unit works on one after the other."""
    return math.prod(instruction.fields.get(f"count{level}", 1) for level in range(3))


def _place(program: Program, pc: int) -> str:
    instruction = program.instructions[pc]
    source = f", from {instruction.source}" if instruction.source else ""
    return f"instruction {pc} ({instruction.name}{source})"


def _deadlock(program: Program, stuck: dict[str, int], semaphores: list[int]) -> str:
    """What the head of each queue waits for."""
    parts = []
    for unit, pc in stuck.items():
        wait = program.instructions[pc]["wait"]
        names = ", ".join(f"s{s}" for s in range(SEMAPHORES) if wait >> s & 1 and semaphores[s] == 0)
        parts.append(f"{unit} at {_place(program, pc)} waits for {names}")
    return f"deadlock: {'; '.join(parts)}"
