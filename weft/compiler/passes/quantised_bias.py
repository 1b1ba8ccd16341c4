"""Quantised bias: the bias of an int8 product that is dequantised by the product's scale is added in int32.

    dequantise(a · b, s) + dequantise(bias, s)  →  dequantise(a · b + bias, s)

a · b is a product with int32 sums, bias a row that is given, repeated. Each takes at most half of the range of int32
(``framework/quantised.py``). Of other integers, such as what this rule made, a sum could overflow: they stay floats.
"""

from __future__ import annotations

from weft.compiler.passes.scales import Scale, scale_of
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import int32
from weft.framework.graph import Graph, Node


def quantised_bias(graph: Graph) -> Graph:
    """The graph with every such bias in integers. Equal scales must be one node (common subexpressions)."""
    return prune(rewrite(graph, _rule)) if "dequantise" in graph.ops else graph


def _product(builder: GraphBuilder, node: Node) -> tuple[int, Scale] | None:
    """The int32 product behind a node, and its scale."""
    if node.op != "dequantise":
        return None
    product = builder[node.inputs[0]]
    scale = scale_of(builder, node.inputs[1])
    if product.op != "matmul" or product.dtype != int32 or scale is None:
        return None
    return node.inputs[0], scale


def _bias(builder: GraphBuilder, node: Node) -> tuple[int, Scale] | None:
    """The int32 row that a node repeats, and its scale in the node's shape."""
    row = builder[node.inputs[0]] if node.op == "broadcast_to" else node
    if node.op != "broadcast_to" or row.op != "dequantise" or len(row.shape) != 1:
        return None
    given = builder[row.inputs[0]]
    scale = scale_of(builder, row.inputs[1])
    if given.op != "input" or given.dtype != int32 or scale is None:
        return None
    axis = None if scale.axis is None else scale.axis + len(node.shape) - 1
    return row.inputs[0], Scale(scale.root, axis)


def _rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op != "add":
        return None
    for left, right in (inputs, inputs[::-1]):
        product, bias = _product(builder, builder[left]), _bias(builder, builder[right])
        if product is not None and bias is not None and product[1] == bias[1]:
            rows = builder.apply("broadcast_to", bias[0], shape=node.shape)
            total = builder.apply("add", product[0], rows)
            return builder.apply("dequantise", total, builder[left].inputs[1])
    return None
