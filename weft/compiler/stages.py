"""A place in a pipeline, by the pass before or behind it, and what each pass did to a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from weft.base.errors import WeftError
from weft.compiler.passes.pipeline import PIPELINES, stages
from weft.framework.graph import Graph
from weft.isa.text import unknown

Selection = Callable[[Graph], Collection[int]]
"""The nodes of a graph that are looked at."""


class Stage(NamedTuple):
    """A graph on its way through the passes, and what it is called."""

    title: str
    graph: Graph


def stage(graph: Graph, pipeline: str, before: str | None = None, after: str | None = None) -> Stage:
    """The graph before or after a pass of a pipeline; as traced if neither is given.

    A pass is given by its name, which means its first run, or by the number that listings give it. Raises WeftError
    for a pass that the pipeline has not, and for both.
    """
    if before is not None and after is not None:
        raise WeftError(f"before {before} and after {after}: one graph is shown; give one of the two")
    wanted = before if before is not None else after
    if wanted is None:
        return Stage("graph", graph)
    names = PIPELINES[pipeline]
    number = _number(wanted.strip(), names)
    upto = number - 1 if before is not None else number
    for _, then in stages(graph, names[:upto]):
        graph = then
    return Stage(f"graph {'before' if before is not None else 'after'} pass {number}, {names[number - 1]}", graph)


def _number(wanted: str, names: Sequence[str]) -> int:
    if wanted in names:
        return names.index(wanted) + 1
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted)
    known = dict.fromkeys(names)
    raise WeftError(f"{unknown('pass', wanted, known)}, or a number from 1 to {len(names)}")


def summary(graph: Graph, pipeline: str, chosen: Selection) -> Iterator[str]:
    """What each pass did to the ``chosen`` nodes: with the primitives there are more or fewer of."""
    names = PIPELINES[pipeline]
    counts = _counted(graph, chosen)
    start, lines = counts.total(), []
    for number, (name, after) in enumerate(stages(graph, names), 1):
        then = _counted(after, chosen)
        lines.append(f"  pass {number}, {name}: {_change(counts, then) if after is not graph else 'changes nothing'}")
        graph, counts = after, then
    yield f"summary: {len(names)} passes, {start:,} → {counts.total():,} nodes"
    yield from lines


def _counted(graph: Graph, chosen: Selection) -> Counter[str]:
    return Counter(graph.nodes[i].op for i in chosen(graph))


def _change(before: Counter[str], after: Counter[str]) -> str:
    if before == after:
        return f"{after.total():,} nodes, of each primitive as many as before"
    changed = [f"{op} {before[op]} → {after[op]}" for op in sorted(before | after) if before[op] != after[op]]
    return f"{before.total():,} → {after.total():,} nodes; {', '.join(changed)}"
