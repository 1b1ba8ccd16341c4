"""Judging a target: every node against float64 on the very inputs that the target computed it from."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from compiler.accuracy import CPU_ULP
from framework.graph import Graph
from framework.primitives import PRIMITIVES
from framework.primitives.base import Array
from framework.reference import reference_node

UNIT = {"float32": 2.0**-24, "bfloat16": 2.0**-8}
"""Half a unit in the last place, relative: what one rounding may cost."""
EXACT = {"cast", "select", "neg", "abs", "maximum", "minimum", "max", "constant"}
"""Primitives that choose, or round as they are told to: nothing may differ. So may nothing of a movement."""


def bits(value: Array) -> bytes:
    """The bytes of a value, every NaN made the same: a processor's own has another sign than a compiler's."""
    if value.dtype.kind in "bi":
        return value.tobytes()
    return np.where(np.isnan(value.astype(np.float32)), np.nan, value.astype(np.float32)).tobytes()


def observed(graph: Graph) -> Graph:
    """The graph with every node handed out, as output `%n`; updates are left away."""
    return replace(graph, outputs=tuple((f"%{i}", i) for i in range(len(graph.nodes))), updates=())


def check_nodes(graph: Graph, values: dict[str, Array]) -> None:
    """Check the values of `observed(graph)` node by node.

    Ints, bools, moves and choices are equal; other floats lie within a bound derived from the roundings of the node:
    one of its result, and for sums as many as there are terms, relative to the sum of the terms' magnitudes.
    """
    with np.errstate(all="ignore"):
        for i, node in enumerate(graph.nodes):
            if node.op == "input":
                continue
            got = values[f"%{i}"]
            inputs = [values[f"%{source}"] for source in node.inputs]
            wanted = reference_node(graph, i, inputs)
            where = f"%{i} = {node.op} on {[f'{x.dtype}{list(x.shape)}' for x in inputs]}\n{graph}"
            assert got.dtype == node.dtype.numpy, where
            assert got.shape == node.shape, where
            if not node.dtype.is_float:
                np.testing.assert_array_equal(got, wanted, where)
                continue
            close(got.astype(np.float64), wanted, _error(graph, i, inputs, wanted), where)


def close(got: Array, wanted: Array, error: Array, where: str) -> None:
    """Check |got - wanted| <= error; beyond float32's range infinity is right, and NaN only where NaN is wanted."""
    limit = float(np.finfo(np.float32).max)
    overflown = np.abs(wanted) + error >= limit
    right = np.abs(got - wanted) <= error
    right |= (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    right |= overflown & np.isinf(got) & (np.sign(got) == np.sign(wanted))
    # A sum of terms beyond the range may meet infinities of both signs.
    right |= np.isnan(got) & ~np.isfinite(error)
    assert right.all(), f"{where}\ngot {got[~right][:4]}, wanted {wanted[~right][:4]}, bound {error[~right][:4]}"


def _error(graph: Graph, i: int, inputs: list[Array], wanted: Array) -> Array:
    node = graph.nodes[i]
    tiny = 2.0**-148  # two of the smallest subnormals
    if node.op in EXACT or PRIMITIVES[node.op].group == "movement":
        return np.zeros(node.shape)
    rounding = UNIT[node.dtype.name] * np.abs(wanted) + (tiny if node.dtype.name == "float32" else 2.0**-132)
    wide = [np.abs(x.astype(np.float64)) for x in inputs]
    if node.op in CPU_ULP:
        # A unit in the last place is at most 2^-23 of the value.
        return rounding + CPU_ULP[node.op] * 2.0**-23 * np.abs(wanted)
    if node.op == "sum":
        terms = prod(inputs[0].shape[axis] for axis in node.attr("axes"))
        magnitude = np.sum(wide[0], axis=node.attr("axes"), keepdims=node.attr("keepdims"))
        return rounding + terms * UNIT["float32"] * magnitude
    if node.op == "matmul":
        a, b = (np.swapaxes(x, -1, -2) if node.attr(f) else x for x, f in
                zip(wide, ("transpose_a", "transpose_b"), strict=True))
        return rounding + (a.shape[-1] + 1) * UNIT["float32"] * (a @ b)
    return rounding
