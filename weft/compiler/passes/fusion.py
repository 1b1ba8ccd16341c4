"""Fusion: which elementwise nodes are computed in one loop, decided without regard to any target.

An analysis, not a rewriting: the graph stays, and the groups say which of its nodes share a loop over one index space.
Intermediate values of a group that nobody else reads never need memory. A sum or maximum may end a group: it reads
the group's values as they are made.

A group has at most ``MAX_NODES`` nodes: the time to compile a loop grows faster than its body, while a value that goes
through memory between two such loops costs next to nothing beside what they compute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weft.framework.graph import Graph, Node
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Shape

MAX_NODES = 128
"""The most nodes of a group: more than any group of the benchmarks has."""


@dataclass(frozen=True)
class FusionGroup:
    """Nodes computed together.

    Attributes:
        nodes: indices, ascending. All are elementwise or reductions where `space` is given, else it is one node.
        space: the index space of the loop (the shape of the elementwise nodes and of the reductions' operands), or
            None for a node that is no loop over its operands' elements.
        stored: the nodes of the group whose values others read, or which are results of the graph, ascending.
    """

    nodes: tuple[int, ...]
    space: Shape | None
    stored: tuple[int, ...]


IndexSpace = Callable[[Graph, Node], Shape | None]


def index_space(graph: Graph, node: Node) -> Shape | None:
    """The shape that a fusible node loops over, or None for others."""
    if PRIMITIVES[node.op].group == "elementwise":
        return node.shape
    return graph.nodes[node.inputs[0]].shape if node.op in ("sum", "max") else None


def fusion_groups(graph: Graph, index_space: IndexSpace = index_space) -> tuple[FusionGroup, ...]:
    """All live nodes in groups, in an order in which every group comes after those it reads.

    index_space: tells which nodes a target computes in loops, and over what.

    A group takes further members until a node outside reads one of its values, or it is full. No open group can
    therefore depend on another, so that joining and merging open groups never makes a cycle. Linear in the graph.
    """
    size: dict[int, int] = {}  # of each group, by its root
    parent: dict[int, int] = {}  # disjoint sets of nodes; the root names the group
    open_groups: set[int] = set()

    def group_of(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, node in enumerate(graph.nodes):
        if i not in graph.live:
            continue
        parent[i] = i
        space = index_space(graph, node)
        joined = set()
        for source in dict.fromkeys(node.inputs):
            group = group_of(source)
            inside = space is not None and _is_made_in(graph, source, space, index_space)
            if inside and group in open_groups:
                joined.add(group)
            else:
                open_groups.discard(group)
        size[i] = 1
        # A group that closed through another operand of this very node (or a reduction's value) is not joined.
        for group in sorted(joined & open_groups, key=lambda group: (size[group], group)):
            open_groups.discard(group)
            if size[group] + size[i] <= MAX_NODES:  # else it is full, and read from memory
                parent[group] = i
                size[i] += size[group]
        if space is not None:
            open_groups.add(i)
    return _collect(graph, {i: group_of(i) for i in parent}, index_space)


def _is_made_in(graph: Graph, source: int, space: Shape, index_space: IndexSpace) -> bool:
    """Whether a loop over `space` can make a node's value, element for element."""
    node = graph.nodes[source]
    return PRIMITIVES[node.op].group == "elementwise" and index_space(graph, node) == space


def _collect(graph: Graph, group_of: dict[int, int], index_space: IndexSpace) -> tuple[FusionGroup, ...]:
    members: dict[int, list[int]] = {}
    for i, group in group_of.items():
        members.setdefault(group, []).append(i)
    results = set(graph.results)
    groups = []
    for group, nodes in sorted(members.items()):  # a group is named by its last node, after which alone it is read
        stored = [
            i for i in nodes if i in results or any(group_of.get(user, group) != group for user in graph.uses[i])
        ]
        groups.append(FusionGroup(tuple(nodes), index_space(graph, graph.nodes[nodes[0]]), tuple(stored)))
    return tuple(groups)
