"""Sharing: a result is written over an operand that nobody needs any more."""

from __future__ import annotations

from collections.abc import Mapping

from arena import IN_PLACE, Buffer, computed
from ir import Graph


def share(graph: Graph, ranges: Mapping[int, tuple[int, int]]) -> list[Buffer]:
    """Buffers in which values follow each other: node i writes over one of its operands wherever that is right.

    It is right if the operation is one of IN_PLACE, the operand is a computed value of the same number of bytes, and
    node i is the last to need it. If two operands allow it, either may be taken. Every computed value is in one
    buffer; a buffer is occupied from its first value's first step to its last value's last step.
    """
    # hole: in-place
    chains: list[list[int]] = []
    chain_of: dict[int, list[int]] = {}
    for i in computed(graph):
        node = graph.nodes[i]
        over = [
            source
            for source in node.inputs
            if node.op in IN_PLACE
            and source in ranges
            and ranges[source][1] == i
            and graph.nodes[source].nbytes == node.nbytes
        ]
        if over:
            chain = chain_of[over[0]]
        else:
            chain = []
            chains.append(chain)
        chain.append(i)
        chain_of[i] = chain
    return [Buffer(tuple(c), graph.nodes[c[0]].nbytes, ranges[c[0]][0], ranges[c[-1]][1]) for c in chains]
    # end hole
