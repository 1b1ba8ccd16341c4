"""What depends on values in its shape, and so realises them: masks to elements, unique ones, places that are not zero.

In a jitted function these raise TraceError. Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from weft.framework.axes import axis
from weft.framework.gathering import index_select
from weft.framework.operators import broadcast, operand
from weft.framework.rearranging import broadcast_to
from weft.framework.selection import mask_of
from weft.framework.tracing import refuse_value
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def masked_select(input: Operand, mask: Operand) -> Tensor:
    """The elements where the bool ``mask`` holds, as a vector; both are broadcast."""
    x, chosen = operand("masked_select", input), mask_of("masked_select", mask)
    refuse_value("masked_select, whose shape depends on values,")
    shape = broadcast("masked_select", (x.shape, chosen.shape))
    places = np.flatnonzero(np.broadcast_to(chosen.numpy(), shape))
    return index_select(broadcast_to(x, shape).flatten(), 0, x._tensor(places))


def nonzero(input: Operand, *, as_tuple: bool = False) -> Any:
    """int64 [n, axes]: the places of what is not zero, in row-major order; ``as_tuple``: a vector for each axis."""
    x = operand("nonzero", input)
    refuse_value("nonzero, whose shape depends on values,")
    found = np.argwhere(x.numpy() != 0)
    if not as_tuple:
        return x._tensor(found).long()
    columns = found.T if x.shape else np.zeros((1, len(found)), np.int64)
    return tuple(x._tensor(np.ascontiguousarray(column)).long() for column in columns)


def unique(
    input: Operand, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: SupportsIndex | None = None,
) -> Any:
    """The different elements (or slices along ``dim``), in order; with them the place of each element among these, and
    how often each is there, if asked for."""
    x = operand("unique", input)
    refuse_value("unique, whose shape depends on values,")
    along = None if dim is None else axis(dim, x.shape)
    values, inverse, counts = np.unique(
        x.numpy(), return_inverse=True, return_counts=True, axis=along, equal_nan=False
    )
    shape = x.shape if along is None else (x.shape[along],)
    further = (
        *([x._tensor(inverse.reshape(shape)).long()] if return_inverse else ()),
        *([x._tensor(counts).long()] if return_counts else ()),
    )
    found = x._tensor(values).to(x.dtype)
    return (found, *further) if further else found
