"""What comes to a place along an axis, reduced: sums, means and extrema over the elements that share an index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from weft.framework.dtypes import DType
from weft.framework.errors import OptionError
from weft.framework.gathering import scattered
from weft.framework.keywords import numpy_named
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

REDUCTIONS = ("sum", "mean", "amax", "amin")


@numpy_named
def scatter_reduce(
    input: Operand, dim: SupportsIndex, index: Operand, src: Operand, reduce: str, *, include_self: bool = True
) -> Tensor:
    """What ``reduce`` makes of the elements of ``src`` at each place along an axis, and of what is there.

    reduce: "sum", "mean", "amax" or "amin". include_self=False: without what is there, where any element comes to.
    Raises FrameworkError for another ``reduce``.
    """
    x, parts = operand("scatter_reduce", input), operand("scatter_reduce", src)
    if reduce not in REDUCTIONS:
        told = ", ".join(map(repr, REDUCTIONS))
        raise OptionError(f"{user_line()}: scatter_reduce: reduce is one of {told}, not {reduce!r}")
    if reduce == "amin":
        return -scatter_reduce(-x, dim, index, -parts, "amax", include_self=include_self)

    def arrived(there: Tensor, given: Tensor, mode: str) -> Tensor:
        return scattered("scatter_reduce", there, dim, index, given, mode)

    came = None
    if reduce == "mean" or not include_self:
        came = arrived(x.new_zeros(x.shape), x.new_ones(parts.shape), "add")
    if came is not None and not include_self:
        x = where(came > 0, x.new_full((), _nothing(reduce, x.dtype)), x)
    found = arrived(x, parts, "max" if reduce == "amax" else "add")
    if reduce != "mean" or came is None:
        return found
    number = came + 1 if include_self else came.clamp(min=1)
    return found / number if x.dtype.is_float else found // number


def _nothing(reduce: str, dtype: DType) -> float:
    """What leaves every number that it is reduced with as it is."""
    if reduce != "amax":
        return 0
    return -math.inf if dtype.is_float else int(np.iinfo(dtype.numpy).min)
