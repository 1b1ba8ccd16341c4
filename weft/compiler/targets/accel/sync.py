"""Order between tasks of different units: which must wait for which, and the semaphores that make them.

Every unit starts and retires its instructions in order, so a task that has waited for task ``i`` of a unit is behind
everything that unit did up to ``i``, and behind everything ``i`` itself had waited for. One counting semaphore for each
ordered pair of units is therefore enough: waits and posts of a pair pair up one to one, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weft.compiler.targets.accel.last_accesses import LastAccesses
from weft.compiler.targets.accel.loops import change, peel_first, peel_last
from weft.compiler.targets.accel.tasks import Task
from weft.isa.encoding import Instruction
from weft.isa.instructions import UNITS

PAIRS = tuple((a, b) for a in UNITS for b in UNITS if a != b)
"""The semaphores: number ``i`` is posted by the first and waited for by the second unit of ``PAIRS[i]``."""

Edges = tuple[Mapping[str, int], ...]
"""For each task: unit → the task of that unit it waits for."""


def edges(tasks: Sequence[Task]) -> Edges:
    """The waits that keep every read and write in program order, and no more than it takes.

    A vector clock for each unit holds, for every other unit, the latest task it is known to be behind.
    """
    if not tasks:
        return ()
    last = LastAccesses(tasks[0].machine, tasks)
    known: dict[str, dict[str, int]] = {unit: dict.fromkeys(UNITS, -1) for unit in UNITS}
    at_start: list[dict[str, int]] = []
    result: list[Mapping[str, int]] = []
    for index, task in enumerate(tasks):
        mine = known[task.unit]
        wanted = {unit: int(i) for unit, i in zip(UNITS, last.latest(task), strict=True) if unit != task.unit}
        waits: dict[str, int] = {}
        for unit, latest in sorted(wanted.items(), key=lambda item: -item[1]):
            if latest <= mine[unit]:
                continue
            waits[unit] = latest
            mine[unit] = latest
            for other, reached in at_start[latest].items():
                mine[other] = max(mine[other], reached)
        result.append(waits)
        at_start.append(dict(mine))
        last.note(task, index)
    return tuple(result)


def masks(tasks: Sequence[Task], waits: Edges) -> tuple[list[int], list[int]]:
    """The wait and the post mask of every task."""
    number = {pair: i for i, pair in enumerate(PAIRS)}
    wait, post = [0] * len(tasks), [0] * len(tasks)
    for index, task in enumerate(tasks):
        for unit, latest in waits[index].items():
            bit = 1 << number[unit, task.unit]
            wait[index] |= bit
            post[latest] |= bit
    return wait, post


def masked(task: Task, wait: int, post: int) -> Task:
    """The task with its first instruction waiting and its last posting, both outside all loops."""
    nodes = task.nodes
    if wait:
        first, *rest = peel_first(nodes)
        assert isinstance(first, Instruction)
        nodes = (change(first, wait=wait), *rest)
    if post:
        *front, last = peel_last(nodes)
        assert isinstance(last, Instruction)
        nodes = (*front, change(last, post=post))
    return Task(task.machine, nodes, task.source, task.op)
