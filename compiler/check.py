"""Every node of a compiled graph judged against float64: the one place where allowed errors are stated.

A node is computed in float64 from the very values that the target gave its operands, so that errors do not add up along
the graph, and the target's value must be within a bound that follows from the operation alone. With u the unit roundoff
of what the value is rounded to (float32: 2**-24, bfloat16: 2**-8) and v = 2**-24 that of the arithmetic:

==================== ================================================================================
movement, select,    equal. (A number below 2**-126 may have become zero, here and everywhere.)
max, neg, abs, casts,
integers, bools,
dequantise
add, sub, mul        u·|r|: rounded once
sum of n             (n - 1)·v·Σ|x| + u·|r|: n - 1 additions in any order
matmul over K        2·K·v·Σ|a·b| + u·|r|: K fused products, and at most as many sums of partial sums
functions, div       c·v·|r| + u·|r|, with c from `accuracy.ACCEL_UNITS`
==================== ================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from compiler.accuracy import ACCEL_UNITS
from framework.graph import Graph, Node
from framework.primitives.base import Array
from framework.reference import reference_node

ROUNDOFF = {"float32": 2.0**-24, "bfloat16": 2.0**-8}
V = ROUNDOFF["float32"]
TINY = 2.0**-126


@dataclass(frozen=True)
class NodeError:
    """A node beyond its bound: the worst element, and by how many bounds it is off (infinity: not comparable)."""

    index: int
    text: str
    ratio: float


def _magnitude(graph: Graph, index: int, inputs: list[Array]) -> Array:
    """The node computed on absolute values."""
    return np.asarray(reference_node(graph, index, [np.abs(x.astype(np.float64)) for x in inputs]))


def _sum(graph: Graph, index: int, inputs: list[Array], result: Array) -> Array:
    count = inputs[0].size // max(1, result.size)
    return np.asarray((count - 1) * V * _magnitude(graph, index, inputs))


def _matmul(graph: Graph, index: int, inputs: list[Array], result: Array) -> Array:
    depth = inputs[0].shape[-2 if graph.nodes[index].attr("transpose_a") else -1]
    return np.asarray(2 * depth * V * _magnitude(graph, index, inputs))


def _relative(units: Callable[[Array], Array | float]) -> Callable[[Graph, int, list[Array], Array], Array]:
    return lambda graph, index, inputs, result: np.asarray(
        units(inputs[0].astype(np.float64)) * V * np.abs(result), np.float64
    )


ERRORS: Mapping[str, Callable[[Graph, int, list[Array], Array], Array]] = {
    "sum": _sum,
    "matmul": _matmul,
    **{op: _relative(units.of) for op, units in ACCEL_UNITS.items()},
}
"""Primitive → absolute error of its arithmetic, before the result is rounded to its dtype."""
EXACT = (
    "maximum", "minimum", "neg", "abs", "select", "cast", "max", "reshape", "permute", "broadcast_to", "slice", "pad",
    "dequantise",
)  # fmt: skip


def bound(graph: Graph, index: int, inputs: list[Array], result: Array) -> Array:
    """The allowed absolute error of every element of a float node. ``result``: its value in float64."""
    node = graph.nodes[index]
    with np.errstate(all="ignore"):
        if node.op in EXACT:
            return np.full(result.shape, TINY)
        own = ERRORS[node.op](graph, index, inputs, result) if node.op in ERRORS else np.zeros(result.shape)
        return np.asarray(own + ROUNDOFF[node.dtype.name] * np.abs(result) * (1 + 2.0**-20) + TINY)


def _judge(graph: Graph, index: int, node: Node, inputs: list[Array], value: Array) -> NodeError | None:
    if node.dtype.is_float:
        expected = reference_node(graph, index, inputs)
        with np.errstate(all="ignore"):
            error = np.abs(value.astype(np.float64) - expected)
            ratio = np.asarray(error / bound(graph, index, inputs, expected))
        largest = float(np.finfo(np.float32).max)
        same = (np.isnan(expected) & np.isnan(value)) | (value == expected)
        overflown = np.isinf(value.astype(np.float64)) & (np.abs(expected) >= largest)
        same |= overflown & (np.sign(value) == np.sign(expected))
        ratio = np.where(same, 0.0, np.where(np.isnan(ratio), math.inf, ratio))
    else:
        expected = reference_node(graph, index, inputs)
        ratio = np.where(value == expected, 0.0, math.inf)
    if ratio.size == 0 or float(ratio.max()) <= 1.0:
        return None
    at = np.unravel_index(int(ratio.argmax()), ratio.shape)
    origin = f", {node.origin}" if node.origin else ""
    text = (
        f"%{index} = {node.op} ({node.type_text}{origin}): element {list(map(int, at))} is {value[at]}, "
        f"float64 gives {expected[at]}"
    )
    return NodeError(index, text, float(ratio.max()))


def check_nodes(graph: Graph, values: Mapping[int, Array]) -> list[NodeError]:
    """Every node of ``values`` that is beyond its bound.

    values: what the target computed for nodes by index, inputs included; constants, index grids and movements may be
    left out. Nodes without all operands are skipped.
    """
    known = {i: np.asarray(value) for i, value in values.items()}
    found: list[NodeError] = []
    for index, node in enumerate(graph.nodes):
        if node.op == "input" or any(i not in known for i in node.inputs):
            continue
        inputs = [known[i] for i in node.inputs]
        if index in known:
            error = _judge(graph, index, node, inputs, known[index])
            if error:
                found.append(error)
        elif node.op in ("constant", "iota", "reshape", "permute", "broadcast_to", "slice", "pad"):
            known[index] = reference_node(graph, index, inputs, float64=False)
    return found
