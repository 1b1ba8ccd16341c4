"""Tasks: the units of work that kernels emit, each with the bytes it reads and writes, derived from its fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from weft.compiler.targets.accel.loops import Node, executed, leaves
from weft.isa.access import Access, accesses
from weft.isa.encoding import Instruction
from weft.isa.instructions import BY_NAME
from weft.isa.machine import Machine


@dataclass(frozen=True)
class Region:
    """Bytes of one memory that a task touches: exactly those of ``access``."""

    write: bool
    access: Access


def _simplified(access: Access, loops: Sequence[tuple[int, int]]) -> Access:
    """The same bytes with loops as further levels, levels from the smallest stride up, adjacent runs merged."""
    base, size = access.base, access.size
    levels = []
    for count, stride in (*access.levels, *loops):
        if count == 1 or stride == 0:
            continue
        if stride < 0:
            base += (count - 1) * stride
        levels.append((abs(stride), count))
    kept: list[tuple[int, int]] = []
    for stride, count in sorted(levels):
        if not kept and stride <= size:
            size += (count - 1) * stride
        elif kept and kept[-1][0] * kept[-1][1] == stride:
            kept[-1] = (kept[-1][0], kept[-1][1] * count)
        else:
            kept.append((stride, count))
    increments = (0,) * len(access.increments)
    return replace(access, base=base, size=size, levels=tuple((c, s) for s, c in kept), increments=increments)


def regions(machine: Machine, nodes: Sequence[Node]) -> tuple[Region, ...]:
    """What the instructions read and write, over all iterations of their loops."""
    found: dict[tuple[object, ...], Region] = {}
    for instruction, around in leaves(nodes):
        for access in accesses(machine, instruction):
            simple = _simplified(access, [(loop.count, loop.step.get(access.field, 0)) for loop in around])
            for write in (False, True):
                if access.write if write else access.read:
                    key = (write, simple.memory, simple.base, simple.levels, simple.size)
                    found[key] = Region(write, simple)
    return tuple(found.values())


@dataclass(frozen=True)
class Task:
    """Work of one unit: instructions, possibly in loops, that wait for others only before the first of them and are
    waited for only after the last. ``source`` names the graph node they come from; ``op`` is the kernel's index."""

    machine: Machine
    nodes: tuple[Node, ...]
    source: str = ""
    op: int = 0

    @property
    def first(self) -> Instruction:
        """The first instruction."""
        return next(leaves(self.nodes))[0]

    @cached_property
    def unit(self) -> str:
        """The unit that does all of it."""
        return BY_NAME[self.first.name].unit

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Everything it reads and writes."""
        return regions(self.machine, self.nodes)

    @cached_property
    def executed(self) -> int:
        """Instructions it runs."""
        return executed(self.nodes)

    def runs(self) -> Iterator[tuple[Instruction, int]]:
        """Every instruction and how often it runs."""
        for instruction, around in leaves(self.nodes):
            times = 1
            for loop in around:
                times *= loop.count
            yield instruction, times
