"""Choosing elements by masks. Each function is the tensor's method of that name as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from weft.framework.dtypes import bool_
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.operators import broadcast, elementwise, operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def mask_of(function: str, mask: Operand) -> Tensor:
    """A mask as a tensor. Raises DTypeError for what is no bool."""
    given = operand(function, mask)
    if given.dtype is not bool_:
        raise DTypeError(f"{user_line()}: {function}: the mask is {given.dtype}, not bool; write x != 0")
    return given


def masked_fill(input: Operand, mask: Operand, value: Operand) -> Tensor:
    """``value``, a number or a tensor without axes, where the bool ``mask`` holds, else the elements as they are.

    The mask is broadcast, also to more axes than the tensor has. The type stays the tensor's. Raises DTypeError and
    ShapeError.
    """
    x, given = operand("masked_fill", input), mask_of("masked_fill", mask)
    filling = operand("masked_fill", value)
    if filling.shape:
        raise ShapeError(f"{user_line()}: masked_fill takes one number, not {list(filling.shape)}; use where()")
    if filling.dtype.is_float and not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: masked_fill: {filling.dtype} does not go into {x.dtype}; use where()")
    broadcast("masked_fill", (x.shape, given.shape))
    return elementwise("select", x, filling.to(x.dtype), x, leading=(given,))


@overload
def where(condition: Operand) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Operand, input: Operand, other: Operand) -> Tensor: ...
def where(condition: Operand, input: Any = None, other: Any = None) -> Tensor | tuple[Tensor, ...]:
    """``input`` where the bool ``condition`` holds, else ``other``; all three broadcast. Raises DTypeError.

    Of a condition alone, the places where it is not zero: an int64 vector for each axis, which realises it.
    """
    chosen = operand("where", condition)
    if input is None and other is None:
        from weft.framework.realised import nonzero

        places: tuple[Tensor, ...] = nonzero(chosen, as_tuple=True)
        return places
    if chosen.dtype is not bool_:
        raise DTypeError(f"{user_line()}: the condition of where() is {chosen.dtype}, not bool; write x != 0")
    return elementwise("select", chosen, input, other, leading=(chosen,))


def where_of(input: Operand, condition: Operand, other: Operand) -> Tensor:
    """The elements where the bool ``condition`` holds, else ``other``: the method ``x.where(condition, y)``."""
    return where(condition, input, other)
