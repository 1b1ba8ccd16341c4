"""Nearest whole numbers, quotients and remainders that rest on them, signs, and limits.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from weft.framework.axes import whole
from weft.framework.errors import OptionError
from weft.framework.logic import everywhere
from weft.framework.operators import TensorOperators, elementwise, operand
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def floor(input: Operand) -> Tensor:
    """The largest whole number that is not above; integers as they are."""
    x = operand("floor", input)
    return elementwise("floor", x, x) if x.dtype.is_float else x.clone()


def ceil(input: Operand) -> Tensor:
    """The smallest whole number that is not below; integers as they are."""
    x = operand("ceil", input)
    return -floor(-x) if x.dtype.is_float else x.clone()


def trunc(input: Operand) -> Tensor:
    """The nearest whole number towards 0; integers as they are."""
    x = operand("trunc", input)
    return where(x < 0, ceil(x), floor(x)) if x.dtype.is_float else x.clone()


def frac(input: Operand) -> Tensor:
    """What ``trunc`` leaves."""
    x = operand("frac", input)
    return x - trunc(x)


def round(input: Operand, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, of two the even one; with ``decimals`` the nearest of that many decimal places."""
    x, places = operand("round", input), whole(decimals, "decimals")
    if not x.dtype.is_float:
        return x.clone()
    if not places:
        return elementwise("round", x, x)
    scale = float(10 ** abs(places)) if abs(places) < 40 else math.inf
    return round(x * scale) / scale if places > 0 else round(x / scale) * scale


def remainder(input: Operand, other: Operand) -> Tensor:
    """a - floor(a / b) · b, with the sign of b: what ``a % b`` is. Of integers by 0 it is 0."""
    _, b, rest = _divided("remainder", input, other)
    return where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)


def fmod(input: Operand, other: Operand) -> Tensor:
    """a - trunc(a / b) · b, with the sign of a. Of integers by 0 it is 0."""
    return _divided("fmod", input, other)[2]


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """floor(a / b): what ``a // b`` is; of integers an integer, and by 0 it is 0."""
    a, b, rest = _divided("floor_divide", input, other)
    if not rest.dtype.is_float:
        below = (rest != 0) & ((rest < 0) != (b < 0))
        return elementwise("int_div", a, a, b) - below.to(rest.dtype)
    rest = where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)
    return where(b == 0, a / b, round((a - rest) / b))


def _divided(function: str, input: Operand, other: Operand) -> tuple[Tensor, Tensor, Tensor]:
    """Both operands in the type of the quotient, and what is left when it is cut off towards 0."""
    first = operand(function, other if isinstance(input, bool | int | float) else input)
    rest = elementwise("rem", first, input, other)
    a, b = (rest._tensor(x).to(rest.dtype) if isinstance(x, bool | int | float) else operand(function, x).to(rest.dtype)
            for x in (input, other))
    return a, b, rest


def divide(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """a / b, as a float; with ``rounding_mode`` "floor" or "trunc" rounded so, integers staying integers."""
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        a, b, rest = _divided("div", input, other)
        return trunc(a / b) if rest.dtype.is_float else elementwise("int_div", a, a, b)
    if rounding_mode is not None:
        raise OptionError(f"{user_line()}: div: rounding_mode is 'floor', 'trunc' or None, not {rounding_mode!r}")
    return TensorOperators.__truediv__(operand("div", input), other)


def reversed_remainder(input: Operand, other: Operand) -> Tensor:
    """b % a: what Python calls for a number in front."""
    return remainder(other, input)


def reversed_floor_divide(input: Operand, other: Operand) -> Tensor:
    """b // a: what Python calls for a number in front."""
    return floor_divide(other, input)


def sign(input: Operand) -> Tensor:
    """1, 0 or -1 as the element is above, at or below 0 (0 of NaN); its gradient is 0."""
    x = operand("sign", input)
    if x.dtype.kind == "bool":
        return x
    return _still(x, where(x > 0, 1, where(x < 0, -1, 0)).to(x.dtype))


def _still(x: Tensor, value: Tensor) -> Tensor:
    """``value``, which does not change where ``x`` changes a little, with a gradient of 0."""
    return elementwise("select", x, x, value, leading=(everywhere(x, False),)) if x.requires_grad else value


def clamp_min(input: Operand, min: Any) -> Tensor:
    """Elements below ``min`` raised to it."""
    return clamp(input, min)


def clamp_max(input: Operand, max: Any) -> Tensor:
    """Elements above ``max`` lowered to it."""
    return clamp(input, None, max)


def clamp(input: Operand, min: Any = None, max: Any = None) -> Tensor:
    """Elements below ``min`` raised to it, then those above ``max`` lowered to it: numbers or tensors, one at least.

    The gradient goes to the element where it lies within the limits, or at one, else to the limit. Raises
    FrameworkError.
    """
    x = operand("clamp", input)
    if min is None and max is None:
        raise OptionError(f"{user_line()}: clamp needs min or max")
    for limit, beyond in ((min, "lt"), (max, "gt")):
        if limit is not None:
            x = elementwise("select", x, limit, x, leading=(elementwise(beyond, x, x, limit),))
    return x
