"""Compilation for the accelerator: the passes, then the lowering."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.passes import pipeline
from compiler.targets.accel.lower import lower
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
    ``%index``, ``keep`` otherwise those of the nodes it lists. Raises CompileError.
    """
    graph = prepared(graph)
    if keep == "all":
        keep = [i for i, node in enumerate(graph.nodes) if i in graph.live and node.op not in ("input", "constant")]
    return lower(graph, machine, name, tuple(int(i) for i in keep))
