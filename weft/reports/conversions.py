"""A change of a graph: values that are only converted before use are kept in that type by whoever makes them."""

from __future__ import annotations

from collections.abc import Sequence

from weft.framework.graph import Graph, Node


def of_inputs(graph: Graph, nodes: Sequence[int]) -> dict[str, list[int]]:
    """Those of ``nodes`` that convert an input of the graph, by the input's kind: "input" or "state"."""
    found: dict[str, list[int]] = {}
    for index in nodes:
        if graph.nodes[index].op == "cast":
            source = graph.nodes[graph.nodes[index].inputs[0]]
            if source.op == "input":
                found.setdefault(source.attr("kind"), []).append(index)
    return found


def converted_where_made(graph: Graph, casts: Sequence[int]) -> Graph:
    """The graph in which each of ``casts``, nodes that convert an input, is an input itself, called ``NAME as TYPE``;
    what updates a state updates its converted copy too. It computes the same, given converted inputs."""
    nodes, updates = list(graph.nodes), list(graph.updates)
    for index in casts:
        cast, source = nodes[index], nodes[nodes[index].inputs[0]]
        name = f"{source.attr('name')} as {cast.dtype.name}"
        kept = {**source.attributes, "name": name, "dtype": cast.dtype.name}
        nodes[index] = Node("input", (), tuple(sorted(kept.items())), cast.shape, cast.dtype, cast.origin)
        for state, value in graph.updates:
            if state == source.attr("name"):
                updates.append((name, len(nodes)))
                nodes.append(Node("cast", (value,), cast.attrs, cast.shape, cast.dtype, cast.origin))
    changed = Graph(tuple(nodes), graph.outputs, tuple(updates))
    changed.validate()
    return changed
