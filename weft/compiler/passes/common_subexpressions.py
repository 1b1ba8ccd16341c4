"""Common subexpressions: nodes that compute the same value become one, the first of them."""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.graph import Graph, Node

COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "eq", "ne", "and", "or"})
"""Primitives whose operands may be exchanged without changing a bit of the result."""


def common_subexpressions(graph: Graph) -> Graph:
    """The graph with one node for each distinct (primitive, inputs, attributes), but every barrier."""
    seen: dict[tuple[str, tuple[int, ...], str], int] = {}

    def rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        if node.op in ("input", "barrier"):
            return None
        ordered = tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs
        # By text, because 0 == False and 0.0 == -0.0 are equal as Python values but are other attributes.
        key = node.op, ordered, repr(node.attrs)
        if key in seen:
            return seen[key]
        seen[key] = len(builder)  # where it is copied to
        return None

    return prune(rewrite(graph, rule))
