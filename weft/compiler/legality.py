"""What is legal in a graph after each pass: a table of laws, checked after every pass.

A graph as it was traced obeys the rules of its primitives (``Graph.validate``). Each pass then establishes laws of its
own, which hold from there to the end of the pipeline: a pass that brings back what an earlier one took out is a defect,
found where it happens and not in what a target makes of it. What a target takes besides is its capability table; its
own levels below the graph (steps, placements, programs) are checked by ``targets/*/contents.py`` and ``isa``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from weft.compiler.passes.machine_functions import FORMS
from weft.compiler.passes.unroll import MAX_NODES, is_short
from weft.framework.errors import GraphError
from weft.framework.graph import Graph
from weft.framework.names import node_text


class Law(NamedTuple):
    """What no node may be.

    text: the law in words. ops: the primitives that it is about; None for all. forbids: tells of such a node of the
    graph whether it breaks the law.
    """

    text: str
    ops: frozenset[str] | None
    forbids: Callable[[Graph, int], bool]


def _without(text: str, *ops: str) -> Law:
    return Law(text, frozenset(ops), lambda graph, index: True)


def _is_dead(graph: Graph, index: int) -> bool:
    return index not in graph.live and graph.nodes[index].op != "input"


def _has_float32_operands(graph: Graph, index: int) -> bool:
    return all(graph.nodes[source].dtype.name == "float32" for source in graph.nodes[index].inputs)


LAWS: Mapping[str, tuple[Law, ...]] = {
    "dead_code": (Law("every node but an input is needed by a result", None, _is_dead),),
    "unroll": (
        Law(
            f"no `scan` whose turns have at most {MAX_NODES} nodes together", frozenset({"scan"}),
            lambda graph, index: is_short(graph.nodes[index]),
        ),
    ),
    "random_words": (_without("no `random_bits`", "random_bits"),),
    "machine_functions": (_without(f"no {', '.join(f'`{op}`' for op in FORMS)}", *FORMS),),
    "precision": (Law("no `matmul` of two float32 operands", frozenset({"matmul"}), _has_float32_operands),),
    "barriers": (_without("no `barrier`", "barrier"),),
}  # fmt: skip
"""Pass → what holds from there on. The other passes choose among equal graphs."""


def check(graph: Graph, passes: Iterable[str]) -> None:
    """Check ``graph``, on which these ``passes`` have run, against their laws. Raises GraphError at the first node."""
    for name in dict.fromkeys(passes):
        for law in LAWS.get(name, ()):
            if law.ops is not None and law.ops.isdisjoint(graph.ops):
                continue
            for index, node in enumerate(graph.nodes):
                if (law.ops is None or node.op in law.ops) and law.forbids(graph, index):
                    raise GraphError(f"{node_text(graph, index)}: illegal after {name}: {law.text}")
