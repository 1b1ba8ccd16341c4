"""Along an axis, in its order: sorting, running sums and running maxima."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import int32
from weft.framework.errors import ShapeError
from weft.framework.primitives.base import Array, Attrs, Emitter, OperandType, Primitive, Shape, Site, Types, same_dtype


def _shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,) = operands
    if not 0 <= attrs["axis"] < len(x.shape):
        raise ShapeError(f"axis {attrs['axis']} is outside shape {list(x.shape)}")
    return x.shape


def _indices(operands: Sequence[OperandType], attrs: Attrs) -> Types:
    return ((operands[0].shape, int32),)


def _sort(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> tuple[Array, ...]:
    (x,), axis = inputs, attrs["axis"]
    if attrs["descending"]:  # the last of equal ones comes first in the reversed order, and so the first in the result
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, order, axis), order.astype(np.int32)


def _put_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> tuple[int | None]:
    """To the places that the indices name, adding where one is named often."""
    g, (x,) = cotangents[0], s.inputs
    if g is None:
        return (None,)
    index = e.apply("result", s.output, index=1)
    return (e.apply("scatter", e.full(0, like=x), index, g, axis=s.attrs["axis"], mode="add"),)


def _cumsum(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (x,), axis = inputs, attrs["axis"]
    kind = x.dtype if x.dtype.kind in "iu" else np.dtype(np.float64)
    if attrs["reverse"]:
        return np.flip(np.cumsum(np.flip(x, axis), axis, dtype=kind), axis).astype(x.dtype)
    return np.cumsum(x, axis, dtype=kind).astype(x.dtype)


def _cummax(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> tuple[Array, ...]:
    (x,), axis = inputs, attrs["axis"]
    values = np.maximum.accumulate(x, axis) if x.size else x.copy()
    place = np.arange(x.shape[axis], dtype=np.int32).reshape([-1 if d == axis else 1 for d in range(x.ndim)])
    hit = (x == values) | ((x != x) & (values != values))
    index = np.where(hit, place, 0).astype(np.int32)
    return values, np.maximum.accumulate(index, axis) if x.size else index


PRIMITIVES = (
    Primitive(
        "sort", "The elements along ``axis`` in order and their int32 indices; equal ones keep theirs, NaN is largest.",
        "order", 1, _shape, same_dtype("bool int float"), _sort, (),
        {"axis": "the axis sorted along", "descending": "whether the largest comes first"},
        further=_indices, gradient=_put_back,
    ),
    Primitive(
        "cumsum", "Sums of the elements up to each along ``axis``, added in turn, floats as float64; ints wrap.",
        "order", 1, _shape, same_dtype("int float"), _cumsum,
        (lambda e, s, g: e.apply("cumsum", g, axis=s.attrs["axis"], reverse=not s.attrs["reverse"]),),
        {"axis": "the axis summed along", "reverse": "whether it begins at the end"},
    ),
    Primitive(
        "cummax", "The largest element up to each along ``axis``, NaN if there is one, and the last int32 index of it.",
        "order", 1, _shape, same_dtype("int float"), _cummax, (), {"axis": "the axis walked along"},
        further=_indices, gradient=_put_back,
    ),
)
