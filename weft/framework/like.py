"""Tensors of one value that are like another: of its shape, or of its type and on its device.

The ``new_`` functions are the tensor's methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.axes import Extent, sizes
from weft.framework.device import Device, get_device
from weft.framework.dtypes import DType, as_dtype, python_dtype
from weft.framework.errors import DTypeError
from weft.framework.lazy import Expr, constant
from weft.framework.operators import expand, operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

Type = DType | str | None
Place = str | Device | None


def filled(size: Extent, value: Any, dtype: DType | str | None, device: str | Device | None) -> Expr:
    """One number repeated, of the type that it has in Python unless ``dtype`` is given. Raises DTypeError."""
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, bool | int | float):
        raise DTypeError(f"{user_line()}: a tensor is filled with a number, not with a {type(value).__name__}")
    made = expand(constant(number, python_dtype(number) if dtype is None else as_dtype(dtype)), sizes((size,)))
    made.device = None if device is None else get_device(device)
    return made


def _like(x: Tensor, shape: Extent, value: Any, dtype: Type, device: Place, requires_grad: bool) -> Tensor:
    place = x._expr.device if device is None else device
    made = x._of(filled(shape, value, x.dtype if dtype is None else dtype, place))
    return made.requires_grad_() if requires_grad else made


def full_like(
    input: Operand, fill_value: Any, *, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """One number with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("full_like", input)
    return _like(x, x.shape, fill_value, dtype, device, requires_grad)


def zeros_like(input: Operand, *, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Zeros with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("zeros_like", input)
    return _like(x, x.shape, 0, dtype, device, requires_grad)


def ones_like(input: Operand, *, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """Ones with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("ones_like", input)
    return _like(x, x.shape, 1, dtype, device, requires_grad)


def empty_like(input: Operand, *, dtype: Type = None, device: Place = None, requires_grad: bool = False) -> Tensor:
    """As ``zeros_like``: nothing here has elements that nobody wrote."""
    x = operand("empty_like", input)
    return _like(x, x.shape, 0, dtype, device, requires_grad)


def new_full(
    input: Operand, size: Extent, fill_value: Any, *, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """One number of another shape, with the dtype and device of ``input``, unless others are given."""
    return _like(operand("new_full", input), size, fill_value, dtype, device, requires_grad)


def new_zeros(
    input: Operand, *size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of another shape, with the dtype and device of ``input``, unless others are given."""
    return _like(operand("new_zeros", input), sizes(size), 0, dtype, device, requires_grad)


def new_ones(
    input: Operand, *size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """Ones of another shape, with the dtype and device of ``input``, unless others are given."""
    return _like(operand("new_ones", input), sizes(size), 1, dtype, device, requires_grad)


def new_empty(
    input: Operand, *size: Extent, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """As ``new_zeros``: nothing here has elements that nobody wrote."""
    return _like(operand("new_empty", input), sizes(size), 0, dtype, device, requires_grad)


def new_tensor(
    input: Operand, data: Any, *, dtype: Type = None, device: Place = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ``data`` with the dtype and device of ``input``, unless others are given."""
    x = operand("new_tensor", input)
    made = x._tensor(data).to(x.dtype if dtype is None else as_dtype(dtype))
    place = x._expr.device if device is None else device
    made = made.detach() if place is None else made.detach().to(get_device(place))
    return made.requires_grad_() if requires_grad else made
