"""Quantised products: the product of two dequantised matrices becomes an int8 product with int32 sums, dequantised.

    dequantise(a, s) · dequantise(b, t)  →  dequantise(a · b, s·t)

s is one number, t one number or one for each column of the result: then both are factors of every term of a sum.
"""

from __future__ import annotations

from weft.compiler.passes.scales import Scale, scale_of, spread, times
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import int8
from weft.framework.graph import Graph, Node


def quantised_products(graph: Graph) -> Graph:
    """The graph with every such product in integers."""
    return prune(rewrite(graph, _rule)) if "dequantise" in graph.ops else graph


def _dequantised(builder: GraphBuilder, index: int) -> tuple[int, Scale] | None:
    """The int8 matrix behind a node, and its scale."""
    node = builder[index]
    if node.op != "dequantise" or builder.dtype(node.inputs[0]) != int8:
        return None
    scale = scale_of(builder, node.inputs[1])
    return None if scale is None else (node.inputs[0], scale)


def _rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op != "matmul":
        return None
    left, right = (_dequantised(builder, i) for i in inputs)
    if left is None or right is None:
        return None
    (a, s), (b, t) = left, right
    column = len(node.shape) - (2 if node.attr("transpose_b") else 1)
    if s.axis is not None or t.axis not in (None, column):
        return None
    product = builder.apply("matmul", a, b, **{**node.attributes, "accumulate": "int32"})
    scale = Scale(times(builder, s.root, t.root), t.axis)
    return builder.apply("dequantise", product, spread(builder, scale, node.shape))
