"""What is true of elements: logic, NaN and infinity, closeness, equality of whole tensors.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weft.framework.axes import real
from weft.framework.dtypes import bool_, float32
from weft.framework.errors import DTypeError
from weft.framework.lazy import constant
from weft.framework.operators import elementwise, expand, operand
from weft.framework.origin import user_line
from weft.framework.reductions import all
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def truth(function: str, value: Operand) -> Tensor:
    """bool: where ``value`` is not zero. NaN is not zero."""
    x = operand(function, value)
    return x if x.dtype is bool_ else x != 0


def logical_and(input: Operand, other: Operand) -> Tensor:
    """bool: where both are not zero."""
    return truth("logical_and", input) & truth("logical_and", other)


def logical_or(input: Operand, other: Operand) -> Tensor:
    """bool: where one of both is not zero."""
    return truth("logical_or", input) | truth("logical_or", other)


def logical_xor(input: Operand, other: Operand) -> Tensor:
    """bool: where exactly one of both is not zero."""
    return truth("logical_xor", input) != truth("logical_xor", other)


def logical_not(input: Operand) -> Tensor:
    """bool: where it is zero."""
    return ~truth("logical_not", input)


def isnan(input: Operand) -> Tensor:
    """bool: where it is not a number."""
    x = operand("isnan", input)
    return x != x


def isinf(input: Operand) -> Tensor:
    """bool: where it is infinite, of either sign."""
    x = operand("isinf", input)
    return x.abs() == math.inf if x.dtype.is_float else everywhere(x, False)


def isfinite(input: Operand) -> Tensor:
    """bool: where it is neither infinite nor NaN."""
    x = operand("isfinite", input)
    return x.abs() < math.inf if x.dtype.is_float else everywhere(x, True)


def everywhere(like: Tensor, value: bool) -> Tensor:
    """bool: one value with the shape of ``like``."""
    return like._of(expand(constant(value, bool_), like.shape))


def isclose(
    input: Operand, other: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """bool: where \\|a - b\\| ≤ atol + rtol·\\|b\\|, or a = b; with ``equal_nan`` where both are NaN too.

    Raises DTypeError for operands of two element types.
    """
    a, b = _of_one_type("isclose", input, other)
    if not a.dtype.is_float:
        if a.dtype is bool_:
            return a == b
        a, b = a.to(float32), b.to(float32)
    bound = real(atol, "atol") + real(rtol, "rtol") * b.abs()
    near = (a == b) | (((a - b).abs() <= bound) & isfinite(b))
    return near | (isnan(a) & isnan(b)) if equal_nan else near


def allclose(input: Operand, other: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as ``isclose`` says. Realises; raises TraceError in a jitted function."""
    return bool(all(isclose(input, other, rtol, atol, equal_nan)))


def equal(input: Operand, other: Operand) -> bool:
    """Whether both have one shape and equal elements. Realises; raises TraceError in a jitted function."""
    a, b = operand("equal", input), operand("equal", other)
    return a.shape == b.shape and bool(all(elementwise("eq", a, a, b)))


def _of_one_type(function: str, first: Operand, second: Operand) -> tuple[Tensor, Tensor]:
    a, b = operand(function, first), operand(function, second)
    if a.dtype != b.dtype:
        raise DTypeError(f"{user_line()}: {function} takes tensors of one element type, not {a.dtype} and {b.dtype}")
    return a, b
