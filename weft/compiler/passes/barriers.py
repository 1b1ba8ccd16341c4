"""Barriers: taken out again, once nothing behind them can be merged any more with what is in front of them."""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.graph import Graph, Node


def barriers(graph: Graph) -> Graph:
    """The graph with what each ``barrier`` reads in its place: the last pass, for no target has to know them."""

    def rule(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        return inputs[0] if node.op == "barrier" else None

    return prune(rewrite(graph, rule)) if "barrier" in graph.ops else graph
