"""What the compiler makes of a step, printed: the graph, what each pass does, the graph after it, and what runs.

Every line says which operator it belongs to, in the words of ``framework.names``; one layer, or one operator, can be
printed alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

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

if TYPE_CHECKING:
    from weft.compiler.targets.cpu.plan import StepPlan

FORMS: Mapping[str, tuple[str, ...]] = {
    "accel": ("graph", "summary", "passes", "asm"), "cpu": ("graph", "summary", "passes", "kernels"),
}  # fmt: skip
"""Of each target, in the order in which the compiler makes them."""
Lowered = Callable[[], "Program | StepPlan"]
"""Gives what a graph is on its target: a program of the accelerator, or the steps of the CPU."""


def check_forms(forms: Collection[str], target: str) -> None:
    """Raise WeftError for a form that there is not, or not for this target."""
    for form in forms:
        if form in FORMS[target]:
            continue
        other = next((name for name, known in FORMS.items() if form in known), None)
        if other is None:
            raise WeftError(unknown("form", form, FORMS[target]))
        raise WeftError(f"form '{form}' is of --device {other}; for {target} there are: {', '.join(FORMS[target])}")


def listing(
    graph: Graph,
    lowered: Lowered,
    forms: Collection[str],
    only: str | None = None,
    before: str | None = None,
    after: str | None = None,
    target: str = "accel",
) -> str:
    """The chosen ``forms`` of a step as text.

    lowered: gives what the graph is on the target; asked only for what shows it. only: a layer ("layer 0", or "0"),
    another part ("cross-entropy loss"), or an operator by its name; everything if None. before, after: a pass, by
    name or number; the form "graph" is the graph there. Raises WeftError for a form or pass that there is not, and for
    a part that occurs in no stage.
    """
    check_forms(forms, target)
    part = None if only is None else Part(only, graph, target)
    there = stage(graph, target, before, after)
    printed = {
        "graph": lambda: _graph(there, part),
        "summary": lambda: _summary(graph, lowered, part, target),
        "passes": lambda: _passes(graph, part, target),
        "asm": lambda: _program(graph, cast("Program", lowered()), part),
        "kernels": lambda: _kernels(graph, cast("StepPlan", lowered()), part),
    }
    return "\n\n".join("\n".join(printed[form]()) for form in FORMS[target] if form in forms) + "\n"


def drawing(
    graph: Graph, only: str | None = None, before: str | None = None, after: str | None = None, target: str = "accel"
) -> str:
    """The graph, or a part of it, at the place that ``listing`` prints, as an SVG document. Raises WeftError."""
    there = stage(graph, target, before, after)
    if only is None:
        return svg(there.graph, there.title)
    return svg(there.graph, f"{there.title}: {only.strip()}", Part(only, graph, target).shown(there.graph))


def _everything(graph: Graph) -> range:
    return range(len(graph.nodes))


class Part:
    """What of a step is printed: the nodes whose name begins with these words, and the inputs that those read."""

    def __init__(self, words: str, graph: Graph, target: str) -> None:
        self.given = words.strip()
        self.words = re.sub(r" #\d+$", "", self.given)  # an operator's number among those of its name
        prepared = run(graph, target)
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


def _summary(graph: Graph, lowered: Lowered, part: Part | None, target: str) -> Iterator[str]:
    yield from summary(graph, target, _everything if part is None else part.nodes)
    if target == "cpu":
        from weft.compiler.targets.cpu.listing import memory_line

        yield memory_line(cast("StepPlan", lowered()))


def _kernels(graph: Graph, plan: StepPlan, part: Part | None) -> Iterator[str]:
    from weft.compiler.targets.cpu.listing import kernel_lines

    prepared = run(graph, "cpu")
    yield from kernel_lines(prepared, plan, (_everything if part is None else part.nodes)(prepared))


def _passes(graph: Graph, part: Part | None, target: str) -> Iterator[str]:
    for number, (name, after) in enumerate(stages(graph, PIPELINES[target]), 1):
        title = f"pass {number}, {name}"
        if after is graph:
            yield f"{title}: changes nothing"
        else:
            yield from _graph(Stage(title, after), part)
        graph = after


def _program(graph: Graph, program: Program, part: Part | None) -> Iterator[str]:
    owners = operator_names(program)
    names = {*owners} if part is None else part.operators(read_operators(program), run(graph, "accel"))
    count = sum(owner in names for owner in owners)
    yield f"asm: {_some(count, len(owners), 'instruction')} for machine {program.machine.name}"
    for owner, line in zip(owners, instruction_lines(program, owners), strict=True):
        if owner in names:
            yield f"  {line}"


def _some(shown: int, count: int, what: str) -> str:
    """``12 of 90 nodes``."""
    return f"{f'{shown:,} of ' if shown < count else ''}{count:,} {what}{'' if count == 1 else 's'}"
