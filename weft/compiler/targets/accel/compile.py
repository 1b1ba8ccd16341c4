"""Compilation for the accelerator: the passes, then the lowering."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from weft.compiler.errors import failing_at
from weft.compiler.passes import pipeline
from weft.compiler.targets.accel.lower import LoweringOptions, lower
from weft.compiler.targets.accel.views import is_view
from weft.framework.graph import Graph
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.sim.fast.plan import timing


def prepared(graph: Graph) -> Graph:
    """The graph that is lowered: after the target's passes, precision among them."""
    return pipeline.run(graph, "accel")


CHOICES = tuple(LoweringOptions(share, recent) for share in (0.5, 0.25) for recent in (4, 2))
"""What ``tune`` tries; the first is the default."""
_LONGEST_TUNED = 4000


def compile(
    graph: Graph, machine: Machine, *, name: str = "graph", keep: Iterable[int] | str = (), tune: bool = False
) -> Program:
    """A program that computes ``graph`` on ``machine``. Raises CompileError.

    Buffers: every input and state by its name, every output by its name; an updated state is rewritten in place. A bool
    is an int8 of -1 or 0. ``meta``: the graph's name and digest, useful multiply-accumulates, operators, on-chip lives.

    keep: "all" makes the value of every node of ``prepared(graph)`` an output called ``%index`` (those that merely read
        others in another way excepted); otherwise the nodes whose values do.
    tune: try several ways of lowering and keep the one that the exact timing finds fastest (programs of more than 4,000
        instructions excepted).
    """
    with failing_at(lambda: f"{name} of {len(graph.nodes)} nodes"):
        return _compile(graph, machine, name, keep, tune)


def _compile(graph: Graph, machine: Machine, name: str, keep: Iterable[int] | str, tune: bool) -> Program:
    digest, graph = graph.digest(), prepared(graph)
    if keep == "all":
        keep = observable(graph)
    kept = tuple(int(i) for i in keep)
    best = lower(graph, machine, name, kept, CHOICES[0])
    if tune and len(best.instructions) <= _LONGEST_TUNED:
        rivals = [best, *(lower(graph, machine, name, kept, choice) for choice in CHOICES[1:])]
        best = min(rivals, key=lambda program: timing(program).cycles)
    return dataclasses.replace(best, meta={**best.meta, "graph": digest})


def observable(graph: Graph) -> list[int]:
    """The live nodes of a prepared graph that are computed. Raises CompileError."""
    return [i for i in range(len(graph.nodes)) if i in graph.live and _computes(graph, i)]


def _computes(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    return node.op not in ("input", "constant") and not (node.op == "permute" and len(node.shape) == 2) and not is_view(
        graph, index
    )
