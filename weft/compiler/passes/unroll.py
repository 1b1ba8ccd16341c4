"""Unrolling: a scan of few turns becomes its turns, one after the other, which other passes and targets see into."""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, inline, prune
from weft.framework.graph import Graph, Node
from weft.framework.primitives.control import body, turns

MAX_NODES = 4096
"""The most nodes that one scan is unrolled to."""


def unroll(graph: Graph) -> Graph:
    """The graph without the scans whose turns have at most ``MAX_NODES`` nodes together."""
    while any(is_short(node) for node in graph.nodes):
        graph = _unrolled(graph)  # a body may hold further ones
    return graph


def is_short(node: Node) -> bool:
    """Whether a node is a scan that is unrolled."""
    return node.op == "scan" and len(body(node.attributes, "body").nodes) * node.attr("length") <= MAX_NODES


def _unrolled(graph: Graph) -> Graph:
    builder, mapped = GraphBuilder(), dict[int, int]()
    several: dict[int, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        inputs = tuple([mapped[source] for source in node.inputs if source not in several])
        with builder.origin(node.origin):
            if is_short(node):
                several[i] = _turned(builder, node, inputs)
                if not node.further:
                    (mapped[i],) = several.pop(i)
            elif node.op == "result" and node.inputs[0] in several:
                mapped[i] = several[node.inputs[0]][node.attr("index")]
            else:
                mapped[i] = builder.retain(node, inputs)
    outputs = {name: mapped[i] for name, i in graph.outputs}
    return prune(builder.build(outputs, {name: mapped[i] for name, i in graph.updates}))


def _turned(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> list[int]:
    """Append all turns of a scan; its results."""
    attrs = node.attributes
    graph, count, last = body(attrs, "body"), attrs["carries"], attrs["carries"] + attrs["stacked"]
    carried, stacked, fixed = list(inputs[:count]), inputs[count:last], inputs[last:]
    rows: dict[int, list[int]] = {}
    for t in turns(attrs):
        values = inline(builder, graph, [*carried, *(_row(builder, x, t) for x in stacked), *fixed])
        carried, rows[t] = values[:count], values[count:]
    made = [[rows[t][k] for t in range(attrs["length"])] for k in range(len(graph.outputs) - count)]
    return [*carried, *(_stack(builder, parts) for parts in made)]


def _row(builder: GraphBuilder, x: int, t: int) -> int:
    shape = builder.shape(x)
    starts, stops = (t, *(0,) * (len(shape) - 1)), (t + 1, *shape[1:])
    row = builder.apply("slice", x, starts=starts, stops=stops, steps=(1,) * len(shape))
    return builder.apply("reshape", row, shape=shape[1:])


def _stack(builder: GraphBuilder, parts: list[int]) -> int:
    rows = [builder.apply("reshape", part, shape=(1, *builder.shape(part))) for part in parts]
    return builder.apply("concatenate", *rows, axis=0)
