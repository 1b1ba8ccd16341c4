"""Many elements to one: sums, maxima and the index of the first maximum, over named axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType, int32
from weft.framework.errors import ShapeError
from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    OperandType,
    Primitive,
    Shape,
    Site,
    checked_axes,
    same_dtype,
)


def _reduced(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    if keepdims:
        return tuple(1 if d in axes else extent for d, extent in enumerate(shape))
    return tuple(extent for d, extent in enumerate(shape) if d not in axes)


def _reduce_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,) = operands
    return _reduced(x.shape, checked_axes(attrs["axes"], len(x.shape)), attrs["keepdims"])


def _extremum_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,) = operands
    shape = _reduce_shape(operands, attrs)
    if any(x.shape[axis] == 0 for axis in attrs["axes"]):
        raise ShapeError(f"shape {list(x.shape)} has no element along axes {list(attrs['axes'])} to be the largest")
    return shape


def _argmax_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    return _extremum_shape(operands, {"axes": (attrs["axis"],), "keepdims": attrs["keepdims"]})


def _argmax_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    same_dtype("int float")(operands, attrs)
    return int32


def _expanded(e: Emitter, s: Site, reduced: int) -> int:
    """A reduced value spread over the input's shape again."""
    shape = e.shape(s.inputs[0])
    kept = _reduced(shape, s.attrs["axes"], True)
    if e.shape(reduced) not in ((), kept):  # a scalar needs no axes to be repeated along
        reduced = e.apply("reshape", reduced, shape=kept)
    return e.apply("broadcast_to", reduced, shape=shape)


def _max_gradient(e: Emitter, s: Site, g: int) -> int:
    """Equal maxima share the cotangent equally, as torch's amax does; where there is a NaN, all get NaN."""
    x, zero, like = s.inputs[0], e.full(0, like=s.inputs[0]), s.output
    below = e.apply("lt", x, _expanded(e, s, like))
    ones = e.apply("select", below, zero, e.full(1, like=x))
    count = e.apply("sum", ones, axes=s.attrs["axes"], keepdims=s.attrs["keepdims"])
    share = e.apply("select", e.apply("eq", like, like), e.apply("div", g, count), e.full(math.nan, like=g))
    return e.apply("select", below, zero, _expanded(e, s, share))


def _sum(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (x,) = inputs
    return np.asarray(np.sum(x, axis=attrs["axes"], keepdims=attrs["keepdims"], dtype=x.dtype))


def _max(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """NumPy's, with -0 < +0."""
    (x,), over = inputs, {"axis": attrs["axes"], "keepdims": attrs["keepdims"]}
    largest = np.asarray(np.max(x, **over))
    if x.dtype.kind != "f":
        return largest
    positive = np.any((x == 0) & ~np.signbit(x), **over)
    return np.where(largest == 0, np.where(positive, 0.0, -0.0), largest).astype(x.dtype)


def _argmax(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    return np.asarray(np.argmax(inputs[0], axis=attrs["axis"], keepdims=attrs["keepdims"])).astype(np.int32)


_ATTRIBUTES = {"axes": "distinct, ascending", "keepdims": "whether reduced axes stay with extent 1"}

PRIMITIVES = (
    Primitive(
        "sum", "Sum over ``axes``; bfloat16 is summed in float32 and rounded once; ints wrap.",
        "reduction", 1, _reduce_shape, same_dtype("int float"), _sum, (_expanded,), _ATTRIBUTES,
    ),
    Primitive(
        "max", "Largest element over ``axes``, -0 < +0; NaN if there is one.",
        "reduction", 1, _extremum_shape, same_dtype("int float"), _max, (_max_gradient,), _ATTRIBUTES,
    ),
    Primitive(
        "argmax", "int32 index of the largest element along ``axis``; the lowest index wins.",
        "reduction", 1, _argmax_shape, _argmax_dtype, _argmax, (None,),
        {"axis": "the axis searched", "keepdims": "whether it stays with extent 1"},
    ),
)
