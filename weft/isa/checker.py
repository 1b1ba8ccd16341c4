"""The rules over time that hold whatever the timing: no deadlock, no semaphore overflow, no data race.

The dynamic stream is executed through the in-order queues with their depths, without time: an instruction runs as
soon as its semaphores allow. As each semaphore has one posting and one waiting unit, whether the program can
finish does not depend on the order in which units get to run.
"""

from __future__ import annotations

import numpy as np

from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.fields import SEMAPHORE_MAX, SEMAPHORES
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.isa.races import first_race
from weft.isa.stream import InstructionStream, expand
from weft.isa.validator import place


def _members(mask: int) -> tuple[int, ...]:
    return tuple(number for number in range(SEMAPHORES) if mask >> number & 1)


class _Execution:
    """The state of queues and semaphores. ``clock[i][u]`` is how many instructions of unit ``u`` are known to have
    retired when executed instruction ``i`` starts."""

    def __init__(self, program: Program, stream: InstructionStream) -> None:
        self.program, self.stream = program, stream
        table = [(UNITS.index(i.spec.unit), _members(i["wait"]), _members(i["post"])) if i.spec.unit in UNITS else None
                 for i in program.instructions]  # fmt: skip
        self.work = [entry for entry in (table[pc] for pc in stream.pc) if entry is not None]
        self.depths = [getattr(program.machine.queues, unit) for unit in UNITS]
        self.reset()

    def reset(self) -> None:
        self.dispatched = 0
        self.queues: list[list[int]] = [[] for _ in UNITS]  # positions in the stream, all ever pushed
        self.started = [0] * len(UNITS)
        self.posts: list[list[tuple[int, ...]]] = [[] for _ in range(SEMAPHORES)]  # clock at each post
        self.waits = [0] * SEMAPHORES
        self.clock: list[tuple[int, ...]] = [()] * len(self.work)
        self.last = [(0,) * len(UNITS)] * len(UNITS)

    def lacking(self, position: int) -> list[int]:
        """Semaphores at 0 that an instruction waits for."""
        return [s for s in self.work[position][1] if self.waits[s] >= len(self.posts[s])]

    def _start(self, unit: int, position: int) -> None:
        _, waits, posts = self.work[position]
        clock = self.last[unit]
        for s in waits:
            clock = tuple(map(max, clock, self.posts[s][self.waits[s]]))
            self.waits[s] += 1
        self.clock[position] = self.last[unit] = clock
        self.started[unit] += 1
        if posts:
            retired = (*clock[:unit], self.started[unit], *clock[unit + 1 :])
            for s in posts:
                self.posts[s].append(retired)

    def run(self, held: int = -1) -> None:
        """Go on until nothing can, without letting anyone wait successfully for semaphore ``held``."""
        moved = True
        while moved:
            moved = False
            while self.dispatched < len(self.work):
                unit = self.work[self.dispatched][0]
                if len(self.queues[unit]) - self.started[unit] >= self.depths[unit]:
                    break
                self.queues[unit].append(self.dispatched)
                self.dispatched += 1
                moved = True
            for unit, queue in enumerate(self.queues):
                while self.started[unit] < len(queue):
                    position = queue[self.started[unit]]
                    if held in self.work[position][1] or self.lacking(position):
                        break
                    self._start(unit, position)
                    moved = True

    @property
    def finished(self) -> bool:
        return sum(self.started) == len(self.work)

    def name(self, position: int) -> str:
        return place(self.program, int(self.stream.pc[position])) + self.stream.iteration(position)


def _deadlock(execution: _Execution) -> str:
    posters = {s: i.spec.unit for i in execution.program.instructions for s in _members(i["post"])}
    lines = ["deadlock: no unit can go on"]
    if execution.dispatched < len(execution.work):
        unit = execution.work[execution.dispatched][0]
        full = f"the {UNITS[unit]} queue is full with {execution.depths[unit]}"
        lines.append(f"  dispatch: {execution.name(execution.dispatched)} must wait: {full}")
    for unit, queue in enumerate(execution.queues):
        if execution.started[unit] == len(queue):
            lines.append(f"  {UNITS[unit]}: has nothing to do")
            continue
        position = queue[execution.started[unit]]
        waits = ", ".join(
            f"s{s} from {posters.get(s, 'nobody')} ({len(execution.posts[s])} posted, all taken)"
            for s in execution.lacking(position)
        )
        lines.append(f"  {UNITS[unit]}: {execution.name(position)} waits for {waits}")
    lines.append("  let the missing post come earlier in the program, or take the wait away")
    return "\n".join(lines)


def _overflow(execution: _Execution, semaphore: int) -> None:
    """Put off waits for one semaphore as long as anything else can run, and see how high it gets."""
    execution.reset()
    waiting = -1
    while not execution.finished:
        execution.run(held=semaphore)
        count = len(execution.posts[semaphore]) - execution.waits[semaphore]
        for unit, queue in enumerate(execution.queues):
            if execution.started[unit] < len(queue):
                position = queue[execution.started[unit]]
                if semaphore in execution.work[position][1] and not execution.lacking(position):
                    waiting = position
        if count > SEMAPHORE_MAX:
            who = f"while {execution.name(waiting)} has not started" if waiting >= 0 else "and nothing waits for it"
            raise ProgramError(
                f"semaphore s{semaphore} can reach {count} {who}; it counts to {SEMAPHORE_MAX}: post less often, "
                "or let the posting unit wait for the other in between"
            )
        if waiting < 0:
            return
        execution._start(execution.work[waiting][0], waiting)
        waiting = -1


def check(program: Program) -> None:
    """Check a valid program's dynamic behaviour.

    Raises DeadlockError (what each unit waits for, and at which instruction), or ProgramError for a semaphore that
    can overflow or for two accesses of different units to the same byte that no semaphore orders.
    """
    stream = expand(program)
    execution = _Execution(program, stream)
    execution.run()
    if not execution.finished:
        raise DeadlockError(_deadlock(execution))
    busy = [s for s in range(SEMAPHORES) if len(execution.posts[s]) > SEMAPHORE_MAX]
    units = np.array([unit for unit, _, _ in execution.work], np.int64)
    race = first_race(program, stream, units, np.array(execution.clock, np.int64).reshape(-1, len(UNITS)))
    if race is not None:
        first, second = ("writes" if write else "reads" for write in race.writes)
        raise ProgramError(
            f"data race at byte {race.byte:#x} of the {race.memory}: {execution.name(race.first)} {first} it, "
            f"{execution.name(race.second)} {second} it, and no semaphore orders the two; let the one that must come "
            "first post a semaphore for the other"
        )
    for semaphore in busy:
        _overflow(execution, semaphore)
