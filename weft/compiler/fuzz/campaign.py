"""Many seeds: a graph each, on every device; what was judged, what was refused and why, and what failed, shrunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.fuzz.script import script
from weft.compiler.fuzz.shrink import shrunk
from weft.compiler.fuzz.subjects import subjects
from weft.compiler.fuzz.trial import STEPS, Mismatch, judge, reason
from weft.compiler.fuzz.values import random_values
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array


@dataclass(frozen=True)
class GraphFailure:
    """A seed that failed: the problem, and the program that shows it on a minimal graph."""

    seed: int
    problem: Mismatch
    program: str


@dataclass
class Summary:
    """What a campaign found, by device."""

    graphs: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[GraphFailure] = field(default_factory=list)


def fuzz(seeds: Iterable[int], devices: tuple[str, ...] = (), *, shrink: bool = True, steps: int = STEPS) -> Summary:
    """Judge the graph of every seed on the named devices (none: all registered). Raises DeviceError."""
    summary = Summary()
    for seed in seeds:
        try_seed(seed, devices, summary, shrink, steps)
    return summary


def try_seed(seed: int, devices: tuple[str, ...], summary: Summary, shrink: bool = True, steps: int = STEPS) -> None:
    """Add what one seed gives to a summary."""
    graph = random_graph(seed)
    values = random_values(graph, seed)
    summary.graphs += 1
    for subject in subjects(devices, seed):
        verdict = judge(subject, graph, values, steps)
        if verdict.problem is not None:
            summary.failures.append(_failure(seed, graph, values, verdict.problem, shrink))
        elif verdict.refusal is not None:
            summary.refusals.setdefault(subject.name, Counter())[reason(verdict.refusal)] += 1
        else:
            summary.judged[subject.name] += 1
            summary.nodes[subject.name] += verdict.nodes


def _failure(seed: int, graph: Graph, first: dict[str, Array], problem: Mismatch, shrink: bool) -> GraphFailure:
    """From the step at which it failed on, in one step if that suffices."""
    (subject,) = subjects((problem.device,), seed)
    values, last = dict(problem.values), problem

    def fails(candidate: Graph, given: dict[str, Array]) -> bool:
        nonlocal last
        try:
            found = judge(subject, candidate, given, 1).problem
        except Exception:  # the candidate itself is no legal graph
            return False
        if found is None or found.kind != problem.kind:
            return False
        last = found
        return True

    if not fails(graph, values):
        return GraphFailure(seed, problem, script(graph, first, problem, seed, STEPS))
    steps = 1
    if shrink:
        graph, values = shrunk(graph, values, fails)
    return GraphFailure(seed, last, script(graph, values, last, seed, steps))
