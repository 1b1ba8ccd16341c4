"""Liveness: from when to when each value is needed, and how much memory that takes at least."""

from __future__ import annotations

from collections.abc import Sequence

from arena import Buffer, computed
from ir import Graph


def live_ranges(graph: Graph) -> dict[int, tuple[int, int]]:
    """For every computed value the first and the last step in which its memory is occupied.

    Node i runs in step i: it reads its operands and writes its result in this step. So value i is occupied from step
    i to the step of its last reader, *both included*. A value without a reader is occupied in its own step. An
    output is wanted after the last node has run: its last step is len(graph.nodes).
    """
    # hole: live-ranges
    last: dict[int, int] = {i: i for i in computed(graph)}
    for step, node in enumerate(graph.nodes):
        for source in node.inputs:
            if source in last:
                last[source] = step
    for output in graph.outputs:
        if output in last:
            last[output] = len(graph.nodes)
    return {i: (i, end) for i, end in last.items()}
    # end hole


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are occupied in any one step: no plan can need less. 0 for no buffers."""
    # hole: bound
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + buffer.size
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - buffer.size
    now = most = 0
    for step in sorted(change):
        now += change[step]
        most = max(most, now)
    return most
    # end hole
