"""Which loops become the epilogue of a product: elementwise work on its result, which nobody else reads.

The product then waits for the loop: all that the loop reads is there when it comes, and the product's own operands are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.compiler.passes.fusion import FusionGroup
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES

PRODUCTS = ("matmul", "conv")
"""Primitives that become products."""


@dataclass(frozen=True)
class FusedEpilogue:
    """A product and the group that finishes it.

    Attributes:
        product: its node. last: the last node of the group.
        same: the product and its reshapes, ascending, which the group reads as the product.
    """

    product: int
    last: int
    same: tuple[int, ...]


def epilogues(graph: Graph, groups: Sequence[FusionGroup]) -> list[FusedEpilogue]:
    """Every product that a group can finish; each group has at most one."""
    group_of = {i: n for n, group in enumerate(groups) for i in group.nodes}
    results = set(graph.results)
    found: list[FusedEpilogue] = []
    taken: set[int] = set()
    for i, node in enumerate(graph.nodes):
        if node.op not in PRODUCTS or i not in group_of or node.dtype.name != "float32":
            continue
        same, readers = _read_as(graph, i)
        users = {group_of[reader] for reader in readers}
        if results & same or len(users) != 1:
            continue
        (n,) = users
        members = [graph.nodes[member] for member in groups[n].nodes]
        elementwise = groups[n].space is not None and all(
            PRIMITIVES[member.op].group == "elementwise" for member in members
        )
        if n not in taken and elementwise and members[0].size == node.size:
            taken.add(n)
            found.append(FusedEpilogue(i, groups[n].nodes[-1], tuple(sorted(same))))
    return found


def _read_as(graph: Graph, i: int) -> tuple[set[int], set[int]]:
    """A node with its reshapes, and the live nodes that read any of them."""
    same, readers = {i}, set[int]()
    waiting = [i]
    while waiting:
        for user in graph.uses[waiting.pop()]:
            if user not in graph.live:
                continue
            if graph.nodes[user].op == "reshape":
                same.add(user)
                waiting.append(user)
            else:
                readers.add(user)
    return same, readers
