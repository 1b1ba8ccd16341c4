"""Program order: tasks of different units interleaved so that no full queue keeps another unit from its work.

Dispatch is in order and waits at a full queue. Each unit keeps its own order of tasks; where they interleave is decided
by a simulation with estimated times: a task is put where a slot of its queue is expected to be free.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from weft.compiler.targets.accel.last_accesses import LastAccesses
from weft.compiler.targets.accel.sync import Edges
from weft.compiler.targets.accel.tasks import Task
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.timing import matmul_occupancy, vector_retire
from weft.isa.vector_ops import REDUCTIONS


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


@dataclass
class _Clock:
    """Estimated time: when units and the bus are free, and when tasks start, end their busy time, and are done."""

    free: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    bus: int = 0
    start: dict[int, int] = field(default_factory=dict)
    end: dict[int, int] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)

    def ready(self, unit: str, after: Iterable[int]) -> int | None:
        """When a task that waits for others could start; None if one of those has not run yet."""
        times = [self.free[unit]]
        for index in after:
            if index not in self.done:
                return None
            times.append(self.done[index] + 1)
        return max(times)

    def run(self, index: int, task: Task, at: int) -> None:
        """Let a task start."""
        self.start[index] = at
        if task.unit in ("load", "store"):
            self.bus = max(self.bus, at) + busy_cycles(task)
            self.end[index] = self.bus
            self.done[index] = self.bus + latency(task)
            # The load unit asks ahead of the data: it is free again before they have arrived.
            early = max(at + 1, self.bus - task.machine.dram.latency)
            self.free[task.unit] = early if task.unit == "load" else self.done[index] + 1
        else:
            self.free[task.unit] = self.end[index] = at + busy_cycles(task)
            self.done[index] = self.end[index] + latency(task)


def _estimate(tasks: Sequence[Task], waits: Edges) -> _Clock:
    """The run with every unit taking its tasks in order."""
    queues: dict[str, deque[int]] = {unit: deque() for unit in UNITS}
    for index, task in enumerate(tasks):
        queues[task.unit].append(index)
    clock = _Clock()
    while any(queues.values()):
        heads = [(clock.ready(unit, waits[queue[0]].values()), unit) for unit, queue in queues.items() if queue]
        at, unit = min((at, unit) for at, unit in heads if at is not None)
        index = queues[unit].popleft()
        clock.run(index, tasks[index], at)
    return clock


def _latest_conflicts(tasks: Sequence[Task]) -> dict[int, tuple[int, ...]]:
    """For each load the latest task of each unit that must come before it. There is at least one task."""
    last = LastAccesses(tasks[0].machine, tasks)
    result: dict[int, tuple[int, ...]] = {}
    for index, task in enumerate(tasks):
        if task.unit == "load":
            result[index] = tuple(int(i) for i in last.latest(task) if i >= 0)
        last.note(task, index)
    return result


def hoisted(tasks: Sequence[Task], waits: Edges, window: int = 16) -> list[Task]:
    """The tasks with loads that could start moved in front of up to ``window`` loads that still have to wait."""
    if not tasks:
        return []
    conflicts = _latest_conflicts(tasks)
    limit = {index: max(before, default=-1) for index, before in conflicts.items()}
    queues: dict[str, deque[int]] = {unit: deque() for unit in UNITS if unit != "load"}
    pending: list[int] = []
    for index, task in enumerate(tasks):
        (pending if task.unit == "load" else queues[task.unit]).append(index)
    clock = _Clock()
    order: list[int] = []
    while pending or any(queues.values()):
        best: tuple[int, int, str, int] | None = None
        for unit, queue in queues.items():
            at = clock.ready(unit, waits[queue[0]].values()) if queue else None
            if at is not None and (best is None or (at, 0) < best[:2]):
                best = (at, 0, unit, queue[0])
        for place, index in enumerate(pending[:window]):
            if limit[index] < pending[0]:
                at = clock.ready("load", conflicts[index])
                if at is not None and (best is None or (at, place) < best[:2]):
                    best = (at, place, "load", index)
        assert best is not None, "waits point backwards"
        at, _, unit, index = best
        clock.run(index, tasks[index], at)
        if unit == "load":
            pending.remove(index)
            order.append(index)
        else:
            queues[unit].popleft()
    keys = {index: (index, 1) for index in range(len(tasks))}
    last = -1
    for index in order:
        last = max(last, limit[index])
        keys[index] = (last, 2)
    places = {index: place for place, index in enumerate(order)}
    return [tasks[i] for i in sorted(keys, key=lambda i: (*keys[i], places.get(i, 0)))]


def interleave(machine: Machine, tasks: Sequence[Task], waits: Edges) -> list[int]:
    """An order of the tasks that keeps each unit's own order and every task behind those it waits for."""
    clock = _estimate(tasks, waits)
    start, end = clock.start, clock.end
    issued: dict[str, deque[int]] = {
        unit: deque([0] * getattr(machine.queues, unit), getattr(machine.queues, unit)) for unit in UNITS
    }
    last: dict[str, int] = defaultdict(int)
    keys = [0] * len(tasks)
    for index, task in enumerate(tasks):
        starts = issued[task.unit]
        key = max([starts[0], last[task.unit], *(keys[i] for i in waits[index].values())])
        keys[index] = last[task.unit] = key
        count = task.executed
        for k in range(max(0, count - len(starts)), count):
            starts.append(start[index] + (end[index] - start[index]) * k // count)
    return sorted(range(len(tasks)), key=lambda index: (keys[index], index))
