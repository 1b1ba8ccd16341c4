"""Compilation for the accelerator: the passes, then the lowering."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.passes import pipeline
from compiler.targets.accel.lower import lower
from compiler.targets.accel.views import is_view
from framework.graph import Graph
from isa.machine import Machine
from isa.program import Program


def prepared(graph: Graph) -> Graph:
    """The graph that is lowered: after the target's passes, precision among them."""
    return pipeline.run(graph, "accel")


def compile(graph: Graph, machine: Machine, *, name: str = "graph", keep: Iterable[int] | str = ()) -> Program:
    """A program that computes ``graph`` on ``machine``.

    Buffers: every input and state by its name, every output by its name; an updated state is rewritten in place. A bool
    is an int8 of -1 or 0. ``keep="all"`` makes the value of every node of ``prepared(graph)`` an output called
    ``%index`` (those that merely read others in another way excepted), ``keep`` otherwise those of the nodes it lists. Raises CompileError.
    """
    graph = prepared(graph)
    if keep == "all":
        keep = [i for i in range(len(graph.nodes)) if i in graph.live and _computes(graph, i)]
    return lower(graph, machine, name, tuple(int(i) for i in keep))


def _computes(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    return node.op not in ("input", "constant") and not (node.op == "permute" and len(node.shape) == 2) and not is_view(
        graph, index
    )
