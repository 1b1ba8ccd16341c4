"""Elements in order along an axis: sorted, the largest, the k-th, the median.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from weft.framework.axes import axis, count
from weft.framework.errors import ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.lazy import results
from weft.framework.logic import isnan
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.reductions import any
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Ordered(NamedTuple):
    """Elements in order, and the int32 indices that they had."""

    values: Tensor
    indices: Tensor


@numpy_named
def sort(input: Operand, dim: SupportsIndex = -1, descending: bool = False, stable: bool = True) -> Ordered:
    """The elements along an axis in order, and their indices; equal ones keep theirs, and NaN is the largest."""
    x = operand("sort", input)
    if not x.shape:
        return Ordered(x.clone(), _indices(x))
    values, indices = results("sort", x._read(), axis=axis(dim, x.shape), descending=bool(descending))
    return Ordered(x._of(values), x._of(indices))


def _indices(x: Tensor) -> Tensor:
    return x._tensor(0)


@numpy_named
def argsort(input: Operand, dim: SupportsIndex = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """int32: the indices that sort the elements along an axis; equal ones keep their order."""
    return sort(input, dim, descending).indices


@numpy_named
def topk(
    input: Operand, k: SupportsIndex, dim: SupportsIndex = -1, largest: bool = True, sorted: bool = True
) -> Ordered:
    """The ``k`` largest (or smallest) elements along an axis, in order, and their indices. Raises ShapeError."""
    x = operand("topk", input)
    number, ordered = count(k, "k"), sort(x, dim, largest)
    if not x.shape:
        return ordered
    along = axis(dim, x.shape)
    if number > x.shape[along]:
        raise ShapeError(f"{user_line()}: topk: axis {along} of {list(x.shape)} has not {number} elements")
    return Ordered(*(part.narrow(along, 0, number) for part in ordered))


@numpy_named
def kthvalue(input: Operand, k: SupportsIndex, dim: SupportsIndex = -1, keepdim: bool = False) -> Ordered:
    """The ``k``-th smallest element along an axis, counted from 1, and its index. Raises ShapeError."""
    x = operand("kthvalue", input)
    number, ordered = count(k, "k", 1), sort(x, dim)
    if not x.shape:
        return ordered
    along = axis(dim, x.shape)
    if number > x.shape[along]:
        raise ShapeError(f"{user_line()}: kthvalue: axis {along} of {list(x.shape)} has not {number} elements")
    found = [part.narrow(along, number - 1, 1) for part in ordered]
    return Ordered(*(found if keepdim else (part.squeeze(along) for part in found)))


@numpy_named
def median(input: Operand, dim: Any = None, keepdim: bool = False) -> Tensor | Ordered:
    """The middle element, the lower of two, of all or along an axis (values, indices); NaN if there is one.

    Raises ShapeError where there is no element.
    """
    x = operand("median", input)
    if dim is None:
        return _middle(x.flatten(), 0, False).values
    return _middle(x, axis(dim, x.shape), keepdim)


def _middle(x: Tensor, along: int, keepdim: bool) -> Ordered:
    if not x.shape:
        return sort(x)
    if not x.shape[along]:
        raise ShapeError(f"{user_line()}: median: axis {along} of {list(x.shape)} has no element")
    lower = kthvalue(x, (x.shape[along] - 1) // 2 + 1, along, keepdim)
    if not x.dtype.is_float:
        return lower
    last = kthvalue(x, x.shape[along], along, keepdim)
    none = any(isnan(x), along, keepdim)
    return Ordered(where(none, last.values, lower.values), where(none, last.indices, lower.indices))
