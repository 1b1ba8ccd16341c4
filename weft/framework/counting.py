"""Counts and places of values: what is not zero, how often each integer is there, where a number would be sorted in.

Each function is the tensor's method of that name as well, but ``searchsorted`` and ``bucketize``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np

from weft.framework.axes import count
from weft.framework.dtypes import int32, int64
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.gathering import scatter_add
from weft.framework.keywords import numpy_named
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.reductions import amax, amin
from weft.framework.tracing import refuse_value
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class LeastAndMost(NamedTuple):
    """What ``aminmax`` gives: the least elements and the greatest."""

    min: Tensor
    max: Tensor


def aminmax(input: Operand, *, dim: SupportsIndex | None = None, keepdim: bool = False) -> LeastAndMost:
    """(min, max): the least and the greatest element, along an axis or of all."""
    x = operand("aminmax", input)
    along = None if dim is None else dim
    return LeastAndMost(amin(x, along, keepdim), amax(x, along, keepdim))


@numpy_named
def count_nonzero(input: Operand, dim: SupportsIndex | Sequence[SupportsIndex] | None = None) -> Tensor:
    """int64: how many elements are not 0, along one axis or several, or of all."""
    return (operand("count_nonzero", input) != 0).long().sum(dim)


def bincount(input: Operand, weights: Operand | None = None, minlength: SupportsIndex = 0) -> Tensor:
    """How often each integer from 0 on is in a vector, or the sum of its ``weights``; ``minlength`` of them at least.

    Realises the vector, by whose greatest element the length goes. Raises DTypeError or ShapeError for another tensor.
    """
    x, least = operand("bincount", input), count(minlength, "minlength", 0)
    if x.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: bincount counts integers, not {x.dtype}")
    if x.ndim != 1:
        raise ShapeError(f"{user_line()}: bincount takes a vector, not {list(x.shape)}; use .flatten()")
    refuse_value("bincount, whose shape depends on values,")
    values = x.numpy()
    if values.size and values.min() < 0:
        raise DTypeError(f"{user_line()}: bincount counts integers from 0 on; the least here is {values.min()}")
    length = max(least, int(values.max()) + 1 if values.size else 0)
    each = x.new_full(x.shape, 1, dtype=int64) if weights is None else operand("bincount", weights)
    if each.shape != x.shape:
        raise ShapeError(f"{user_line()}: bincount: a weight for each of {list(x.shape)}, not {list(each.shape)}")
    each = each if each.dtype.is_float else each.long()
    return scatter_add(each.new_zeros(length), 0, x, each)


def searchsorted(
    sorted_sequence: Operand, input: Operand, *, out_int32: bool = False, right: bool = False, side: str | None = None
) -> Tensor:
    """Before which place of a sorted vector (or row of rows) each element belongs, so that the order stays.

    right, or side="right": behind equal ones. int64, or int32 if asked for. Raises ShapeError for rows that do not
    match. It counts, which holds for NaN at the end as torch has it.
    """
    edges, x = operand("searchsorted", sorted_sequence), operand("searchsorted", input)
    if edges.ndim > 1 and edges.shape[:-1] != x.shape[:-1]:
        shown = f"{list(edges.shape)} and {list(x.shape)}"
        raise ShapeError(f"{user_line()}: searchsorted: rows of edges and of values are equally many, not {shown}")
    behind, each = right or side == "right", x.unsqueeze(-1)
    rows = edges if edges.ndim < 2 else edges.unsqueeze(-2)
    passed = ((rows <= each) if behind else (rows < each)).long().sum(-1)
    return passed.to(int32) if out_int32 else passed


def bucketize(input: Operand, boundaries: Operand, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """In which interval between sorted ``boundaries`` each element lies: ``searchsorted`` the other way round."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements: Operand, test_elements: Any) -> Tensor:
    """bool: whether each element is among ``test_elements``, a tensor or list of any shape."""
    x, among = operand("isin", elements), operand("isin", np.asarray(test_elements))
    return (x.unsqueeze(-1) == among.flatten()).any(-1)
