"""What a graph is before it is machine code: steps in their order, where all they touch lies, and how much memory.

Steps are lowered, joined into chains, put in an order that spares memory, made to write over what dies, and given
places in one arena.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.compiler.targets.cpu.buffers import place_temporaries, update_in_place
from weft.compiler.targets.cpu.chaining import chained
from weft.compiler.targets.cpu.contents import check_contents
from weft.compiler.targets.cpu.lower import Lowered, lower
from weft.compiler.targets.cpu.memory import MemoryPlan
from weft.compiler.targets.cpu.order import ordered
from weft.framework.graph import Graph


@dataclass(frozen=True)
class StepPlan:
    """A graph as steps over memory that they share.

    Attributes:
        lowered: the steps and their buffers. memory: where temporaries lie.
        peak_bytes: all that a run needs at once: inputs, results, constants and the arena.
        buffer_count: temporaries, which share the arena. unshared_bytes: what they would take by themselves.
    """

    lowered: Lowered
    memory: MemoryPlan

    @property
    def peak_bytes(self) -> int:
        return self.memory.size + sum(slot.size for slot in self.lowered.buffers if slot.kind != "temporary")

    @property
    def buffer_count(self) -> int:
        return len(self.memory.offsets)

    @property
    def unshared_bytes(self) -> int:
        return sum(self.lowered.buffers[buffer].size for buffer in self.memory.offsets)


def plan_steps(graph: Graph, has_sgemm: bool, threads: int) -> StepPlan:
    """The plan of a graph on so many threads. Raises InternalError where a step would not read what it should."""
    single = ordered(chained(lower(graph, has_sgemm, threads), threads))
    lowered = update_in_place(single)
    memory = place_temporaries(lowered)
    check_contents(single, lowered, memory)
    return StepPlan(lowered, memory)
