"""Smaller graphs that still fail: results left out, nodes replaced by inputs or operands, values made plain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from weft.framework.builder import GraphBuilder, prune
from weft.framework.graph import Graph, Node
from weft.framework.primitives.base import Array
from weft.framework.reference import evaluate

Case = tuple[Graph, dict[str, Array]]


def shrunk(graph: Graph, values: Mapping[str, Array], fails: Callable[[Graph, dict[str, Array]], bool],
           tries: int = 150) -> Case:  # fmt: skip
    """The smallest graph found for which ``fails(graph, values)`` still holds, after at most ``tries`` questions."""
    case: Case = graph, dict(values)
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for candidate in _smaller(*case):
            left -= 1
            if left < 0:
                break
            if fails(*candidate):
                case, progress = candidate, True
                break
    return case


def _smaller(graph: Graph, values: dict[str, Array]) -> Iterator[Case]:
    """Candidates, those that leave most away first."""
    results = [("outputs", r) for r in graph.outputs] + [("updates", r) for r in graph.updates]
    if len(results) > 1:
        for kind, pair in results:  # one alone
            yield _tidy(Graph(graph.nodes, *(((pair,), ()) if kind == "outputs" else ((), (pair,)))), values)
        for kind, pair in results:  # all but one
            rest = tuple(r for r in getattr(graph, kind) if r != pair)
            kept = (rest, graph.updates) if kind == "outputs" else (graph.outputs, rest)
            yield _tidy(Graph(graph.nodes, *kept), values)
    known = evaluate(graph, values)
    for index in reversed(range(len(graph.nodes))):
        node = graph.nodes[index]
        if node.op == "input" or node.further or index not in graph.live:
            continue
        if node.inputs:
            yield _cut(graph, values, index, known[index])
        for source in dict.fromkeys(node.inputs):
            other = graph.nodes[source]
            if (other.shape, other.dtype, other.further) == (node.shape, node.dtype, ()):
                yield _bypassed(graph, values, index, source)
    for name, value in values.items():
        plain = np.arange(value.size).reshape(value.shape) % 7 - 3
        if value.size and name in graph.input_names and not np.array_equal(value, plain.astype(value.dtype)):
            yield graph, values | {name: plain.astype(value.dtype)}


def _tidy(graph: Graph, values: dict[str, Array]) -> Case:
    """Without what no result needs, inputs included."""
    wanted = graph.live | {graph.input_names[name] for name, _ in graph.updates}
    b, mapped = GraphBuilder(), dict[int, int]()
    for index, node in enumerate(graph.nodes):
        if index in wanted:
            mapped[index] = b.copy(node, [mapped[i] for i in node.inputs])
    outputs = {name: mapped[i] for name, i in graph.outputs}
    made = b.build(outputs, {name: mapped[i] for name, i in graph.updates})
    return made, {name: values[name] for name in made.input_names}


def _cut(graph: Graph, values: dict[str, Array], index: int, value: Array) -> Case:
    """With a node become an input of the value that it had."""
    name = f"cut{index}"
    while name in graph.input_names:
        name += "_"
    node = graph.nodes[index]
    attributes = tuple(sorted({"name": name, "kind": "input", "shape": node.shape, "dtype": node.dtype.name}.items()))
    nodes = list(graph.nodes)
    nodes[index] = Node("input", (), attributes, node.shape, node.dtype)
    return _tidy(prune(replace(graph, nodes=tuple(nodes))), values | {name: value})


def _bypassed(graph: Graph, values: dict[str, Array], index: int, source: int) -> Case:
    """With an operand in the place of a node."""
    nodes = [replace(n, inputs=tuple(source if i == index else i for i in n.inputs)) for n in graph.nodes]
    outputs = tuple((name, source if i == index else i) for name, i in graph.outputs)
    updates = tuple((name, source if i == index else i) for name, i in graph.updates)
    return _tidy(Graph(tuple(nodes), outputs, updates), values)
