"""Elements chosen and written by indices along an axis. Each function is the tensor's method of that name as well.

Indices are integers from 0 (from the end where torch counts so too). Those whose values are known are checked; what is
computed and outside is taken as the nearest that is inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.axes import axis
from weft.framework.device import host
from weft.framework.errors import AxisError, DTypeError, OptionError, ShapeError
from weft.framework.keywords import numpy_named
from weft.framework.lazy import apply
from weft.framework.operators import broadcast, operand
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.rearranging import broadcast_to
from weft.framework.running import cumsum
from weft.framework.selection import mask_of, where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def indices_of(function: str, index: Operand, extent: int, least: int = 0) -> Tensor:
    """Indices as a tensor, checked where their values are known. Raises DTypeError, AxisError."""
    given = operand(function, index)
    if given.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: {function}: indices are integers, not {given.dtype}")
    value = given._expr.value
    if value is not None and given.numel():
        numbers = host(value)
        low, high = int(numbers.min()), int(numbers.max())
        if low < least or high >= extent:
            wrong = low if low < least else high
            raise AxisError(f"{user_line()}: {function}: index {wrong} is outside the {extent} places of the axis")
    return given


def _beside(function: str, x: Tensor, index: Tensor, along: int) -> tuple[slice, ...]:
    """The part of ``x`` that an index with smaller extents beside the axis is about. Raises ShapeError."""
    longer = x.ndim == index.ndim and [d for d in range(x.ndim) if d != along and index.shape[d] > x.shape[d]]
    if x.ndim != index.ndim or longer:
        raise ShapeError(
            f"{user_line()}: {function}: the index {list(index.shape)} needs the axes of {list(x.shape)}, none longer "
            f"but axis {along}"
        )
    return tuple(slice(None) if d == along else slice(n) for d, n in enumerate(index.shape))


@numpy_named
def gather(input: Operand, dim: SupportsIndex, index: Operand) -> Tensor:
    """The elements at ``index`` along an axis, each from its own place in the other axes."""
    x = operand("gather", input)
    along = axis(dim, x.shape)
    given = indices_of("gather", index, x.shape[along] if x.shape else 1)
    if not x.shape:
        return x.expand(given.shape)
    part = x[_beside("gather", x, given, along)]
    return x._of(apply("gather", part._read(), given._read(), axis=along))


@numpy_named
def take_along_dim(input: Operand, indices: Operand, dim: SupportsIndex | None = None) -> Tensor:
    """The elements at ``indices`` along an axis (or in the flattened tensor), the other axes broadcast."""
    x, given = operand("take_along_dim", input), operand("take_along_dim", indices)
    if dim is None:
        return gather(x.flatten(), 0, given.flatten())
    along = axis(dim, x.shape)
    if x.ndim != given.ndim:
        shown = f"{list(x.shape)} and {list(given.shape)}"
        raise ShapeError(f"{user_line()}: take_along_dim takes tensors of equally many axes, not {shown}")
    beside = broadcast("take_along_dim", [(*s[:along], 1, *s[along + 1 :]) for s in (x.shape, given.shape)])
    wide, chosen = ((*beside[:along], s[along], *beside[along + 1 :]) for s in (x.shape, given.shape))
    return gather(broadcast_to(x, wide), along, broadcast_to(given, chosen))


@numpy_named
def index_select(input: Operand, dim: SupportsIndex, index: Operand) -> Tensor:
    """The places of an axis that a vector of indices names."""
    x = operand("index_select", input)
    along = axis(dim, x.shape)
    given = indices_of("index_select", index, x.shape[along] if x.shape else 1)
    if given.ndim > 1 or not x.shape:
        raise ShapeError(f"{user_line()}: index_select takes a vector of indices for an axis, not {list(given.shape)}")
    shape = (*x.shape[:along], given.numel(), *x.shape[along + 1 :])
    spread = given.reshape([-1 if d == along else 1 for d in range(x.ndim)]).expand(shape)
    return x._of(apply("gather", x._read(), spread._read(), axis=along))


@numpy_named
def scatter(
    input: Operand, dim: SupportsIndex, index: Operand, src: Operand | None = None, *, value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """``input`` with the elements of ``src``, or one number, at ``index`` along an axis; of several the last counts.

    reduce: "add" adds them to what is there. Raises FrameworkError for another.
    """
    if reduce not in (None, "add"):
        raise OptionError(f"{user_line()}: scatter: reduce is 'add', not {reduce!r}")
    given = value if src is None else src
    return scattered("scatter", input, dim, index, given, "set" if reduce is None else "add")


@numpy_named
def scatter_add(input: Operand, dim: SupportsIndex, index: Operand, src: Operand) -> Tensor:
    """``input`` with the elements of ``src`` added at ``index`` along an axis, one after the other."""
    return scattered("scatter_add", input, dim, index, src, "add")


@numpy_named
def index_add(input: Operand, dim: SupportsIndex, index: Operand, source: Operand, *, alpha: float = 1) -> Tensor:
    """``input`` with parts of ``source`` added to the places of an axis that a vector of indices names."""
    x, parts = operand("index_add", input), operand("index_add", source)
    along = axis(dim, x.shape)
    spread = operand("index_add", index).reshape([-1 if d == along else 1 for d in range(x.ndim)])
    scaled = parts if alpha == 1 else parts * alpha
    return scattered("index_add", x, along, spread.expand(parts.shape), scaled, "add")


@numpy_named
def index_copy(input: Operand, dim: SupportsIndex, index: Operand, source: Operand) -> Tensor:
    """``input`` with parts of ``source`` at the places of an axis that a vector of indices names; the last counts."""
    x, parts = operand("index_copy", input), operand("index_copy", source)
    along = axis(dim, x.shape)
    return scattered("index_copy", x, along, _each_place("index_copy", x, along, index, parts.shape), parts, "set")


@numpy_named
def index_fill(input: Operand, dim: SupportsIndex, index: Operand, value: Any) -> Tensor:
    """``input`` with one number at the places of an axis that a vector of indices names. Raises DTypeError, ShapeError,
    AxisError."""
    x = operand("index_fill", input)
    along = axis(dim, x.shape)
    filling = operand("index_fill", value)
    if filling.shape:
        raise ShapeError(f"{user_line()}: index_fill takes one number, not {list(filling.shape)}; use index_copy()")
    places = operand("index_fill", index)
    shape = (*x.shape[:along], places.numel(), *x.shape[along + 1 :])
    updates = broadcast_to(filling.to(x.dtype), shape)
    return scattered("index_fill", x, along, _each_place("index_fill", x, along, places, shape), updates, "set")


def _each_place(function: str, x: Tensor, along: int, index: Operand, shape: Shape) -> Tensor:
    """A vector of indices of an axis (from the end, if negative) at each place beside it."""
    given = operand(function, index)
    if given.ndim > 1:
        raise ShapeError(f"{user_line()}: {function} takes a vector of indices for an axis, not {list(given.shape)}")
    if given.dtype.kind == "int":
        given = where(given < 0, given + (x.shape[along] if x.shape else 1), given)
    return given.reshape([-1 if d == along else 1 for d in range(x.ndim)]).expand(shape)


def masked_scatter(input: Operand, mask: Operand, source: Operand) -> Tensor:
    """``input`` with the elements of ``source``, one after the other, where the bool ``mask`` holds. Raises DTypeError,
    and ShapeError for a source that is known to have too few."""
    x, chosen, given = operand("masked_scatter", input), mask_of("masked_scatter", mask), operand(
        "masked_scatter", source
    )
    if given.dtype != x.dtype:
        raise DTypeError(f"{user_line()}: masked_scatter: {given.dtype} is put into {x.dtype}; use .to()")
    wide = broadcast_to(chosen, x.shape)
    needed = None if wide._expr.value is None else int(host(wide._expr.value).sum())
    if needed is not None and needed > given.numel():
        raise ShapeError(f"{user_line()}: masked_scatter: {needed} places for {given.numel()} elements")
    if not given.numel() or not x.numel():
        return x.clone()
    places = (cumsum(wide.flatten().int(), 0) - 1).clamp(0, given.numel() - 1)
    return where(wide, index_select(given.flatten(), 0, places).reshape(x.shape), x)


def scattered(function: str, input: Operand, dim: SupportsIndex, index: Operand, source: Any, mode: str) -> Tensor:
    """``input`` with what comes to each place along an axis by a mode of the primitive "scatter"."""
    x = operand(function, input)
    along = axis(dim, x.shape)
    given = indices_of(function, index, x.shape[along] if x.shape else 1)
    if not x.shape:
        return scattered(function, x.reshape(1), 0, given.reshape(-1), source, mode).reshape(())
    if isinstance(source, bool | int | float):
        updates = x.new_full(given.shape, source)
    else:
        updates = operand(function, source)
        if updates.dtype != x.dtype:
            raise DTypeError(f"{user_line()}: {function}: {updates.dtype} is put into {x.dtype}; use .to()")
        if updates.ndim != given.ndim or any(n < m for n, m in zip(updates.shape, given.shape, strict=True)):
            raise ShapeError(
                f"{user_line()}: {function}: {list(updates.shape)} has no element for each index of {list(given.shape)}"
            )
        updates = updates[tuple(map(slice, given.shape))] if updates.shape != given.shape else updates
    here = _beside(function, x, given, along)
    part = x[here]
    put = x._of(apply("scatter", part._read(), given._read(), updates._read(), axis=along, mode=mode))
    if part.shape == x.shape:
        return put
    whole = x.clone()
    whole[here] = put
    return whole
