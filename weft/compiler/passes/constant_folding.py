"""Constant folding: what depends on constants alone is computed now, by the primitives' reference meaning.

Only small results are folded: a broadcast or a grid of indices is cheaper to make on the device than to carry. For
the same reason an elementwise operation on broadcast scalars becomes the broadcast of one folded scalar.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft.framework.builder import GraphBuilder, constant_value, prune, rewrite
from weft.framework.graph import Graph, Node
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array
from weft.framework.reference import compute

MAX_ELEMENTS = 64
"""The largest result that is worth carrying as a constant."""

_KEPT = frozenset({"input", "constant", "iota", "broadcast_to", "result"})


def constant_folding(graph: Graph) -> Graph:
    """The graph with its constant parts evaluated, rounded to each node's dtype."""
    return prune(rewrite(graph, _fold))


def _fold(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op in _KEPT or node.further or not inputs:
        return None
    operands = [builder[i] for i in inputs]
    if node.size <= MAX_ELEMENTS and all(o.op == "constant" for o in operands):
        return builder.constant(_value(node, [constant_value(o) for o in operands]), node.dtype)
    if PRIMITIVES[node.op].group == "elementwise":
        scalars = [scalar_value(builder, i) for i in inputs]
        if node.shape and all(s is not None for s in scalars):
            value = builder.constant(_value(node, [s for s in scalars if s is not None]), node.dtype)
            return builder.apply("broadcast_to", value, shape=node.shape)
    return None


def scalar_value(builder: GraphBuilder, index: int) -> Array | None:
    """The one value, a zero-dimensional array, that every element of a node is known to have; else None."""
    node = builder[builder.unmoved(index)]
    if node.op == "constant" and node.size == 1:
        return constant_value(node).reshape(())
    return None


def _value(node: Node, operands: Sequence[Array]) -> Array:
    """The reference meaning, rounded to the node's dtype."""
    return compute(node.op, node.attributes, (node.dtype,), operands)[0]
