"""Compound expressions: work that has been done before, with other values, as one expression of several results.

The gradients of a history, the update of an optimiser and what a function makes of its operands (``remembering.py``)
are worked out once for each structure; what was appended then is a graph, and is an expression from then on. What a
gradient goes through can be opened: it consists of expressions again for those who look between them.
"""

from __future__ import annotations

import weakref
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

from weft.framework.builder import plain_attributes, with_inputs
from weft.framework.device import Device
from weft.framework.graph import Graph, Node
from weft.framework.lazy import CLOCK, COMPOUND, LOCK, Expr, common_device
from weft.framework.operations import Operation, of_type, value_type
from weft.framework.primitives.base import Types


class Step(NamedTuple):
    """One expression of a compound. inputs: their numbers, among the compound's own inputs and the steps before."""

    operation: Operation
    inputs: tuple[int, ...]
    requires_grad: bool
    keeps_result: bool


def opened(e: Expr) -> list[Expr]:
    """The expressions that a compound consists of, in order; the last one is its value."""
    with LOCK:
        found = _OPENED.get(e)
        if found is None:
            made, steps = list(e.inputs), e.attrs[1][1]
            for step in steps:
                inputs = tuple([made[k] for k in step.inputs])
                one = Expr(step.operation, inputs, None, e.device, step.requires_grad, None, e.trace, e.where)
                one.made = e.made - 1 + (len(made) + 1) / (len(e.inputs) + len(steps) + 2)  # in order, before ``e``
                one.keeps_result = step.keeps_result
                made.append(one)
            found = _OPENED[e] = made[len(e.inputs) :]
        return found


_OPENED: weakref.WeakKeyDictionary[Expr, list[Expr]] = weakref.WeakKeyDictionary()


class Compound:
    """Nodes to be applied to expressions that stand in the places ``outside`` of some of them.

    wanted: the nodes whose values are given, among those outside or not. size: how many nodes are appended.
    """

    def __init__(self, nodes: Sequence[Node], outside: Sequence[int], wanted: Sequence[int]) -> None:
        place = {i: k for k, i in enumerate(outside)}
        read, inner = _behind(nodes, place, wanted)
        self._read = [place[i] for i in read]
        mapped = {i: k for k, i in enumerate((*read, *inner))}
        results = [i for i in dict.fromkeys(wanted) if i not in place]
        graph = Graph(
            (
                *(_input(nodes[i], k) for k, i in enumerate(read)),
                *(with_inputs(nodes[i], tuple([mapped[j] for j in nodes[i].inputs])) for i in inner),
            ),
            tuple((f"y{k}", mapped[i]) for k, i in enumerate(results)),
        )
        self.size = len(inner)
        types: Types = tuple((nodes[i].shape, nodes[i].dtype) for i in results)
        self._whole = Operation(COMPOUND, (("graph", graph),), value_type(*types[0], types[1:])) if types else None
        self._results = [
            (of_type("result", value_type(*kind), (("index", k),)), nodes[i].origin)
            for k, (i, kind) in enumerate(zip(results, types, strict=True))
        ]
        number = {i: k for k, i in enumerate(results)}
        self._wanted = [(place.get(i, -1), number.get(i)) for i in wanted]

    def apply(self, expressions: Sequence[Expr], home: Device | None = None) -> list[Expr]:
        """The wanted values, of these expressions. home: the device of what is computed from none of them."""
        made: list[Expr] = []
        if self._whole is not None:
            inputs = tuple([expressions[i] for i in self._read])
            CLOCK.now += self.size
            device = common_device("backward", inputs) or home
            made = whole = [Expr(self._whole, inputs, None, device, where=self._results[0][1])]
            if len(self._results) > 1:
                made = [Expr(result, (*whole,), None, device, where=where) for result, where in self._results]
        return [expressions[i] if k is None else made[k] for i, k in self._wanted]


def _behind(nodes: Sequence[Node], outside: Container[int], wanted: Sequence[int]) -> tuple[list[int], list[int]]:
    """The nodes outside that ``wanted`` read, and those inside that they consist of, in order."""
    found: set[int] = set()
    stack = [i for i in wanted if i not in outside]
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack.extend(() if i in outside else nodes[i].inputs)
    order = sorted(found)
    return [i for i in order if i in outside], [i for i in order if i not in outside]


def constant_node(e: Expr) -> Node:
    """A known number as a node."""
    value: Any = e.value
    attrs = {"value": value.tobytes(), "shape": (), "dtype": e.dtype.name}
    return Node("constant", (), plain_attributes(attrs), (), e.dtype)


def _input(node: Node, number: int) -> Node:
    attrs = {"name": f"x{number}", "kind": "input", "shape": node.shape, "dtype": node.dtype.name}
    return Node("input", (), plain_attributes(attrs), node.shape, node.dtype)
