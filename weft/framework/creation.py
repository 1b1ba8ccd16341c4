"""Making tensors: of one value, of counted or spaced numbers, of an array.

Each takes ``dtype``, ``device`` and ``requires_grad`` as torch does. A tensor on no device goes wherever it is needed.
"""

from __future__ import annotations

import math
import operator
from typing import Any, SupportsIndex

import numpy as np

from weft.framework.axes import Extent, count, real, sizes
from weft.framework.dtypes import as_dtype, float32, int32
from weft.framework.errors import DTypeError, OptionError
from weft.framework.lazy import apply
from weft.framework.like import Place, Type, filled
from weft.framework.operators import cast
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Number, Tensor


def full(
    size: Extent, fill_value: Number, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of one value, of the type that the value has in Python unless ``dtype`` is given."""
    made = Tensor._of(filled(size, fill_value, dtype, device))
    return made.requires_grad_() if requires_grad else made


def zeros(*size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, float32 by default: zeros(2, 3) or zeros((2, 3))."""
    return full(sizes(size), 0.0, dtype, device, requires_grad)


def ones(*size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones, float32 by default."""
    return full(sizes(size), 1.0, dtype, device, requires_grad)


def empty(*size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """As ``zeros``: nothing here has elements that nobody wrote."""
    return full(sizes(size), 0.0, dtype, device, requires_grad)


def eye(
    n: SupportsIndex, m: SupportsIndex | None = None, *, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix [n, m] (m is n by default) of ones on its main diagonal and zeros elsewhere, float32 by default."""
    rows = count(n, "the number of rows")
    shape = sizes((rows, rows if m is None else count(m, "the number of columns")))
    same = apply("eq", apply("iota", shape=shape, axis=0), apply("iota", shape=shape, axis=1))
    return _placed(Tensor._of(cast(same, float32 if dtype is None else as_dtype(dtype))), device, requires_grad)


def arange(
    start: Number, end: Number | None = None, step: Number = 1, *, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers start, start + step, … below ``end`` (above it for a negative step); with one number from 0 to it.

    int32 where all three are integers, else float32, unless ``dtype`` is given. Raises FrameworkError for a step of 0
    or of the other sign.
    """
    first, last = (0, start) if end is None else (start, end)
    bounds = [_number(value, what) for value, what in ((first, "start"), (last, "end"), (step, "step"))]
    first, last, step = bounds
    if not step or (last - first) * step < 0 or not all(map(math.isfinite, bounds)):
        raise OptionError(f"{user_line()}: arange from {first} to {last} needs a step towards it, not {step}")
    whole = all(isinstance(value, int) for value in bounds)
    number = count(-((first - last) // step) if whole else math.ceil((last - first) / step), "the number of elements")
    kind = (int32 if whole else float32) if dtype is None else as_dtype(dtype)
    if whole and (first, step) == (0, 1) and kind.kind == "int":
        return _placed(Tensor._of(cast(apply("iota", shape=(number,), axis=0), kind)), device, requires_grad)
    if whole and kind.kind == "int":
        values: Array = np.arange(number, dtype=np.int64) * int(step) + int(first)
    else:
        values = np.arange(number, dtype=np.float64) * step + first
    return Tensor(values, kind, device, requires_grad)


def linspace(
    start: Number, end: Number, steps: SupportsIndex, *, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` numbers from start to end, both included, at equal distances; float32 by default."""
    first, last, number = real(start, "start"), real(end, "end"), count(steps, "the number of steps")
    return Tensor(_spaced(first, last, number), float32 if dtype is None else dtype, device, requires_grad)


def logspace(
    start: Number, end: Number, steps: SupportsIndex, base: float = 10.0, *, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the powers that ``linspace`` gives."""
    first, last, number = real(start, "start"), real(end, "end"), count(steps, "the number of steps")
    with np.errstate(all="ignore"):
        values = real(base, "the base") ** _spaced(first, last, number)
    return Tensor(values, float32 if dtype is None else dtype, device, requires_grad)


def _spaced(first: float, last: float, number: int) -> Array:
    """Counted from the nearer end, so that both are exact."""
    step = (last - first) / max(number - 1, 1)
    index = np.arange(number)
    return np.where(index < number / 2, first + step * index, last - step * (number - 1 - index))


def as_tensor(data: Any, dtype: Type = None, device: Place = None) -> Tensor:
    """``data`` as a tensor: itself if it is one of this type and on this device."""
    made = data if isinstance(data, Tensor) else Tensor(data, dtype)
    made = made if dtype is None else made.to(as_dtype(dtype))
    return made if device is None else made.to(device)


def from_numpy(array: Array) -> Tensor:
    """A tensor of a copy of the array, of its element type. Raises DTypeError for what is no array."""
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"{user_line()}: from_numpy takes a NumPy array, not a {type(array).__name__}; use tensor()")
    return Tensor(array, as_dtype(array.dtype))


def is_tensor(obj: object) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def _number(value: Any, what: str) -> int | float:
    """A Python number; of a tensor or an array its one element."""
    if isinstance(value, bool):
        return int(value)
    try:
        return operator.index(value)
    except TypeError:
        return real(value, what)


def _placed(made: Tensor, device: Place, requires_grad: bool) -> Tensor:
    made = made if device is None else made.to(device)
    return made.requires_grad_() if requires_grad else made
