"""Functions of tensors: making them and choosing between them, all composed of primitives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from weft.framework.axes import Extent, sizes
from weft.framework.device import Device, get_device
from weft.framework.dtypes import DType, as_dtype, bool_, float32
from weft.framework.errors import DTypeError
from weft.framework.lazy import Expr, apply, constant
from weft.framework.operators import elementwise, expand
from weft.framework.origin import user_line
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Number, Tensor, tensor
from weft.framework.writing import Operand


def full(
    shape: Extent, value: Number, dtype: DType | str = float32, device: str | Device | None = None
) -> Tensor:
    """A tensor of one value."""
    made: Expr = expand(constant(value, as_dtype(dtype)), sizes((shape,)))
    made.device = None if device is None else get_device(device)
    return Tensor._of(made)


def zeros(*shape: Extent, dtype: DType | str = float32, device: str | Device | None = None) -> Tensor:
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3))."""
    return full(sizes(shape), 0, dtype, device)


def ones(*shape: Extent, dtype: DType | str = float32, device: str | Device | None = None) -> Tensor:
    """A tensor of ones."""
    return full(sizes(shape), 1, dtype, device)


def zeros_like(like: Operand) -> Tensor:
    """Zeros with the shape, dtype and device of ``like``."""
    like = operand("zeros_like", like)
    return full(like.shape, 0, like.dtype, like._expr.device)


def ones_like(like: Operand) -> Tensor:
    """Ones with the shape, dtype and device of ``like``."""
    like = operand("ones_like", like)
    return full(like.shape, 1, like.dtype, like._expr.device)


def arange(stop: SupportsIndex) -> Tensor:
    """int32 [stop]: 0, 1, …"""
    return Tensor._of(apply("iota", shape=sizes((stop,), "range"), axis=0))


def operand(function: str, value: Operand) -> Tensor:
    """``value`` as the tensor that ``function`` takes; arrays become one. Raises DTypeError naming the function."""
    if isinstance(value, Tensor):
        return value
    if value is None or not isinstance(value, np.ndarray | np.generic | list | tuple | bool | int | float):
        shown = "None" if value is None else f"a {type(value).__name__}"
        raise DTypeError(f"{user_line()}: {function} was given {shown}; give a tensor or an array")
    return Tensor(value)


def where(condition: Operand, a: Operand, b: Operand) -> Tensor:
    """a where the bool ``condition`` holds, else b; all three broadcast."""
    condition = operand("where", condition)
    if condition.dtype != bool_:
        raise DTypeError(f"{user_line()}: the condition of where() is {condition.dtype}, not bool; write x != 0")
    return elementwise("select", condition, a, b, leading=(condition,))


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of each pair; at a tie the gradient goes to b."""
    return elementwise("maximum", _tensor_of("maximum", a, b), a, b)


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of each pair; at a tie the gradient goes to b."""
    return elementwise("minimum", _tensor_of("minimum", a, b), a, b)


def _tensor_of(function: str, *operands: Any) -> Tensor:
    """The first tensor among the operands, or the first operand as one. Raises DTypeError naming the function."""
    found = next((x for x in operands if isinstance(x, Tensor)), None)
    return operand(function, operands[0]) if found is None else found


__all__ = [
    "arange", "full", "maximum", "minimum", "ones", "ones_like", "tensor", "where", "zeros", "zeros_like",
]


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("weft", globals())
