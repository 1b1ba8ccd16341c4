"""Between floats and the integers of quantised inference; the rounding rule is docs/arithmetic.md, "Quantisation".

A scale is the value of one integer step, a multiplier the step's inverse: both float32, positive, normal numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType, float32, int8, int32
from weft.framework.errors import DTypeError
from weft.framework.primitives.base import Array, Attrs, Emitter, OperandType, Primitive, Site, same_shape


def _quantise_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    if any(o.dtype != float32 for o in operands):
        raise DTypeError(f"takes float32 values and multipliers, not {operands[0].dtype} and {operands[1].dtype}")
    return int8


def _dequantise_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    q, scale = operands
    if q.dtype not in (int8, int32) or scale.dtype != float32:
        raise DTypeError(f"takes int8 or int32 values and float32 scales, not {q.dtype} and {scale.dtype}")
    return float32


def _quantise(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """In float32 also for the oracle: the rule says where it rounds."""
    x, multiplier = (value.astype(np.float32) for value in inputs)
    scaled = x * multiplier
    return np.where(np.isnan(scaled), 127, np.rint(np.clip(scaled, -128, 127))).astype(np.int8)


def _dequantise(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    q, scale = (value.astype(np.float32) for value in inputs)
    return np.asarray(q * scale).astype(real)


def _by_scale(e: Emitter, s: Site, g: int) -> int:
    """d(q · scale)/d scale = q."""
    return e.apply("mul", g, e.apply("cast", s.inputs[0], dtype="float32"))


PRIMITIVES = (
    Primitive(
        "quantise",
        "x · multiplier, rounded to nearest even, saturated to int8; NaN becomes 127. It has no gradient: it is flat.",
        "elementwise", 2, same_shape, _quantise_dtype, _quantise, (None, None),
    ),
    Primitive(
        "dequantise", "float32(q) · scale, both steps rounded to nearest even, of an int8 or int32 q.",
        "elementwise", 2, same_shape, _dequantise_dtype, _dequantise, (None, _by_scale),
    ),
)
