"""What the compiler makes of a step, printed: the graph, what each pass does, the graph after it, the instructions.

Every line says which operator it belongs to, in the words of ``framework.names``; one layer, or one operator, can be
printed alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from weft.base.errors import WeftError
from weft.compiler.drawing import svg
from weft.compiler.passes.pipeline import PIPELINES, run, stages
from weft.compiler.stages import Stage, stage, summary
from weft.framework.graph import Graph, node_line
from weft.framework.names import node_name, place_of
from weft.isa.disassembler import instruction_lines
from weft.isa.program import Program
from weft.isa.text import unknown
from weft.sim.operators import OperatorRecord, operator_names, read_operators

FORMS = ("graph", "summary", "passes", "asm")
"""In the order in which the compiler makes them."""
_TARGET = "accel"


def listing(
    graph: Graph,
    compiled: Callable[[], Program],
    forms: Collection[str],
    only: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> str:
    """The chosen ``forms`` of a step as text.

    compiled: gives the graph's program; asked only for the form "asm". only: a layer ("layer 0", or "0"), another part
    ("cross-entropy loss"), or an operator by its name; everything if None. before, after: a pass, by
    name or number; the form "graph" is the graph there. Raises WeftError for a form or pass that there is not, and for
    a part that occurs in no stage.
    """
    for form in forms:
        if form not in FORMS:
            raise WeftError(unknown("form", form, FORMS))
    part = None if only is None else Part(only, graph)
    chosen = _everything if part is None else part.nodes
    there = stage(graph, _TARGET, before, after)
    printed = {
        "graph": lambda: _graph(there, part),
        "summary": lambda: summary(graph, _TARGET, chosen),
        "passes": lambda: _passes(graph, part),
        "asm": lambda: _program(graph, compiled(), part),
    }
    return "\n\n".join("\n".join(printed[form]()) for form in FORMS if form in forms) + "\n"


def drawing(graph: Graph, only: str | None = None, before: str | None = None, after: str | None = None) -> str:
    """The graph, or a part of it, at the place that ``listing`` prints, as an SVG document. Raises WeftError."""
    there = stage(graph, _TARGET, before, after)
    if only is None:
        return svg(there.graph, there.title)
    return svg(there.graph, f"{there.title}: {only.strip()}", Part(only, graph).shown(there.graph))


def _everything(graph: Graph) -> range:
    return range(len(graph.nodes))


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

    def shown(self, graph: Graph) -> set[int]:
        """Its nodes, and the inputs and constants that those read."""
        mine = self.nodes(graph)
        read = {source for i in mine for source in graph.nodes[i].inputs}
        return mine | {i for i in read if graph.nodes[i].op in ("input", "constant")}

    def operators(self, operators: Sequence[OperatorRecord], prepared: Graph) -> set[str]:
        """The operator of just that name, else all that compute some of its nodes, whatever they are called after."""
        mine = self.nodes(prepared)
        exact = {operator.name for operator in operators if operator.name == self.given}
        return exact or {operator.name for operator in operators if mine & set(operator.nodes)}


def _graph(there: Stage, part: Part | None) -> Iterator[str]:
    title, graph = there
    count = len(graph.nodes)
    shown = set(range(count)) if part is None else part.shown(graph)
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
            yield from _graph(Stage(title, after), part)
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
