"""From tasks to a program: waits and posts put in, units interleaved, loops flattened, operators recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.compiler.targets.accel.live_ranges import LiveRange, described, touching
from weft.compiler.targets.accel.loops import flatten
from weft.compiler.targets.accel.schedule import hoisted, interleave
from weft.compiler.targets.accel.sync import edges, masked, masks
from weft.compiler.targets.accel.tasks import Task
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.program import Buffer, Program


@dataclass(frozen=True)
class KernelDescription:
    """A kernel as reports see it: its name, the graph nodes it computes, its useful multiply-accumulates, and where the
    node that names it comes from (the user's line, the module, the role)."""

    name: str
    nodes: tuple[int, ...] = ()
    macs: int = 0
    origin: str = ""


def assemble(
    machine: Machine,
    tasks: Sequence[Task],
    operators: Sequence[KernelDescription],
    buffers: Sequence[Buffer],
    data: Mapping[int, bytes],
    entry: int,
    meta: Mapping[str, Any],
    window: int = 16,
    lives: Sequence[LiveRange] = (),
) -> Program:
    """The program that does ``tasks`` in an order equivalent to the one given, its code at ``entry``.

    window: see ``schedule.hoisted`` (0: no load is moved). lives: of what lies on chip while the tasks are done.
    """
    emitted, touched = tasks, touching(tasks, lives)
    if window:
        tasks = hoisted(tasks, edges(tasks), window)
    waits = edges(tasks)
    wait, post = masks(tasks, waits)
    code: list[Instruction] = []
    owner: list[int] = []
    places: dict[int, tuple[int, int]] = {}  # id of a task → its unit's first and last instruction
    for index in interleave(machine, tasks, waits):
        task = masked(tasks[index], wait[index], post[index])
        flat = flatten(task.nodes, machine.queues.loop)
        working = [at for at, instruction in enumerate(flat, len(code)) if instruction.spec.unit in UNITS]
        places[id(tasks[index])] = working[0], working[-1]
        code += flat
        owner += [task.op] * len(flat)
    code.append(make("halt"))
    table = [
        {
            "name": o.name, "origin": o.origin, "nodes": list(o.nodes), "macs": o.macs,
            "instructions": _ranges(owner, i),
        }
        for i, o in enumerate(operators)
    ]
    found = {number: places[id(task)] for number, task in enumerate(emitted)}
    extra = {
        "useful_macs": sum(o.macs for o in operators),
        "operators": table,
        "lives": described(lives, touched, emitted, found),
    }
    return Program(machine, tuple(code), entry, tuple(buffers), dict(data), {**meta, **extra})


def _ranges(owner: Sequence[int], op: int) -> list[list[int]]:
    """Half-open instruction ranges of an operator."""
    result: list[list[int]] = []
    for index, who in enumerate(owner):
        if who == op:
            if result and result[-1][1] == index:
                result[-1][1] = index + 1
            else:
                result.append([index, index + 1])
    return result
