"""Constructors named after an element type, as scripts have them: ``LongTensor([1, 2])``, ``FloatTensor(2, 3)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.axes import sizes
from weft.framework.creation import zeros
from weft.framework.dtypes import DType, bool_, float32, float64, int8, int32, int64, uint8
from weft.framework.tensor import Tensor


def _constructor(name: str, dtype: DType) -> Callable[..., Tensor]:
    def make(*data: Any) -> Tensor:
        if not data or all(isinstance(extent, int) and not isinstance(extent, bool) for extent in data):
            return zeros(sizes(data or (0,)), dtype=dtype)
        (values,) = data
        return Tensor(values, dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A {dtype} tensor of data (a sequence, array or tensor), or of zeros by extents."
    return make


FloatTensor, DoubleTensor = _constructor("FloatTensor", float32), _constructor("DoubleTensor", float64)
LongTensor, IntTensor = _constructor("LongTensor", int64), _constructor("IntTensor", int32)
CharTensor, ByteTensor = _constructor("CharTensor", int8), _constructor("ByteTensor", uint8)
BoolTensor = _constructor("BoolTensor", bool_)
