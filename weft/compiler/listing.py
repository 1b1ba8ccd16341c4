"""What the compiler makes of a step, printed: the graph, the graph after every pass, the instructions.

Every line says which operator it belongs to, in the words of ``framework.names``; one layer, or one operator, can be
printed alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from weft.base.errors import WeftError
from weft.compiler.passes.pipeline import PIPELINES, run, stages
from weft.framework.graph import Graph, node_line
from weft.framework.names import node_name, place_of
from weft.isa.disassembler import instruction_lines
from weft.isa.program import Program
from weft.isa.text import unknown
from weft.sim.operators import OperatorRecord, operator_names, read_operators

FORMS = ("graph", "passes", "asm")
"""In the order in which the compiler makes them."""
_TARGET = "accel"


def listing(graph: Graph, compiled: Callable[[], Program], forms: Collection[str], only: str | None = None) -> str:
    """The chosen ``forms`` of a step as text.

    compiled: gives the graph's program; asked only for the form "asm". only: a layer ("layer 0", or "0"), another part
    ("cross-entropy loss"), or an operator by its name; everything if None. Raises WeftError for a form that there is
    not, and for a part that occurs in no stage.
    """
    for form in forms:
        if form not in FORMS:
            raise WeftError(unknown("form", form, FORMS))
    part = None if only is None else Part(only, graph)
    printed = {
        "graph": lambda: _graph("graph", graph, part),
        "passes": lambda: _passes(graph, part),
        "asm": lambda: _program(graph, compiled(), part),
    }
    return "\n\n".join("\n".join(printed[form]()) for form in FORMS if form in forms) + "\n"


class Part:
    """What of a step is printed: the nodes whose name begins with these words, and the inputs that those read."""

    def __init__(self, words: str, graph: Graph) -> None:
        self.given = words.strip()
        self.words = re.sub(r" #\d+$", "", self.given)  # an operator's number among those of its name
        prepared = run(graph, _TARGET)
        if not any(self._named(one, i) for one in (graph, prepared) for i in range(len(one.nodes))):
            origins = [node.origin for node in graph.nodes if node.origin and node.op != "input"]
            known = dict.fromkeys(place_of(origin)[0] for origin in origins)
            raise WeftError(unknown("part of the step called", words, known))

    def _named(self, graph: Graph, index: int) -> bool:
        if graph.nodes[index].op == "input":
            return False
        name = node_name(graph, index)
        return any(name == begin or name.startswith((f"{begin},", f"{begin}."))
                   for begin in (self.words, f"layer {self.words}"))  # fmt: skip

    def nodes(self, graph: Graph) -> set[int]:
        """Its nodes in a graph."""
        return {i for i in range(len(graph.nodes)) if self._named(graph, i)}

    def operators(self, operators: Sequence[OperatorRecord], prepared: Graph) -> set[str]:
        """The operator of just that name, else all that compute some of its nodes, whatever they are called after."""
        mine = self.nodes(prepared)
        exact = {operator.name for operator in operators if operator.name == self.given}
        return exact or {operator.name for operator in operators if mine & set(operator.nodes)}


def _graph(title: str, graph: Graph, part: Part | None) -> Iterator[str]:
    count = len(graph.nodes)
    shown = set(range(count))
    if part is not None:
        mine = part.nodes(graph)
        read = {source for i in mine for source in graph.nodes[i].inputs}
        shown = mine | {i for i in read if graph.nodes[i].op in ("input", "constant")}
    yield f"{title}: {_some(len(shown), count, 'node')}"
    for i in sorted(shown):
        yield f"  {node_line(i, graph.nodes[i])}  # {node_name(graph, i)}"
    for kind, pairs in (("output", graph.outputs), ("update", graph.updates)):
        for name, i in pairs:
            if i in shown:
                yield f"  {kind} {name} = %{i}  # {node_name(graph, i)}"


def _passes(graph: Graph, part: Part | None) -> Iterator[str]:
    for number, (name, after) in enumerate(stages(graph, PIPELINES[_TARGET]), 1):
        title = f"pass {number}, {name}"
        if after is graph:
            yield f"{title}: changes nothing"
        else:
            yield from _graph(title, after, part)
        graph = after


def _program(graph: Graph, program: Program, part: Part | None) -> Iterator[str]:
    owners = operator_names(program)
    names = {*owners} if part is None else part.operators(read_operators(program), run(graph, _TARGET))
    count = sum(owner in names for owner in owners)
    yield f"asm: {_some(count, len(owners), 'instruction')} for machine {program.machine.name}"
    for owner, line in zip(owners, instruction_lines(program, owners), strict=True):
        if owner in names:
            yield f"  {line}"


def _some(shown: int, count: int, what: str) -> str:
    """``12 of 90 nodes``."""
    return f"{f'{shown:,} of ' if shown < count else ''}{count:,} {what}{'' if count == 1 else 's'}"
