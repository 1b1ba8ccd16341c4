"""Axes moved, parted and repeated, beyond what one movement does.

Each function is the tensor's method of that name as well; views, unless it says otherwise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.axes import Extent, axis, count, extents, sizes
from weft.framework.errors import ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.operators import broadcast, operand
from weft.framework.origin import user_line
from weft.framework.size import Size
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def movedim(input: Operand, source: Any, destination: Any) -> Tensor:
    """Axes ``source`` put at the places ``destination``, the others in order around them. Raises ShapeError."""
    x = operand("movedim", input)
    start, end = ([axis(d, x.shape) for d in _several(given)] for given in (source, destination))
    if len(start) != len(end) or len(set(start)) < len(start) or len(set(end)) < len(end):
        raise ShapeError(f"{user_line()}: movedim: axes {start} cannot go to the places {end}, one each")
    rest = iter([d for d in range(x.ndim) if d not in start])
    places = dict(zip(end, start, strict=True))
    return x.permute([places[d] if d in places else next(rest) for d in range(x.ndim)])


def swapaxes(input: Operand, axis0: SupportsIndex, axis1: SupportsIndex) -> Tensor:
    """Two axes exchanged: ``transpose``."""
    return operand("swapaxes", input).transpose(axis0, axis1)


def t(input: Operand) -> Tensor:
    """A matrix transposed; a vector or a number as it is. Raises ShapeError."""
    x = operand("t", input)
    if x.ndim > 2:
        raise ShapeError(f"{user_line()}: t() takes at most two axes, not {list(x.shape)}; use .mT or permute()")
    return x.T


def matrix_transposed(input: Operand) -> Tensor:
    """The last two axes exchanged: ``x.mT``. Raises ShapeError."""
    x = operand("mT", input)
    if x.ndim < 2:
        raise ShapeError(f"{user_line()}: .mT exchanges the last two axes; shape {list(x.shape)} has not two")
    return x.transpose(-2, -1)


@numpy_named
def unflatten(input: Operand, dim: SupportsIndex, sizes: Any) -> Tensor:
    """An axis as several, whose extents ``sizes`` multiply to its own; one may be -1. Raises ShapeError."""
    x = operand("unflatten", input)
    along, wanted = axis(dim, x.shape), list(extents((sizes,)))
    extent = x.shape[along] if x.shape else 1
    known = math.prod(n for n in wanted if n != -1)
    if wanted.count(-1) == 1 and known:
        wanted[wanted.index(-1)] = extent // known
    if math.prod(wanted) != extent or any(n < 0 for n in wanted):
        asked = list(extents((sizes,)))
        raise ShapeError(f"{user_line()}: unflatten: {asked} do not multiply to the {extent} of axis {along}")
    return x.reshape((*x.shape[:along], *wanted, *x.shape[along + 1 :]))


def view_as(input: Operand, other: Operand) -> Tensor:
    """The same elements under the shape of ``other``."""
    return operand("view_as", input).reshape(operand("view_as", other).shape)


def expand_as(input: Operand, other: Operand) -> Tensor:
    """Repeated to the shape of ``other``, by broadcasting."""
    return operand("expand_as", input).expand(operand("expand_as", other).shape)


def broadcast_to(input: Operand, size: Extent) -> Tensor:
    """Repeated to a shape, by broadcasting: ``expand``."""
    return operand("broadcast_to", input).expand(size)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that all ``shapes`` broadcast to, a number being a shape of one axis. Raises ShapeError."""
    return Size(broadcast("broadcast_shapes", [sizes((shape,)) for shape in shapes]))


def broadcast_tensors(*tensors: Operand) -> tuple[Tensor, ...]:
    """The tensors, each repeated to the shape that all broadcast to: views. Raises ShapeError."""
    listed: Any = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    given = [operand("broadcast_tensors", x) for x in listed]
    shape = broadcast("broadcast_tensors", [x.shape for x in given])
    return tuple(x.expand(shape) for x in given)


def repeat(input: Operand, *repeats: Extent) -> Tensor:
    """The whole tensor that many times along each axis, new axes in front; a copy. Raises ShapeError."""
    x, times = operand("repeat", input), sizes(repeats, "repeats")
    if len(times) < x.ndim:
        raise ShapeError(f"{user_line()}: repeat: {list(times)} has fewer numbers than {list(x.shape)} axes")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    spread = x.reshape([part for n in shape for part in (1, n)])
    wide = spread.expand([part for n, k in zip(shape, times, strict=True) for part in (k, n)])
    return wide.reshape([n * k for n, k in zip(shape, times, strict=True)]).clone()


def tile(input: Operand, *dims: Extent) -> Tensor:
    """As ``repeat``, with 1 for the axes in front that ``dims`` does not name."""
    x, times = operand("tile", input), sizes(dims, "repeats")
    return repeat(x, (*(1,) * (x.ndim - len(times)), *times))


@numpy_named
def repeat_interleave(input: Operand, repeats: Any, dim: SupportsIndex | None = None) -> Tensor:
    """Each element that many times in a row, along an axis or flattened; a copy."""
    x, times = operand("repeat_interleave", input), count(repeats, "the number of repeats")
    x, along = (x.flatten(), 0) if dim is None else (x, axis(dim, x.shape))
    spread = x.unsqueeze(along + 1)
    shape = [*x.shape[: along + 1], times, *x.shape[along + 1 :]]
    return spread.expand(shape).flatten(along, along + 1).clone()


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors spread over the grid that they make, each along its own axis ("xy": the first two exchanged)."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    lines = [operand("meshgrid", value) for value in given]
    if any(line.ndim > 1 for line in lines) or indexing not in ("ij", "xy"):
        shown = ", ".join(str(list(line.shape)) for line in lines)
        raise ShapeError(f"{user_line()}: meshgrid takes vectors and 'ij' or 'xy', not {shown} and {indexing!r}")
    turned = indexing == "xy" and len(lines) > 1
    shape = [line.numel() for line in lines]
    grids = [
        line.reshape([-1 if d == i else 1 for d in range(len(shape))]).expand(shape) for i, line in enumerate(lines)
    ]
    return tuple(grid.transpose(0, 1) for grid in grids) if turned else tuple(grids)


def _several(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else (given,)
