"""Program order: tasks of different units interleaved so that no full queue keeps another unit from its work.

Dispatch is in order and waits at a full queue. Each unit keeps its own order of tasks; where they interleave is decided
by a simulation with estimated times: a task is put where a slot of its queue is expected to be free.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from compiler.targets.accel.sync import Edges
from compiler.targets.accel.tasks import Task
from isa.instructions import UNITS
from isa.machine import Machine
from isa.timing import matmul_occupancy, vector_retire
from isa.vector_ops import REDUCTIONS


def beats(task: Task) -> int:
    """Bus beats of a transfer task (0 for others)."""
    bus, total = task.machine.bus.bytes, 0
    if task.unit in ("load", "store"):
        for i, times in task.runs():
            total += times * -(-i["bytes"] // bus) * i["count0"] * i["count1"] * i["count2"]
    return total


def busy_cycles(task: Task) -> int:
    """Cycles for which a task keeps its unit busy, waits and competition for the bus aside."""
    machine, total = task.machine, 0
    if task.unit in ("load", "store"):
        return beats(task) * machine.dram.beat_cycles
    for i, times in task.runs():
        if task.unit == "matrix":
            rows = i["count0"] * i["count1"] * i["count2"]
            total += times * matmul_occupancy(rows, machine.dim, i["transpose_a"])
        else:
            reduce_depth = machine.pipeline.reduce if REDUCTIONS[i["reduce"]].name != "none" else 0
            total += times * (vector_retire(0, i["count0"] * i["count1"], 1, machine.pipeline.vector, reduce_depth) + 1)
    return total


def latency(task: Task) -> int:
    """Cycles from the end of a task's busy time to its retirement."""
    machine = task.machine
    by_unit = {
        "load": machine.dram.latency + 4,
        "store": machine.dram.latency + 4,
        "matrix": machine.dim * (3 + machine.pipeline.mac) + machine.pipeline.accumulate + 1,
        "vector": 0,
    }
    return by_unit[task.unit]


def _estimate(tasks: Sequence[Task], waits: Edges) -> tuple[list[int], list[int]]:
    """Start of every task and the end of its busy time, in estimated cycles."""
    queues: dict[str, deque[int]] = {unit: deque() for unit in UNITS}
    for index, task in enumerate(tasks):
        queues[task.unit].append(index)
    free = dict.fromkeys(UNITS, 0)
    bus = 0
    start, end, done = [0] * len(tasks), [0] * len(tasks), [-1] * len(tasks)
    while any(queues.values()):
        best: tuple[int, str] | None = None
        for unit, queue in queues.items():
            if queue and all(done[i] >= 0 for i in waits[queue[0]].values()):
                ready = max([free[unit], *(done[i] + 1 for i in waits[queue[0]].values())])
                best = min(best, (ready, unit)) if best else (ready, unit)
        assert best is not None, "waits point backwards"
        at, unit = best
        index = queues[unit].popleft()
        task = tasks[index]
        start[index] = at
        if unit in ("load", "store"):
            bus = max(bus, at) + busy_cycles(task)
            end[index] = bus
            done[index] = bus + latency(task)
            # The load unit asks ahead of the data: it is free again before they have arrived.
            free[unit] = max(at + 1, bus - task.machine.dram.latency) if unit == "load" else done[index] + 1
        else:
            free[unit] = end[index] = at + busy_cycles(task)
            done[index] = end[index] + latency(task)
    return start, end


def interleave(machine: Machine, tasks: Sequence[Task], waits: Edges) -> list[int]:
    """An order of the tasks that keeps each unit's own order and every task behind those it waits for."""
    start, end = _estimate(tasks, waits)
    issued: dict[str, deque[int]] = {
        unit: deque([0] * getattr(machine.queues, unit), getattr(machine.queues, unit)) for unit in UNITS
    }
    last = defaultdict(int)
    keys = [0] * len(tasks)
    for index, task in enumerate(tasks):
        starts = issued[task.unit]
        key = max([starts[0], last[task.unit], *(keys[i] for i in waits[index].values())])
        keys[index] = last[task.unit] = key
        count = task.executed
        for k in range(max(0, count - len(starts)), count):
            starts.append(start[index] + (end[index] - start[index]) * k // count)
    return sorted(range(len(tasks)), key=lambda index: (keys[index], index))
