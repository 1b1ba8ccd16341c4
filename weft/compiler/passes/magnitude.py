"""How large the elements of a node can be: an upper bound of |value|, infinity where nothing is known.

An analysis, not a rewriting. It holds for every element that is finite: an infinity may come out of infinite operands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from weft.framework.builder import constant_value
from weft.framework.graph import Node
from weft.framework.primitives import PRIMITIVES

_DEPTH = 24
"""How far behind a node its bound is looked for."""

_OF_TYPE = {"bool": 1.0, "int8": 128.0}
_ROUNDED = 1 + 2.0**-7
"""Rounding to float32 or bfloat16, and a function's error, make no magnitude grow by more."""


class Magnitudes:
    """The bounds of a graph's nodes, each looked for once."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self._known: dict[int, float] = {}

    def of(self, index: int, depth: int = _DEPTH) -> float:
        """The bound of node ``index``."""
        if index not in self._known:
            self._known[index] = self._find(self.nodes[index], depth)
        return self._known[index]

    def _find(self, node: Node, depth: int) -> float:
        if node.dtype.name in _OF_TYPE:
            return _OF_TYPE[node.dtype.name]
        if node.op == "constant":
            return float(np.max(np.abs(constant_value(node).astype(np.float64)), initial=0.0))
        if node.op not in _RULES or depth == 0:
            return math.inf
        found = _RULES[node.op](self, node, depth - 1) * _ROUNDED
        return math.inf if math.isnan(found) else found


_Rule = Callable[[Magnitudes, Node, int], float]


def _of_operands(join: Callable[..., float], first: int = 0) -> _Rule:
    return lambda m, node, depth: join(*(m.of(i, depth) for i in node.inputs[first:]))


def _at_most(bound: float) -> _Rule:
    return lambda m, node, depth: bound


def _exp(m: Magnitudes, node: Node, depth: int) -> float:
    return 1.0 if _not_positive(m.nodes, node.inputs[0]) else math.inf


def _not_positive(nodes: Sequence[Node], index: int) -> bool:
    """Whether a node is -|x|, or x less the largest element of x along some axes."""
    node = nodes[index]
    if node.op == "neg":
        return nodes[node.inputs[0]].op == "abs"
    if node.op != "sub":
        return False
    value, taken = node.inputs
    while nodes[taken].op in ("broadcast_to", "reshape"):
        taken = nodes[taken].inputs[0]
    return nodes[taken].op == "max" and nodes[taken].inputs[0] == value


def _reciprocal(m: Magnitudes, node: Node, depth: int) -> float:
    """1 of 1 + exp(x), as a sigmoid is written out."""
    (x,) = node.inputs
    if m.nodes[x].op != "add":
        return math.inf
    a, b = m.nodes[x].inputs
    for one, grown in ((a, b), (b, a)):
        while m.nodes[one].op in ("broadcast_to", "reshape"):
            one = m.nodes[one].inputs[0]
        if m.nodes[grown].op == "exp" and m.nodes[one].op == "constant":
            return 1.0 if bool(np.all(constant_value(m.nodes[one]).astype(np.float64) >= 1)) else math.inf
    return math.inf


def _sum(m: Magnitudes, node: Node, depth: int) -> float:
    (x,) = node.inputs
    return m.nodes[x].size / max(1, node.size) * m.of(x, depth)


_RULES: Mapping[str, _Rule] = {
    **{op: _of_operands(lambda x: x) for op in ("neg", "abs", "max", "window_max", "cast")},
    **{op: _of_operands(lambda x: x) for op, p in PRIMITIVES.items() if p.group == "movement" and op != "pad"},
    "barrier": _of_operands(lambda x, after: x),
    **{op: _of_operands(max) for op in ("maximum", "minimum")},
    **{op: _of_operands(lambda x, y: x + y) for op in ("add", "sub")},
    **{op: _at_most(1.0) for op in ("sigmoid", "tanh", "erf")},
    "mul": _of_operands(lambda x, y: x * y),
    "select": _of_operands(max, first=1),
    "sqrt": _at_most(2.0**64),
    "exp": _exp,
    "reciprocal": _reciprocal,
    "sum": _sum,
}
