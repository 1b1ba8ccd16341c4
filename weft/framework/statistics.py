"""Spread and size of elements along axes: variance, standard deviation, norms, distance.

Each function is the tensor's method of that name as well. What is bfloat16 is computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft.framework.autocast import casting
from weft.framework.axes import Dims, axes, real
from weft.framework.dtypes import DType, as_dtype, bfloat16
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.reductions import amax, amin, mean, sum
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


@numpy_named
def var(
    input: Operand, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:
    """Variance over axes (all by default): squared differences from the mean over their number less ``correction``.

    correction: 1 by default; ``unbiased=False`` is another way to say 0. Raises DTypeError for what is no float.
    """
    return _spread("var", input, dim, unbiased, keepdim, correction, lambda variance: variance)[0]


@numpy_named
def std(
    input: Operand, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:
    """Standard deviation over axes, the root of ``var``; where that is 0, so is the gradient."""
    return _spread("std", input, dim, unbiased, keepdim, correction, root)[0]


@numpy_named
def var_mean(
    input: Operand, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """``var`` and the mean that it is taken from."""
    return _spread("var_mean", input, dim, unbiased, keepdim, correction, lambda variance: variance)


@numpy_named
def std_mean(
    input: Operand, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """``std`` and the mean that it is taken from."""
    return _spread("std_mean", input, dim, unbiased, keepdim, correction, root)


def _spread(
    function: str, input: Operand, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None,
    finish: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    x = operand(function, input)
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: {function}() takes floats, not {x.dtype}; use .float() first")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = real((1 if correction is None else correction) if unbiased is None else unbiased, "the correction")
    wide, over = x.float() if x.dtype is bfloat16 else x, axes(dim, x.shape)
    centre = mean(wide, over, True)
    total = sum((wide - centre) ** 2, over, keepdim)
    count = math.prod(x.shape[d] for d in over) - less
    variance = total * (1 / count) if count > 0 else total / 0.0
    middle = centre if keepdim else centre.reshape(total.shape)
    return finish(variance).to(x.dtype), middle.to(x.dtype)


def root(square: Tensor) -> Tensor:
    """The square root of a sum of squares; where that is 0, so is the gradient."""
    none = square == 0
    return where(none, 0.0, where(none, 1.0, square).sqrt())


@numpy_named
def norm(
    input: Operand, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False,
    dtype: DType | str | None = None,
) -> Tensor:
    """(Σ abs(x)^p)^(1/p) over axes (all by default); "fro" and None are p = 2.

    p: any number, or ±inf for the largest or smallest magnitude; 0 counts what is not 0. Raises DTypeError.
    """
    x = operand("norm", input)
    x = x if dtype is None else x.to(as_dtype(dtype))
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: norm() takes floats, not {x.dtype}; use .float() first")
    power = 2.0 if p in ("fro", None) else real(p, "the power of a norm")
    wide = x.float() if x.dtype is bfloat16 else x
    if power == 2:
        return root(sum(wide * wide, dim, keepdim)).to(x.dtype)
    size = wide.abs()
    if math.isinf(power):
        return (amax if power > 0 else amin)(size, dim, keepdim).to(x.dtype)
    if power == 0:
        return sum((size != 0).to(wide.dtype), dim, keepdim).to(x.dtype)
    if power == 1:
        return sum(size, dim, keepdim).to(x.dtype)
    return (sum(size**power, dim, keepdim) ** (1 / power)).to(x.dtype)


def dist(input: Operand, other: Operand, p: float = 2) -> Tensor:
    """The ``p``-norm of a - b."""
    return norm(operand("dist", input) - operand("dist", other), p)


@casting
def cdist(x1: Operand, x2: Operand, p: float = 2.0) -> Tensor:
    """[..., n, m]: the ``p``-norm between each of n vectors and each of m: of [..., n, k] and [..., m, k].

    Raises ShapeError for vectors of different lengths.
    """
    a, b = operand("cdist", x1), operand("cdist", x2)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        shown = f"{list(a.shape)} and {list(b.shape)}"
        raise ShapeError(f"{user_line()}: cdist takes rows of vectors of one length, [n, k] and [m, k], not {shown}")
    return norm(a.unsqueeze(-2) - b.unsqueeze(-3), p, dim=-1)
