"""Products summed over an axis: the matrix product with its named accumulation type.

It is the general contraction in its normal form. Any product of two arrays summed over axes that both have (einsum,
dot_general) is a permutation and a reshape of each to [batch…, M, K] and [batch…, K, N], this product, and a reshape
and a permutation of the result; the moves cost nothing where they are views. Batch axes are equal, and whoever
broadcasts them does it before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType, as_dtype
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.primitives.base import Array, Attrs, Emitter, OperandType, Primitive, Shape, Site, shapes_text

ACCUMULATION = {
    "float32": "float32", "float64": "float64", "bfloat16": "float32",
    "int8": "int32", "int32": "int32", "int64": "int64",
}  # fmt: skip
"""Operand type of a matrix product → the type it is summed and returned in."""


def _matmul_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    a, b = operands
    if len(a.shape) < 2 or len(a.shape) != len(b.shape) or a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(f"operands {shapes_text(operands)} need two axes and equal batch axes in front")
    rows, inner = a.shape[-2:][:: -1 if attrs["transpose_a"] else 1]
    inner_b, columns = b.shape[-2:][:: -1 if attrs["transpose_b"] else 1]
    if inner != inner_b:
        seen = [f"{list(o.shape)}{' transposed' if t else ''}" for o, t in
                zip(operands, (attrs["transpose_a"], attrs["transpose_b"]), strict=True)]
        raise ShapeError(f"cannot multiply {seen[0]} by {seen[1]}: the inner extents {inner} and {inner_b} differ")
    return (*a.shape[:-2], rows, columns)


def product_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    """The type that two operands' products are summed in, which attribute ``accumulate`` names. Raises DTypeError."""
    a, b = operands
    wanted = ACCUMULATION.get(a.dtype.name) if a.dtype == b.dtype else None
    if wanted is None or attrs["accumulate"] != wanted:
        legal = ", ".join(f"{t}·{t} → {total}" for t, total in ACCUMULATION.items())
        raise DTypeError(f"no product {a.dtype}·{b.dtype} → {attrs['accumulate']}; there are {legal}")
    return as_dtype(wanted)


def in_operand_type(e: Emitter, node: int, like: int) -> int:
    """A node as ``like``'s dtype, in which the products of a gradient are taken and their sums returned."""
    dtype = e.dtype(like)
    return node if e.dtype(node) == dtype else e.apply("cast", node, dtype=dtype.name)


def _product(e: Emitter, a: int, b: int, transpose_a: bool, transpose_b: bool, like: int) -> int:
    """A gradient's product, in the operands' type and returned in that of ``like``."""
    a, b = (in_operand_type(e, x, like) for x in (a, b))
    accumulate = ACCUMULATION[e.dtype(like).name]
    product = e.apply("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b, accumulate=accumulate)
    return in_operand_type(e, product, like)


def _gradient_a(e: Emitter, s: Site, g: int) -> int:
    """dA = dC·Bᵀ, or its transpose where A was taken transposed: never a transpose node."""
    (a, b), tb = s.inputs, s.attrs["transpose_b"]
    return _product(e, b, g, tb, True, a) if s.attrs["transpose_a"] else _product(e, g, b, False, not tb, a)


def _gradient_b(e: Emitter, s: Site, g: int) -> int:
    """dB = Aᵀ·dC, or its transpose where B was taken transposed."""
    (a, b), ta = s.inputs, s.attrs["transpose_a"]
    return _product(e, g, a, True, ta, b) if s.attrs["transpose_b"] else _product(e, a, g, not ta, False, b)


def _matmul(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    a, b = (np.swapaxes(x, -1, -2) if t else x for x, t in
            zip(inputs, (attrs["transpose_a"], attrs["transpose_b"]), strict=True))
    if a.dtype.kind == "f":
        return np.asarray(np.matmul(a, b))
    if a.dtype != np.int8:
        return np.asarray(np.matmul(a, b))
    # Products of int8 summed in float64 are exact far beyond any K in use; then wrap as int32 does.
    return np.asarray(np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.int64).astype(np.int32))


PRIMITIVES = (
    Primitive(
        "matmul", "op(A)·op(B) over the last two axes, batch axes in front equal; op transposes if its flag is set.",
        "contraction", 2, _matmul_shape, product_dtype, _matmul, (_gradient_a, _gradient_b),
        {
            "transpose_a": "bool: A is stored [K, M] instead of [M, K]",
            "transpose_b": "bool: B is stored [N, K] instead of [K, N]",
            "accumulate": "name of the type summed in, which is the result's: float32 (of float32, bfloat16) or int32",
        },
    ),
)
