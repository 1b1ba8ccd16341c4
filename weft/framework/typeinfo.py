"""What element types hold, and what they become together: ``finfo``, ``iinfo``, promotion, the default type."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from weft.framework.dtypes import DType, as_dtype, float32, promote, python_dtype
from weft.framework.dtypes import result_type as _result_type
from weft.framework.errors import DTypeError
from weft.framework.operators import TensorOperators
from weft.framework.origin import user_line


class FloatInfo:
    """The limits of a float type: ``bits``, ``eps``, ``max``, ``min``, ``tiny``, ``smallest_normal``, ``dtype``."""

    def __init__(self, dtype: DType | str = float32) -> None:
        found = as_dtype(dtype)
        if not found.is_float:
            raise DTypeError(f"{user_line()}: finfo is of float types; {found} has iinfo")
        of_type: Any = ml_dtypes.finfo
        limits = of_type(found.numpy)
        self.bits, self.dtype, self.eps = found.bits, found.name, float(limits.eps)
        self.max, self.min = float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)


class IntegerInfo:
    """The limits of an integer type: ``bits``, ``max``, ``min``, ``dtype``."""

    def __init__(self, dtype: DType | str) -> None:
        found = as_dtype(dtype)
        if found.kind != "int":
            raise DTypeError(f"{user_line()}: iinfo is of integer types, not {found}")
        limits = np.iinfo(found.numpy)
        self.bits, self.dtype, self.max, self.min = found.bits, found.name, int(limits.max), int(limits.min)


def promote_types(type1: DType | str, type2: DType | str) -> DType:
    """The type that tensors of two types become together."""
    return promote(as_dtype(type1), as_dtype(type2))


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type of an operation on two operands, tensors or numbers."""
    ranked: list[Any] = []
    for value in (tensor1, tensor2):
        if isinstance(value, TensorOperators):
            ranked.append((value.dtype, "dimensioned" if value.shape else "zero-dimensional"))
        elif isinstance(value, bool | int | float):
            ranked.append((python_dtype(value), "python"))
        else:
            raise DTypeError(f"{user_line()}: result_type takes tensors and numbers, not a {type(value).__name__}")
    return _result_type(ranked)


def get_default_dtype() -> DType:
    """The type that Python's floats become: float32."""
    return float32


def set_default_dtype(d: DType | str) -> None:
    """Accepts float32, which is the default. Raises DTypeError for another: give ``dtype=`` where data are made."""
    if as_dtype(d) is not float32:
        raise DTypeError(f"{user_line()}: Python's floats become float32, always; give dtype={d!s} where data are made")
