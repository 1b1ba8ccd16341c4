"""Rematerialisation: cheap elementwise values are computed anew where they are read, instead of being kept until then.

A forward pass leaves behind, for its backward pass, what a few operations make of another value that is left behind
anyway: the normalised form of a centred activation, the input of a ReLU beside its output. Such a value gets a copy of
those operations in each loop that reads it, is never stored, and has the very bits that it would have had. A large one
that must be stored, since a product reads it, is stored anew for a product that reads it much later.

It never costs memory: what a copy reads lives on anyway, or takes no more bytes than what it replaces.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from weft.compiler.passes.fusion import fusion_groups, index_space
from weft.framework.builder import GraphBuilder, prune
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES

SMALLEST = 1 << 15
"""Bytes of a value from which it is worth a thought: what is smaller stays in the first cache."""
LARGE = 1 << 20
"""Bytes of a value from which it may be stored twice, which costs time: what is smaller stays in the second cache."""
FAR = 16
"""How many times its own bytes are stored between a value and a reader that gets a value stored anew."""
LONGEST = 8
"""The most operations that are done again for one value."""
CHEAP = frozenset({
    "add", "sub", "mul", "neg", "maximum", "minimum", "select", "cast", "eq", "ne", "lt", "le", "and", "or", "not",
})  # fmt: skip
"""Primitives that cost less than the memory that keeps their result."""


def rematerialise(graph: Graph) -> Graph:
    """The graph with copies of cheap operations in place of values that would be kept for later loops."""
    values = _Values(graph)
    plans = values.plans()
    if not plans:
        return graph
    readers = {value: values.readers(value) for value in plans}
    builder, mapped = GraphBuilder(), dict[int, int]()
    copies: dict[tuple[int, int], int] = {}  # by the node and the group that reads it

    def add(i: int, inputs: list[int]) -> int:
        with builder.origin(graph.nodes[i].origin):
            return builder.retain(graph.nodes[i], tuple(inputs))

    def copied(value: int, group: int) -> int:
        for i in plans[value]:
            if (i, group) not in copies:
                inputs = [copies[s, group] if s in plans[value] else mapped[s] for s in graph.nodes[i].inputs]
                copies[i, group] = add(i, inputs)
        return copies[value, group]

    for i in sorted(graph.live | set(graph.inputs)):
        group = values.group_of.get(i, -1)
        inputs = [copied(s, group) if s in plans and i in readers[s] else mapped[s] for s in graph.nodes[i].inputs]
        mapped[i] = add(i, inputs)
    outputs = {name: mapped[i] for name, i in graph.outputs}
    return prune(builder.build(outputs, {name: mapped[i] for name, i in graph.updates}))


class _Values:
    """The values of a graph: which loop makes each (``group_of``), and how long it is read."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        groups = fusion_groups(graph)
        self.group_of = {i: number for number, group in enumerate(groups) for i in group.nodes}
        self.ends = [group.nodes[-1] for group in groups]
        self.stored = {i for group in groups for i in group.stored}
        self.results = set(graph.results)
        self.last = self._last_reads()
        sizes = [self._bytes(i) if i in self.stored else 0 for i in range(len(graph.nodes))]
        self.bytes_before = [0, *itertools.accumulate(sizes)]

    def plans(self) -> dict[int, tuple[int, ...]]:
        """The values that are to be computed anew, each with the nodes that do it, itself the last."""
        found: dict[int, tuple[int, ...]] = {}
        for i in sorted(self.stored):
            if self.graph.nodes[i].op in CHEAP and self._bytes(i) >= SMALLEST and self.readers(i):
                plan = self._plan(i, found)
                if plan is not None:
                    found[i] = plan
        return found

    def readers(self, i: int) -> frozenset[int]:
        """The nodes that are to read a copy of node ``i``: all in other groups if these are loops over its elements,
        else those that come much later."""
        node, group = self.graph.nodes[i], self.group_of[i]
        away = {user for user in self.graph.uses[i] if self.group_of.get(user, group) != group}
        if i not in self.results and all(index_space(self.graph, self.graph.nodes[u]) == node.shape for u in away):
            return frozenset(away)
        if self._bytes(i) < LARGE:
            return frozenset()
        return frozenset(u for u in away if self.bytes_before[u] - self.bytes_before[i] >= FAR * self._bytes(i))

    def _plan(self, value: int, known: Mapping[int, tuple[int, ...]]) -> tuple[int, ...] | None:
        """The nodes that make ``value`` of what is there anyway where it is read; None if there are none such."""
        near = [user for user in self.graph.uses[value] if user not in self.readers(value)]
        behind = max([self.ends[self.group_of[value]], *(user for user in near if user in self.graph.live)])
        made, edge, kept = {value}, [value], set[int]()
        while edge:
            for source in self.graph.nodes[edge.pop()].inputs:
                memory = self._memory(source)
                if source in made or self._is_small(memory):
                    continue
                if memory in self.stored and memory not in known and self.last[memory] > behind:
                    kept.add(memory)
                elif source == memory and self.graph.nodes[source].op in CHEAP and len(made) < LONGEST:
                    made.add(source)
                    edge.append(source)
                else:
                    return None
        end = self.last[value]
        longer = sum(self._bytes(memory) for memory in kept if self.last[memory] < end)
        return tuple(sorted(made)) if longer <= self._bytes(value) else None

    def _is_small(self, i: int) -> bool:
        """Whether a value takes next to no memory, or is there all the time."""
        return self.graph.nodes[i].op in ("input", "constant") or self._bytes(i) < SMALLEST

    def _memory(self, i: int) -> int:
        """The node whose memory holds what ``i`` shows."""
        while PRIMITIVES[self.graph.nodes[i].op].group == "movement" and len(self.graph.nodes[i].inputs) == 1:
            i = self.graph.nodes[i].inputs[0]
        return i

    def _last_reads(self) -> Mapping[int, int]:
        """By node, the last one that reads its memory."""
        last: dict[int, int] = {}
        for i in sorted(self.graph.live):
            for source in self.graph.nodes[i].inputs:
                last[self._memory(source)] = i
        return last

    def _bytes(self, i: int) -> int:
        node = self.graph.nodes[i]
        return node.size * node.dtype.itemsize
