"""What random graphs hold: every primitive, and every relation of states, views and results that is to be tried."""

from __future__ import annotations

from collections import Counter

from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.fuzz.values import random_values
from weft.framework.graph import Graph
from weft.framework.lazy import COPY
from weft.framework.primitives import PRIMITIVES
from weft.framework.reference import evaluate

GRAPHS = [random_graph(seed) for seed in range(300)]


def features(graph: Graph) -> set[str]:
    """What is special about a graph, in words."""
    found: set[str] = set()
    updates = dict(graph.updates)
    states = {graph.input_names[name]: name for name in updates}
    for name, value in updates.items():
        node = graph.nodes[value]
        if value in states and states[value] != name:
            found.add("a state takes another's old value")
            if updates[states[value]] == graph.input_names[name]:
                found.add("two states are swapped")
        elif value in states:
            found.add("a state is kept")
        elif PRIMITIVES[node.op].group == "movement":
            found.add("a state takes a view")
        elif any(s in states and states[s] != name for s in node.inputs):
            found.add("an update reads another state")
        if list(updates.values()).count(value) > 1:
            found.add("two states take one value")
    for _, i in graph.outputs:
        found |= {"an output is a state"} if i in states else set()
        found |= {"an output is an update too"} if i in updates.values() else set()
    for node in graph.nodes:
        if node.op == "matmul":
            found.add(f"a product {node.attr('transpose_a')}{node.attr('transpose_b')} of {len(node.shape)} axes")
        if node.op in ("sum", "max"):
            found.add(f"{node.op} over {node.attr('axes')} of {len(graph.nodes[node.inputs[0]].shape)}")
        if node.op == "input":
            found |= {f"{node.dtype}", f"rank {len(node.shape)}", *(f"extent {n}" for n in node.shape)}
    return found


def test_every_primitive_and_every_relation_occurs_often() -> None:
    assert {node.op for graph in GRAPHS for node in graph.nodes} == set(PRIMITIVES) - {COPY}
    seen = Counter(feature for graph in GRAPHS for feature in features(graph))
    often = [
        "a state takes another's old value", "two states are swapped", "a state is kept", "a state takes a view",
        "an update reads another state", "two states take one value", "an output is a state",
        "an output is an update too", *(f"a product {a}{b} of 2 axes" for a in (True, False) for b in (True, False)),
        "sum over (0,) of 2", "sum over (1,) of 2", "sum over (0, 1) of 2", "max over (1,) of 2", "sum over (0,) of 1",
        "float32", "bfloat16", "int32", "bool", "int8", *(f"rank {n}" for n in range(4)),
        *(f"extent {n}" for n in (1, 7, 8, 9, 16, 17, 33, 70)),
    ]  # fmt: skip
    assert {feature: seen[feature] for feature in often if seen[feature] < 3} == {}


def test_graphs_are_legal_and_the_same_in_every_run() -> None:
    for seed, graph in enumerate(GRAPHS[:100]):
        graph.validate()
        assert graph.digest() == random_graph(seed).digest()
        values = random_values(graph, seed)
        assert len(evaluate(graph, values)) == len(graph.nodes)
        for name, value in values.items():
            assert value.tobytes() == random_values(graph, seed)[name].tobytes()
