"""Powers: by small whole numbers as products, else one primitive. Each function is the tensor's method too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.axes import real
from weft.framework.dtypes import bool_, float32, int32
from weft.framework.errors import DTypeError
from weft.framework.lazy import apply, constant
from weft.framework.operators import elementwise, expand, operand
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

MOST_PRODUCTS = 64
"""The largest whole exponent that is made of products."""


def pow(input: Operand, exponent: Operand) -> Tensor:
    """``input`` to the power ``exponent``, numbers or tensors, one tensor at least; anything to 0 is 1, NaN too.

    Integers to the power of integers are products, which wrap. Raises DTypeError for integers to a negative number.
    """
    power: Any = exponent.item() if isinstance(exponent, np.generic) else exponent
    if isinstance(power, bool | int | float):
        return _by_number(operand("pow", input), power)
    raised = operand("**", power)
    base: Any = input if isinstance(input, bool | int | float) else operand("**", input)
    if raised.dtype.is_float or isinstance(base, float) or (not isinstance(base, int) and base.dtype.is_float):
        return elementwise("pow", raised, base, raised)
    return _integers(raised._tensor(base), raised)


def reversed_pow(input: Operand, base: Operand) -> Tensor:
    """``base`` to the power of this tensor: what ``base ** x`` calls."""
    return pow(base, input)


def square(input: Operand) -> Tensor:
    """x · x; of a bool as an integer."""
    return _by_number(operand("square", input), 2)


def rsqrt(input: Operand) -> Tensor:
    """1 / sqrt(x); of integers as float32."""
    return operand("rsqrt", input).sqrt().reciprocal()


def _by_number(x: Tensor, power: int | float) -> Tensor:
    whole = isinstance(power, int) or power.is_integer()
    if not x.dtype.is_float:
        if not isinstance(power, int):
            x = x.to(float32)
        elif power < 0:
            raise DTypeError(f"{user_line()}: integers to the power {power} are no integers; use .float() first")
        else:
            return _product(x.to(int32) if x.dtype is bool_ else x, power)
    if power == 0.5:
        return x.sqrt()
    if whole and abs(power) <= MOST_PRODUCTS:
        # the reciprocal of the power, and its gradient, may overflow before the power of the reciprocal does
        return _product(x, int(power)) if power >= 0 else _product(x.reciprocal(), -int(power))
    return elementwise("pow", x, x, real(power, "an exponent"))


def _product(x: Tensor, power: int) -> Tensor:
    """Products of squares; to 0 it is 1 whatever x is, NaN too, and with a gradient of 0."""
    result: Tensor | None = None
    for bit in bin(power)[2:]:
        result = None if result is None else result * result
        if bit == "1":
            result = x if result is None else result * x
    if result is not None:
        return result
    always, one = (expand(constant(value, dtype), x.shape) for value, dtype in ((True, bool_), (1, x.dtype)))
    return x._of(apply("select", always, one, x._read()))


def _integers(base: Tensor, power: Tensor) -> Tensor:
    """Powers bit by bit, the highest first; to a negative one what is left of 1/x: 0, or 1 and -1 of those."""
    like = base * power
    x, rest = base.to(like.dtype), power.to(like.dtype)
    result = x * 0 + 1
    for bit in range(like.dtype.bits - like.dtype.signed - 1, -1, -1):
        has = rest >= 1 << bit
        result = where(has, result * result * x, result * result)
        rest = where(has, rest - (1 << bit), rest)
    if not like.dtype.signed:
        return result
    of_one = where((x == 1) | (x == -1), where(power % 2 == 0, x * x, x), x * 0)
    return where(power < 0, of_one, result)
