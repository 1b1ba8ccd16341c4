"""Many elements to one along axes: sums, means, products, extrema, and whether any or all are true.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, overload

import numpy as np

from weft.framework.autocast import casting
from weft.framework.axes import Dims, axes, axis
from weft.framework.dtypes import DType, as_dtype, bool_, float32, int8, int32, int64, promote
from weft.framework.errors import DTypeError
from weft.framework.keywords import numpy_named
from weft.framework.lazy import apply, constant, no_grad
from weft.framework.operators import cast, expand, operand
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Extremum(NamedTuple):
    """The extreme elements along an axis, and their int32 indices (the lowest where several are equal)."""

    values: Tensor
    indices: Tensor


@numpy_named
def sum(input: Operand, dim: Dims = None, keepdim: bool = False, *, dtype: DType | str | None = None) -> Tensor:
    """Sum over axes (all by default), of elements cast to ``dtype`` first.

    dtype: a float or int type; by default bools and integers are summed as int64, floats as they are (bfloat16 in
    float32, rounded once). Integers wrap. Raises DTypeError.
    """
    x = operand("sum", input)
    wanted = as_dtype(dtype) if dtype is not None else x.dtype if x.dtype.is_float else int64
    if wanted is bool_:
        raise DTypeError(f"{user_line()}: sum() gives numbers, not bool; write (x != 0).any() for any of them")
    return x._of(apply("sum", cast(x._read(), wanted), axes=axes(dim, x.shape), keepdims=bool(keepdim)))


@numpy_named
def mean(input: Operand, dim: Dims = None, keepdim: bool = False, *, dtype: DType | str | None = None) -> Tensor:
    """Mean over axes (all by default), of floats or of elements cast to a float ``dtype``; it is rounded once.

    Raises DTypeError.
    """
    x = operand("mean", input)
    wanted = x.dtype if dtype is None else as_dtype(dtype)
    if not wanted.is_float:
        instead = "" if dtype is None else f" as {wanted}"
        raise DTypeError(f"{user_line()}: mean() takes floats, not {x.dtype}{instead}; use .float() first")
    count = math.prod(x.shape[axis] for axis in axes(dim, x.shape))
    total = sum(x.to(wanted), dim, keepdim, dtype=promote(wanted, float32))
    return (total * (1 / count if count else math.nan)).to(wanted)


@numpy_named
def amax(input: Operand, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Largest element over axes (all by default); equal maxima share the gradient."""
    x = operand("amax", input)
    numbers = cast(x._read(), int8) if x.dtype is bool_ else x._read()
    return x._of(cast(apply("max", numbers, axes=axes(dim, x.shape), keepdims=bool(keepdim)), x.dtype))


@numpy_named
def amin(input: Operand, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Smallest element over axes (all by default); equal minima share the gradient."""
    return _turned(amax(_turned(operand("amin", input)), dim, keepdim))


def _turned(x: Tensor) -> Tensor:
    """The order reversed without leaving the type: -x, of integers -1 - x or most - x, of bools not x."""
    if x.dtype.is_float or x.dtype is bool_:
        return -x if x.dtype.is_float else ~x
    return (-1 if x.dtype.signed else int(np.iinfo(x.dtype.numpy).max)) - x


@numpy_named
def argmax(input: Operand, dim: SupportsIndex | None = None, keepdim: bool = False) -> Tensor:
    """int32 index of the largest element along an axis, or in the flattened tensor; the lowest wins."""
    x = operand("argmax", input)
    if dim is None:
        found = argmax(x.flatten(), 0)
        return found.reshape((1,) * x.ndim) if keepdim else found
    if not x.shape:
        return argmax(x.reshape(1), axis(dim, ())).reshape(())
    return x._of(apply("argmax", x._read(), axis=axis(dim, x.shape), keepdims=bool(keepdim)))


@numpy_named
def argmin(input: Operand, dim: SupportsIndex | None = None, keepdim: bool = False) -> Tensor:
    """int32 index of the smallest element along an axis, or in the flattened tensor; the lowest wins."""
    x = operand("argmin", input)
    return argmax(x if x.dtype is bool_ else _turned(x), dim, keepdim)


@overload
def max(input: Operand, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def max(input: Operand, dim: Tensor, keepdim: bool = False) -> Tensor: ...  # type: ignore[overload-overlap]  # an index too
@overload
def max(input: Operand, dim: SupportsIndex, keepdim: bool = False) -> Extremum: ...
@numpy_named
def max(input: Operand, dim: Any = None, keepdim: bool = False) -> Tensor | Extremum:
    """Largest element of all, or along one axis (values, indices), or of each pair with another tensor.

    Along an axis the gradient goes to the first of equal maxima, else they share it.
    """
    x = operand("max", input)
    if dim is None:
        return amax(x)
    if hasattr(dim, "_read"):
        return x.maximum(dim)
    return _chosen(x, argmax(_ordered(x), dim, True), dim, keepdim)


@overload
def min(input: Operand, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def min(input: Operand, dim: Tensor, keepdim: bool = False) -> Tensor: ...  # type: ignore[overload-overlap]  # an index too
@overload
def min(input: Operand, dim: SupportsIndex, keepdim: bool = False) -> Extremum: ...
@numpy_named
def min(input: Operand, dim: Any = None, keepdim: bool = False) -> Tensor | Extremum:
    """Smallest element of all, or along one axis (values, indices), or of each pair with another tensor.

    Along an axis the gradient goes to the first of equal minima, else they share it.
    """
    x = operand("min", input)
    if dim is None:
        return amin(x)
    if hasattr(dim, "_read"):
        return x.minimum(dim)
    return _chosen(x, argmin(_ordered(x), dim, True), dim, keepdim)


def _ordered(x: Tensor) -> Tensor:
    """A type that the search for an index takes."""
    return x.to(int8) if x.dtype is bool_ else x


def _chosen(x: Tensor, indices: Tensor, dim: Any, keepdim: bool) -> Extremum:
    """The elements at ``indices``, one along the axis."""
    along = axis(dim, x.shape)
    if not x.shape:
        return Extremum(x.reshape(()), indices.reshape(()))
    grid = apply("iota", shape=x.shape, axis=along)
    at = x._of(apply("eq", grid, expand(indices._read(), x.shape)))
    zero = expand(constant(False if x.dtype is bool_ else 0, x.dtype), x.shape)
    picked = x._of(apply("select", at._read(), x._read(), zero))
    values = any(picked, along, keepdim) if x.dtype is bool_ else sum(picked, along, keepdim, dtype=x.dtype)
    return Extremum(values, indices if keepdim else indices.squeeze(along))


@casting
@numpy_named
def prod(input: Operand, dim: SupportsIndex | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product along one axis, or of all elements, by halves: log2 of their number steps, so zeros have right gradients.

    dtype: as of ``sum``.
    """
    x = operand("prod", input)
    wanted = as_dtype(dtype) if dtype is not None else x.dtype if x.dtype.is_float else int64
    if dim is None:
        whole = prod(x.flatten(), 0, dtype=wanted)
        return whole.reshape((1,) * x.ndim) if keepdim else whole
    along = axis(dim, x.shape)
    rest = x.to(wanted) if x.shape else x.to(wanted).reshape(1)
    extent = rest.shape[along]
    if not extent:
        shape = tuple(1 if d == along else n for d, n in enumerate(rest.shape))
        rest = rest._of(expand(constant(1, wanted), shape))
    left_over: Tensor | None = None
    while (extent := rest.shape[along]) > 1:
        half = extent // 2
        if extent % 2:
            last = rest.narrow(along, extent - 1, 1)
            left_over = last if left_over is None else left_over * last
        rest = rest.narrow(along, 0, half) * rest.narrow(along, half, half)
    rest = rest if left_over is None else rest * left_over
    return rest if keepdim and x.shape else rest.squeeze(along)


@numpy_named
def any(input: Operand, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """bool: whether any element over axes (all by default) is not zero; of none, False. NaN is not zero."""
    x = operand("any", input)
    true = x if x.dtype is bool_ else x != 0
    return sum(true, dim, keepdim, dtype=int32) > 0


@numpy_named
def all(input: Operand, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """bool: whether all elements over axes (all by default) are not zero; of none, True. NaN is not zero."""
    x = operand("all", input)
    false = ~x if x.dtype is bool_ else x == 0
    return sum(false, dim, keepdim, dtype=int32) == 0


@numpy_named
def logsumexp(input: Operand, dim: Dims, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) over axes, shifted by the largest element so that nothing overflows. Integers become float32."""
    x = operand("logsumexp", input)
    x = x if x.dtype.is_float else x.to(float32)
    over = axes(dim, x.shape)
    if not math.prod(x.shape[d] for d in over):
        return sum(x.exp(), over, keepdim).log()
    with no_grad():
        largest = amax(x, over, True)
        shift = where(largest.abs() == math.inf, 0.0, largest)
    total = sum((x - shift).exp(), over, keepdim)
    none = total == 0  # its logarithm has no derivative; that of the result is 0
    logarithm = where(none, -math.inf, where(none, 1.0, total).log())
    return logarithm + (shift if keepdim else shift.reshape(total.shape))
