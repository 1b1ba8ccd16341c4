"""Precision: products of float32 matrices become products of bfloat16 ones, summed in float32.

The rounding is in the graph: afterwards every target computes the same products. Operands that were widened from
bfloat16 are taken as they were, and a value that several products read is rounded once.
"""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import bfloat16, float32
from weft.framework.graph import Graph, Node


def precision(graph: Graph) -> Graph:
    """The graph with a cast to bfloat16 before each operand of each float32 matrix product."""
    rounded: dict[int, int] = {}

    def narrow(builder: GraphBuilder, index: int) -> int:
        source = builder[index]
        if source.op == "cast" and builder.dtype(source.inputs[0]) == bfloat16:
            return source.inputs[0]
        if index not in rounded:
            rounded[index] = builder.apply("cast", index, dtype="bfloat16")
        return rounded[index]

    def rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        if node.op != "matmul" or any(builder.dtype(i) != float32 for i in inputs):
            return None
        return builder.copy(node, [narrow(builder, i) for i in inputs])

    return prune(rewrite(graph, rule))
