"""Algebra: operations that change nothing go, and chains of moves become one move.

Only identities that hold for every bit pattern stand here: x + 0.0 is no identity (it turns -0.0 into 0.0), x - 0.0
is. NaNs count as equal whatever their payload.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from weft.compiler.passes.constant_folding import scalar_value
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import holds
from weft.framework.graph import Graph, Node

Rule = Callable[[GraphBuilder, Node, tuple[int, ...]], int | None]


def algebra(graph: Graph) -> Graph:
    """The graph with every rule of `RULES` applied wherever it fits."""
    while True:
        simpler = prune(rewrite(graph, _apply))
        if simpler is graph or (len(simpler.nodes) == len(graph.nodes) and simpler.digest() == graph.digest()):
            return simpler
        graph = simpler


def _apply(builder: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    for rule in RULES.get(node.op, ()):
        found = rule(builder, node, inputs)
        if found is not None:
            return found
    return None


def _is(builder: GraphBuilder, index: int, wanted: float) -> bool:
    """Whether every element of a node is known to be `wanted`, the sign of zero included."""
    value = scalar_value(builder, index)
    if value is None:
        return False
    number = float(value)
    return number == wanted and (value.dtype.kind in "biu" or math.copysign(1, number) == math.copysign(1, wanted))


def _neutral(on_float: float, on_int: float, sides: tuple[int, ...]) -> Rule:
    """The other operand where the one at a position of `sides` has no effect."""

    def rule(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        wanted = on_float if node.dtype.is_float else on_int
        return next((inputs[1 - side] for side in sides if _is(b, inputs[side], wanted)), None)

    return rule


def _same_operands(first: int, second: int) -> Rule:
    """The operand that stands in both places."""
    return lambda b, node, inputs: inputs[first] if inputs[first] == inputs[second] else None


def _involution(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """f(f(x)) = x."""
    inner = b[inputs[0]]
    return inner.inputs[0] if inner.op == node.op else None


def _whatever_sign(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """|-x| = |x| where there are signs, and ||x|| = |x|."""
    inner = b[inputs[0]]
    same = inner.op == "abs" or (inner.op == "neg" and node.dtype.signed)
    return b.apply("abs", inner.inputs[0]) if same else None


def _times_minus_one(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    side = next((side for side in (0, 1) if _is(b, inputs[side], -1.0)), None)
    return None if side is None else b.apply("neg", inputs[1 - side])


def _divided_by_power_of_two(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """x / 2^k = x · 2^-k, while both are normal numbers."""
    value = scalar_value(b, inputs[1])
    if value is None or not np.isfinite(float(value)) or abs(math.frexp(float(value))[0]) != 0.5:
        return None
    if not 2.0**-126 <= abs(float(value)) <= 2.0**126:
        return None
    return b.apply("mul", inputs[0], b.full(1.0 / float(value), like=inputs[0]))


def _one_over(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    return b.apply("reciprocal", inputs[1]) if _is(b, inputs[0], 1.0) else None


def _with_negative(opposite: str) -> Rule:
    """a + (-b) = a - b, and a - (-b) = a + b."""

    def rule(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        right = b[inputs[1]]
        return b.apply(opposite, inputs[0], right.inputs[0]) if right.op == "neg" else None

    return rule


def _select_constant(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    value = scalar_value(b, inputs[0])
    return None if value is None else inputs[1 if bool(value) else 2]


def _select_not(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    condition = b[inputs[0]]
    if condition.op != "not":
        return None
    return b.apply("select", condition.inputs[0], inputs[2], inputs[1])


def _cast_chain(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """A cast to the same type goes, and so does a lossless one under another cast."""
    if b.dtype(inputs[0]) == node.dtype:
        return inputs[0]
    inner = b[inputs[0]]
    if inner.op != "cast" or not holds(inner.dtype, b.dtype(inner.inputs[0])):
        return None
    return b.apply("cast", inner.inputs[0], dtype=node.dtype)


def _no_move(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """A reshape, broadcast, slice or pad to the shape that is there already."""
    return inputs[0] if b.shape(inputs[0]) == node.shape else None


def _move_chain(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """A reshape of a reshape is one; so is a broadcast of a broadcast."""
    inner = b[inputs[0]]
    return b.apply(node.op, inner.inputs[0], shape=node.shape) if inner.op == node.op else None


def _permute(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    order: tuple[int, ...] = node.attr("order")
    if order == tuple(range(len(order))):
        return inputs[0]
    inner = b[inputs[0]]
    if inner.op != "permute":
        return None
    before = inner.attr("order")
    return b.apply("permute", inner.inputs[0], order=tuple(before[axis] for axis in order))


def _transposed_operand(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """A product takes its operand transposed by a flag; no transpose is computed for it."""
    rank = len(node.shape)
    swap = (*range(rank - 2), rank - 1, rank - 2)
    for side, flag in ((0, "transpose_a"), (1, "transpose_b")):
        operand = b[inputs[side]]
        if operand.op == "permute" and operand.attr("order") == swap:
            taken = [operand.inputs[0] if n == side else i for n, i in enumerate(inputs)]
            return b.apply("matmul", *taken, **{**node.attributes, flag: not node.attr(flag)})
    return None


def _reduces_nothing(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    """A maximum over axes of extent one is a reshape (a sum is not: it turns -0.0 into 0.0)."""
    if any(b.shape(inputs[0])[axis] != 1 for axis in node.attr("axes")):
        return None
    return b.apply("reshape", inputs[0], shape=node.shape)


RULES: Mapping[str, tuple[Rule, ...]] = {
    "add": (_neutral(-0.0, 0, (0, 1)), _with_negative("sub")),
    "sub": (_neutral(0.0, 0, (1,)), _with_negative("add")),
    "mul": (_neutral(1.0, 1, (0, 1)), _times_minus_one),
    "div": (_neutral(1.0, 1, (1,)), _divided_by_power_of_two, _one_over),
    "maximum": (_same_operands(0, 1),),
    "minimum": (_same_operands(0, 1),),
    "and": (_same_operands(0, 1),),
    "or": (_same_operands(0, 1),),
    "neg": (_involution,),
    "abs": (_whatever_sign,),
    "not": (_involution,),
    "select": (_same_operands(1, 2), _select_constant, _select_not),
    "cast": (_cast_chain,),
    "reshape": (_no_move, _move_chain),
    "broadcast_to": (_no_move, _move_chain),
    "permute": (_permute,),
    "slice": (_no_move,),
    "pad": (_no_move,),
    "max": (_reduces_nothing,),
    "matmul": (_transposed_operand,),
}
"""The identities of each primitive, tried in order."""
