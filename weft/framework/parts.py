"""Parts of a tensor along one axis, as views of it: ranges, single places, equal or given pieces.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.axes import axis, count, extents, whole
from weft.framework.errors import AxisError, ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


@numpy_named
def narrow(input: Operand, dim: SupportsIndex, start: SupportsIndex, length: SupportsIndex) -> Tensor:
    """``length`` places along an axis from ``start`` on, counted from the end if negative. Raises AxisError."""
    x = _with_axes("narrow", input)
    along, first = axis(dim, x.shape), whole(start, "a start")
    extent, size = x.shape[along], count(length, "a length")
    if not -extent <= first <= extent or (first % extent if first < 0 else first) + size > extent:
        raise AxisError(
            f"{user_line()}: narrow: {size} places from {first} on are outside axis {along} of {list(x.shape)}"
        )
    first = first + extent if first < 0 else first
    return _range(x, along, first, first + size)


@numpy_named
def select(input: Operand, dim: SupportsIndex, index: SupportsIndex) -> Tensor:
    """One place along an axis, which goes. Raises AxisError."""
    x = _with_axes("select", input)
    along = axis(dim, x.shape)
    return x[(*(slice(None),) * along, whole(index, "an index"))]


@numpy_named
def unbind(input: Operand, dim: SupportsIndex = 0) -> tuple[Tensor, ...]:
    """Every place along an axis, which goes."""
    x = _with_axes("unbind", input)
    along = axis(dim, x.shape)
    return tuple(select(x, along, i) for i in range(x.shape[along]))


@numpy_named
def split(input: Operand, split_size_or_sections: Any, dim: SupportsIndex = 0) -> tuple[Tensor, ...]:
    """Pieces along an axis: of one size, the last perhaps smaller, or of the sizes listed. Raises ShapeError."""
    x = _with_axes("split", input)
    along = axis(dim, x.shape)
    extent = x.shape[along]
    if isinstance(split_size_or_sections, list | tuple):
        sizes = [count(size, "the size of a piece") for size in split_size_or_sections]
        if sum(sizes) != extent:
            raise ShapeError(
                f"{user_line()}: split: {sizes} add up to {sum(sizes)}, not to the {extent} of axis {along}"
            )
        return _pieces(x, along, sizes)
    size = count(split_size_or_sections, "the size of a piece", 0 if not extent else 1)
    return _pieces(x, along, [min(size, extent - start) for start in range(0, extent, max(size, 1))] or [0])


@numpy_named
def chunk(input: Operand, chunks: SupportsIndex, dim: SupportsIndex = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces along an axis, of one size, the last perhaps smaller."""
    x = _with_axes("chunk", input)
    number, extent = count(chunks, "the number of chunks", 1), x.shape[axis(dim, x.shape)]
    if not extent:
        return tuple(x for _ in range(number))
    return split(x, -(-extent // number), dim)


@numpy_named
def tensor_split(input: Operand, indices_or_sections: Any, dim: SupportsIndex = 0) -> tuple[Tensor, ...]:
    """That many pieces along an axis, sizes differing by one at most, or pieces between the indices listed."""
    x = _with_axes("tensor_split", input)
    along = axis(dim, x.shape)
    extent = x.shape[along]
    if isinstance(indices_or_sections, list | tuple):
        stops = extents((indices_or_sections,), "indices")
        bounds = [0, *(slice(None, stop).indices(extent)[1] for stop in stops), extent]
        return tuple(_range(x, along, first, max(first, last)) for first, last in itertools.pairwise(bounds))
    number = count(indices_or_sections, "the number of pieces", 1)
    return _pieces(x, along, [extent // number + (i < extent % number) for i in range(number)])


def _with_axes(function: str, input: Operand) -> Tensor:
    x = operand(function, input)
    if not x.shape:
        raise ShapeError(f"{user_line()}: {function}: a tensor of shape [] has no axis to take parts of")
    return x


def _range(x: Tensor, along: int, first: int, last: int) -> Tensor:
    return x[(*(slice(None),) * along, slice(first, last))]


def _pieces(x: Tensor, along: int, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    bounds = itertools.accumulate(sizes, initial=0)
    return tuple(_range(x, along, first, last) for first, last in itertools.pairwise(bounds))
