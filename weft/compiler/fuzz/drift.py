"""How far two right runs of one graph may lie apart: what may be summed in another order, and what follows from it.

A program in which everything is fused must give what one that hands out every node gives, to the bit, except behind
sums whose order is free. From each of these its bound is carried along the graph: through movements and sums by their
own meaning, through everything else by its value at the ends of its operands' intervals (all other primitives are
monotone in each operand, but for those in ``_NOT_MONOTONE``). What cannot be bounded is infinite, and is not compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from weft.compiler.accuracy import Accuracy
from weft.compiler.check import DEPTH, SUMS, arithmetic_error, bound, magnitude
from weft.framework.dtypes import DType
from weft.framework.graph import Graph, Node
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array
from weft.framework.reference import operands, reference_node

_REDUCTIONS = frozenset({"sum", "max", "window_sum", "window_max"})
_NOT_MONOTONE = frozenset({"eq", "ne", "argmax", "abs"})


def drift(graph: Graph, values: Mapping[int, Array], accuracy: Accuracy) -> dict[int, Array]:
    """For each node the largest difference between ``values`` and those of another right run from the same inputs."""
    result: dict[int, Array] = {}
    with np.errstate(all="ignore"):
        for index, node in enumerate(graph.nodes):
            sources = operands(graph, index)
            if node.further or any(i not in values for i in sources) or index not in values:
                continue
            shape = node.shape
            moved = [result[i] for i in sources]
            apart = np.zeros(shape) if not sources else _carried(graph, index, node, values, moved)
            own = np.zeros(shape)
            if node.dtype.is_float and sources:
                inputs = [values[i] for i in sources]
                wide = np.asarray(reference_node(graph, index, inputs))
                if node.op in SUMS and not _exact_sum(graph, index, inputs):
                    own = 2 * arithmetic_error(graph, index, inputs, wide, accuracy)
                disturbed = (apart > 0) | (own > 0)
                rounding = 2 * bound(graph, index, inputs, wide, accuracy) + 2.0**-7 * apart
                own = np.where(disturbed, own + rounding, 0.0)
            total = np.asarray(apart + own)
            odd = ~np.isfinite(np.asarray(values[index], np.float64)) & (total > 0)
            result[index] = np.where(np.isnan(total) | odd, np.inf, total)
    return result


def _exact_sum(graph: Graph, index: int, inputs: list[Array]) -> bool:
    """Whether no partial sum is rounded, in whatever order: multiples of 2**-8 that stay below 2**16."""
    wide = [x.astype(np.float64) for x in inputs]
    grains = 16.0 if graph.nodes[index].op in DEPTH else 256.0
    if not all(bool(np.all(grains * x == np.rint(grains * x))) for x in wide):
        return False
    return bool(np.all(np.abs(magnitude(graph, index, inputs)) < 2.0**16))


def _carried(graph: Graph, index: int, node: Node, values: Mapping[int, Array], moved: list[Array]) -> Array:
    """What a node makes of differences of its operands."""
    inputs = [np.asarray(values[i]).astype(np.float64) for i in operands(graph, index)]
    if not any(m.any() for m in moved):
        return np.zeros(node.shape)
    attributes, real = dict(node.attrs), np.dtype(np.float64)
    reference = PRIMITIVES[node.op].result
    if PRIMITIVES[node.op].group == "movement" or node.op in _REDUCTIONS:
        return np.asarray(reference(moved, attributes | ({"value": 0.0} if node.op == "pad" else {}), real))
    if node.op == "window_pick" and not moved[0].any():
        return np.asarray(reference([inputs[0], moved[1]], attributes, real))
    if node.op in DEPTH:
        a, b = (np.abs(x) for x in inputs)
        return np.asarray(
            reference([a, moved[1]], attributes, real) + reference([moved[0], b], attributes, real)
            + reference(moved, attributes, real)
        )  # fmt: skip
    if node.op in _NOT_MONOTONE or PRIMITIVES[node.op].group != "elementwise":
        alike = all(m.shape == node.shape for m in moved) and node.op in _NOT_MONOTONE - {"argmax"}
        return np.where(np.logical_or.reduce([m > 0 for m in moved]), np.inf, 0.0) if alike else np.full(
            node.shape, np.inf
        )
    kinds = [graph.nodes[i].dtype for i in node.inputs]
    here = np.asarray(reference_node(graph, index, _typed(inputs, kinds)), np.float64)
    worst = np.zeros(node.shape)
    for signs in itertools.product((-1.0, 1.0), repeat=len(inputs)):
        corner = [x + s * m for x, s, m in zip(inputs, signs, moved, strict=True)]
        there = np.asarray(reference_node(graph, index, _typed(corner, kinds)), np.float64)
        worst = np.maximum(worst, np.where(there == here, 0.0, np.abs(there - here)))
    unsure = np.logical_or.reduce([~np.isfinite(m) for m in moved])
    if node.op in ("div", "reciprocal"):  # a divisor on both sides of zero
        unsure |= (np.abs(inputs[-1]) <= moved[-1]) & (moved[-1] > 0)
    worst = np.where(unsure | np.isnan(worst), np.inf, worst)
    return worst if node.dtype.is_float else np.where(worst > 0, np.inf, 0.0)


def _typed(values: list[Array], kinds: list[DType]) -> list[Array]:
    """Floats as they are, everything else in its own type (a difference of a bool or an integer is infinite)."""
    typed: list[Array] = []
    for value, kind in zip(values, kinds, strict=True):
        if kind.kind == "bool":
            typed.append(np.nan_to_num(value, posinf=1.0, neginf=0.0) > 0.5)
        elif kind.kind == "int":
            typed.append(np.clip(np.nan_to_num(value), -(2.0**31), 2.0**31 - 1).astype(kind.numpy))
        else:
            typed.append(value)
    return typed


def apart(got: Array, seen: Array, allowed: Array) -> Array:
    """Where two values differ by more than is allowed; NaN equals NaN, and zeros of both signs are equal."""
    a, b = got.astype(np.float64), seen.astype(np.float64)
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= allowed) | np.isinf(allowed)
    return np.asarray(~same)
