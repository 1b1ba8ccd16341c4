"""Quantised bias: a sum of two int32 values that are dequantised by one scale is taken in int32.

    dequantise(a, s) + dequantise(b, s)  →  dequantise(a + b, s)
"""

from __future__ import annotations

from compiler.passes.scales import Scale, scale_of
from framework.builder import GraphBuilder, prune, rewrite
from framework.dtypes import int32
from framework.graph import Graph, Node
from framework.primitives.base import Shape


def quantised_bias(graph: Graph) -> Graph:
    """The graph with every such sum in integers. Equal scales must be one node (common subexpressions)."""
    return prune(rewrite(graph, _rule))


def _dequantised(builder: GraphBuilder, index: int, shape: Shape) -> tuple[int, Scale] | None:
    """The int32 value behind a node or behind the broadcast of a row, in ``shape``, and its scale there."""
    node = builder[index]
    row = node.op == "broadcast_to"
    inner = builder[node.inputs[0]] if row else node
    if inner.op != "dequantise" or builder.dtype(inner.inputs[0]) != int32:
        return None
    scale = scale_of(builder, inner.inputs[1])
    if scale is None:
        return None
    axis = None if scale.axis is None else scale.axis + len(shape) - len(inner.shape)
    value = builder.apply("broadcast_to", inner.inputs[0], shape=shape) if row else inner.inputs[0]
    return value, Scale(scale.root, axis)


def _rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op != "add":
        return None
    left, right = (_dequantised(builder, i, node.shape) for i in inputs)
    whole = next((builder[i] for i in inputs if builder[i].op == "dequantise"), None)
    if left is None or right is None or left[1] != right[1] or whole is None:
        return None
    return builder.apply("dequantise", builder.apply("add", left[0], right[0]), whole.inputs[1])
