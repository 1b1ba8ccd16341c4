"""Dead code: nodes that no output or update depends on go; inputs stay, since they are the graph's signature."""

from __future__ import annotations

from weft.framework.builder import prune
from weft.framework.graph import Graph


def dead_code(graph: Graph) -> Graph:
    """The graph without nodes whose values nobody can see."""
    return prune(graph)
