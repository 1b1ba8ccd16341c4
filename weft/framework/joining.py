"""Tensors put together along an axis, and one put together anew: joined, stacked, rolled, flipped, unfolded.

Each function of one tensor is its method of that name as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.axes import axis, count, whole
from weft.framework.dtypes import DType, Rank, result_type
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.lazy import apply
from weft.framework.operators import cast, operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def _listed(function: str, tensors: Any) -> list[Tensor]:
    """The operands as tensors. Raises ShapeError for none, DTypeError for what is no sequence."""
    if not isinstance(tensors, Iterable) or isinstance(tensors, str | bytes | dict):
        raise DTypeError(f"{user_line()}: {function} takes a sequence of tensors, not a {type(tensors).__name__}")
    found = [operand(function, value) for value in tensors]
    if not found:
        raise ShapeError(f"{user_line()}: {function} takes one tensor at least")
    return found


@numpy_named
def cat(tensors: Sequence[Operand], dim: SupportsIndex = 0) -> Tensor:
    """The tensors one after the other along an axis; their other extents are equal, and their types promoted.

    A tensor of shape [0] adds nothing to any. Raises ShapeError.
    """
    given = _listed("cat", tensors)
    ranked: list[tuple[DType, Rank]] = [(t.dtype, "dimensioned") for t in given]
    dtype = result_type(ranked)
    parts = [t for t in given if t.shape != (0,)] or given[:1]
    first = parts[0]
    if any(not t.shape for t in parts):
        raise ShapeError(f"{user_line()}: cat: a tensor of shape [] has no axis to join along; use stack()")
    along = axis(dim, first.shape)
    shown = " and ".join(str(list(t.shape)) for t in parts)
    beside = {(t.ndim, t.shape[:along], t.shape[along + 1 :]) for t in parts}
    if len(beside) > 1:
        raise ShapeError(f"{user_line()}: cat: shapes {shown} differ in another axis than {along}")
    expressions = [cast(t._read(), dtype) for t in parts]
    return first._of(apply("concatenate", *expressions, axis=along))


@numpy_named
def stack(tensors: Sequence[Operand], dim: SupportsIndex = 0) -> Tensor:
    """Tensors of one shape one after the other along a new axis. Raises ShapeError."""
    given = _listed("stack", tensors)
    if any(t.shape != given[0].shape for t in given):
        shown = " and ".join(str(list(t.shape)) for t in given)
        raise ShapeError(f"{user_line()}: stack takes tensors of one shape, not {shown}")
    along = axis(dim, given[0].shape, new=True)
    return cat([t.unsqueeze(along) for t in given], along)


def hstack(tensors: Sequence[Operand]) -> Tensor:
    """Joined along the second axis, vectors along their only one."""
    given = [t.reshape(1) if not t.ndim else t for t in _listed("hstack", tensors)]
    return cat(given, 0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Operand]) -> Tensor:
    """Joined along the first axis, vectors as rows."""
    return cat([t.reshape(1, -1) if t.ndim < 2 else t for t in _listed("vstack", tensors)])


def flip(input: Operand, *axes: Any, dims: Any = ()) -> Tensor:
    """The elements in the other order along each of the axes, given one by one or as one sequence."""
    x = operand("flip", input)
    given = axes or (dims,)
    for dim in given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given:
        along = axis(dim, x.shape)
        if x.shape:
            turned = x.shape[along] - 1 - x._of(apply("iota", shape=x.shape, axis=along))
            x = x._of(apply("gather", x._read(), turned._read(), axis=along)) if x.numel() else x
    return x.clone() if x is input else x


def roll(input: Operand, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved on by ``shifts`` places along axes, those beyond the end to the start; flattened for None.

    Raises ShapeError.
    """
    x = operand("roll", input)
    if dims is None:
        return roll(x.flatten(), shifts, 0).reshape(x.shape)
    moves, along = (list(v) if isinstance(v, list | tuple) else [v] for v in (shifts, dims))
    if len(moves) != len(along):
        raise ShapeError(f"{user_line()}: roll: {len(moves)} shifts for {len(along)} axes")
    for shift, dim in zip(moves, along, strict=True):
        d, extent = axis(dim, x.shape), x.shape[axis(dim, x.shape)] if x.shape else 1
        start = -whole(shift, "a shift") % max(extent, 1)
        if start:
            x = cat([x.narrow(d, start, extent - start), x.narrow(d, 0, start)], d)
    return x.clone() if x is input else x


def unfold(input: Operand, dimension: SupportsIndex, size: SupportsIndex, step: SupportsIndex) -> Tensor:
    """Windows of ``size`` places along an axis, every ``step`` places, as a last axis; a copy. Raises ShapeError."""
    x = operand("unfold", input)
    along = axis(dimension, x.shape)
    wide, far = count(size, "the size of a window"), count(step, "a step", 1)
    extent = x.shape[along] if x.shape else 1
    if wide > extent:
        raise ShapeError(f"{user_line()}: unfold: windows of {wide} do not fit into the {extent} of axis {along}")
    windows, front = (extent - wide) // far + 1, (slice(None),) * along
    if not wide:
        return x.new_zeros((*x.shape[:along], windows, *x.shape[along + 1 :], 0))
    return stack([x[(*front, slice(k, k + (windows - 1) * far + 1, far))] for k in range(wide)], -1)
