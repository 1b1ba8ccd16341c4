"""Elementary functions that are made of others: logarithms and powers of 2 and 10, angles, hyperbolic functions.

Gradients come from what they are made of. Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from weft.framework.axes import real
from weft.framework.dtypes import float32
from weft.framework.operators import TensorOperators, operand
from weft.framework.powers import square
from weft.framework.selection import where
from weft.framework.typeinfo import FloatInfo
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def _float(function: str, input: Operand) -> Tensor:
    """The operand as floats: integers and bools as float32."""
    x = operand(function, input)
    return x if x.dtype.is_float else x.to(float32)


def log2(input: Operand) -> Tensor:
    """The logarithm to base 2."""
    return _float("log2", input).log() / math.log(2)


def log10(input: Operand) -> Tensor:
    """The logarithm to base 10."""
    return _float("log10", input).log() / math.log(10)


def exp2(input: Operand) -> Tensor:
    """2 to the power of each element."""
    return 2.0 ** _float("exp2", input)


def tan(input: Operand) -> Tensor:
    """sin / cos."""
    x = _float("tan", input)
    return x.sin() / x.cos()


def atan(input: Operand) -> Tensor:
    """The angle in (-π/2, π/2) of a tangent."""
    x = _float("atan", input)
    return TensorOperators.atan2(x, x.new_ones(()))


def asin(input: Operand) -> Tensor:
    """The angle in [-π/2, π/2] of a sine; NaN outside of [-1, 1]."""
    x = _float("asin", input)
    return TensorOperators.atan2(x, ((1 - x) * (1 + x)).sqrt())


def acos(input: Operand) -> Tensor:
    """The angle in [0, π] of a cosine; NaN outside of [-1, 1]."""
    x = _float("acos", input)
    return TensorOperators.atan2(((1 - x) * (1 + x)).sqrt(), x)


def sinh(input: Operand) -> Tensor:
    """(exp(x) - exp(-x)) / 2, near 0 as exact as elsewhere."""
    x = _float("sinh", input)
    grown = x.expm1()
    return where(x.abs() < 1, (grown + grown / (grown + 1)) / 2, (x.exp() - (-x).exp()) / 2)


def cosh(input: Operand) -> Tensor:
    """(exp(x) + exp(-x)) / 2."""
    x = _float("cosh", input)
    return (x.exp() + (-x).exp()) / 2


def asinh(input: Operand) -> Tensor:
    """The inverse of ``sinh``."""
    x = _float("asinh", input)
    size = x.abs()
    grown = (size + square(size) / (1 + (square(size) + 1).sqrt())).log1p()
    return where(x < 0, -grown, grown)


def acosh(input: Operand) -> Tensor:
    """The inverse of ``cosh``; NaN below 1."""
    x = _float("acosh", input)
    return (x + ((x - 1) * (x + 1)).sqrt()).log()


def atanh(input: Operand) -> Tensor:
    """The inverse of ``tanh``; NaN outside of [-1, 1]."""
    x = _float("atanh", input)
    return (x.log1p() - (-x).log1p()) / 2


def logit(input: Operand, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of x held to [eps, 1 - eps] if that is given."""
    x = _float("logit", input)
    least = None if eps is None else real(eps, "logit: eps")
    held = x if least is None else x.clamp(least, 1 - least)
    return held.log() - (-held).log1p()


def logaddexp(input: Operand, other: Operand) -> Tensor:
    """log(exp(a) + exp(b)), without overflow."""
    a, b = _float("logaddexp", input), _float("logaddexp", other)
    most = TensorOperators.maximum(a, b)
    apart = where((a == b), (a - a) * 0, -(a - b).abs())  # equal infinities have no difference
    return most + where(most.isinf() & (a == b), most.new_zeros(()), apart.exp().log1p())


def hypot(input: Operand, other: Operand) -> Tensor:
    """sqrt(a² + b²), without overflow."""
    a, b = _float("hypot", input).abs(), _float("hypot", other).abs()
    most, least = TensorOperators.maximum(a, b), TensorOperators.minimum(a, b)
    ratio = least / where(most == 0, most.new_ones(()), most)
    return most * (1 + square(ratio)).sqrt()


def nan_to_num(input: Operand, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN as ``nan``, and infinities as given, or as the greatest and the least number of the type."""
    x = operand("nan_to_num", input)
    if not x.dtype.is_float:
        return x.clone()
    limit = FloatInfo(x.dtype).max
    high, low = limit if posinf is None else posinf, -limit if neginf is None else neginf
    held: Any = where(x.isnan(), x.new_full((), nan), x)
    return where(x == math.inf, x.new_full((), high), where(x == -math.inf, x.new_full((), low), held))
