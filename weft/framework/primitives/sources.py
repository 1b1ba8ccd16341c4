"""Where values come from: inputs, constants and index grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType, as_dtype, int32
from weft.framework.errors import GraphError, ShapeError
from weft.framework.primitives.base import Array, Attrs, OperandType, Primitive, Shape


def _declared_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    shape: Shape = attrs["shape"]
    if any(extent < 0 for extent in shape):
        raise ShapeError(f"shape {list(shape)} has a negative extent")
    return shape


def _declared_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    return as_dtype(attrs["dtype"])


def _no_value(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    raise GraphError(f"no value was given for input {attrs['name']!r}")


def _constant(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    dtype = as_dtype(attrs["dtype"])
    value = np.frombuffer(attrs["value"], dtype.numpy).reshape(attrs["shape"])
    return value.astype(real) if dtype.is_float else value


def _iota_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    shape = _declared_shape(operands, attrs)
    if not 0 <= attrs["axis"] < len(shape):
        raise ShapeError(f"axis {attrs['axis']} is outside shape {list(shape)}")
    return shape


def _iota(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    shape, axis = attrs["shape"], attrs["axis"]
    line = np.arange(shape[axis], dtype=np.int32).reshape([-1 if d == axis else 1 for d in range(len(shape))])
    return np.broadcast_to(line, shape)


PRIMITIVES = (
    Primitive(
        "input", "A value given at run time, by name.", "source", 0, _declared_shape, _declared_dtype, _no_value,
        attributes={
            "name": "unique within the graph",
            "kind": "'input' (given anew each call) or 'state' (kept by the caller between calls)",
            "shape": "extents",
            "dtype": "name of the element type",
        },
    ),
    Primitive(
        "constant", "A value fixed in the graph; anything but a scalar should rather be an input.",
        "source", 0, _declared_shape, _declared_dtype, _constant,
        attributes={
            "value": "the elements' bytes, little-endian, row-major",
            "shape": "extents",
            "dtype": "name of the element type",
        },
    ),
    Primitive(
        "iota", "int32 [shape]: each element is its own index along ``axis``.",
        "source", 0, _iota_shape, lambda operands, attrs: int32, _iota,
        attributes={"shape": "extents", "axis": "the axis that counts"},
    ),
)
