"""Requantisation: int32 sums that are dequantised and quantised again are multiplied once, by one row of factors.

    quantise(max(dequantise(a, s), 0), m)  →  quantise(max(float32(a), 0), s·m)

with or without the maximum, which commutes with s because scales are positive.
"""

from __future__ import annotations

from weft.compiler.passes.constant_folding import scalar_value
from weft.compiler.passes.scales import Scale, scale_of, spread, times
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import int32
from weft.framework.graph import Graph, Node


def requantise(graph: Graph) -> Graph:
    """The graph without a detour through dequantised values between two integer layers."""
    return prune(rewrite(graph, _rule)) if "quantise" in graph.ops else graph


def _rectified(builder: GraphBuilder, index: int) -> int | None:
    """x of max(x, 0), else None."""
    node = builder[index]
    if node.op == "maximum":
        for x, zero in (node.inputs, node.inputs[::-1]):
            value = scalar_value(builder, zero)
            if value is not None and float(value) == 0:
                return x
    return None


def _rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op != "quantise":
        return None
    rectified = _rectified(builder, inputs[0])
    inner = builder[inputs[0] if rectified is None else rectified]
    if inner.op != "dequantise" or builder.dtype(inner.inputs[0]) != int32:
        return None
    scale, multiplier = scale_of(builder, inner.inputs[1]), scale_of(builder, inputs[1])
    if scale is None or multiplier is None or multiplier.axis is not None:
        return None
    if scale.axis not in (None, len(node.shape) - 1):
        return None
    value = builder.apply("cast", inner.inputs[0], dtype="float32")
    if rectified is not None:
        value = builder.apply("maximum", value, builder.full(0, like=value))
    factor = Scale(times(builder, multiplier.root, scale.root), scale.axis)
    return builder.apply("quantise", value, spread(builder, factor, node.shape))
