"""Index tensors, lists and masks in brackets, ``x[i, :, j]`` and ``x[x > 0]``: by torch's rule.

Numbers, slices, ``...`` and None are taken first, as views. What is left are index tensors, which are broadcast
together and choose along their axes at once; where those axes lie side by side, what is chosen takes their place, else
it comes in front. A mask stands for the places where it holds, whose number depends on values: it realises the mask
and is refused in a jitted function, but for ``x[mask] = number``, which is a select.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weft.framework.device import host
from weft.framework.dtypes import bool_, int32
from weft.framework.errors import AxisError, DTypeError, ShapeError
from weft.framework.lazy import Expr, apply, constant
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.tracing import refuse_value

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Chosen(NamedTuple):
    """What a key chooses: the elements of ``view`` at ``places``, one index tensor for each of ``axes``."""

    view: Tensor
    axes: tuple[int, ...]
    places: tuple[Tensor, ...]

    @property
    def shape(self) -> Shape:
        """Of the index tensors together."""
        return broadcast_shape([place.shape for place in self.places])


def is_advanced(key: Any) -> bool:
    """Whether a key has an index tensor, a list or a mask in it."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, list | range | np.ndarray) or hasattr(part, "_storage") for part in parts)


def mask_of(key: Any, x: Tensor) -> Tensor | None:
    """The mask, if the key is one mask of all elements or of the first axes of ``x``."""
    if isinstance(key, tuple):
        return mask_of(key[0], x) if len(key) == 1 else None
    if not is_advanced(key):
        return None
    mask = x._as_operand(key)
    return mask if mask.dtype is bool_ and mask.shape == x.shape[: mask.ndim] else None


def chosen(x: Tensor, key: Any) -> Chosen:
    """What ``key`` chooses of ``x``. Raises AxisError for a known index out of range, ShapeError for index tensors that
    do not broadcast or masks of another shape, DTypeError for indices that are no integers, TraceError for a mask in a
    jitted function."""
    parts = _spread(x, list(key) if isinstance(key, tuple) else [key])
    basic = tuple(slice(None) if _is_index(part) else part for part in parts)
    view: Tensor = x[basic]
    axes: list[int] = []
    places: list[Tensor] = []
    at = 0
    for part in parts:
        if _is_index(part):
            axes.append(at)
            places.append(part)
        at += part is None or isinstance(part, slice) or _is_index(part)
    for d, place in zip(axes, places, strict=True):
        _check_range(place, d, view.shape)
    broadcast_shape([place.shape for place in places])
    return Chosen(view, tuple(axes), tuple(places))


def _is_index(part: Any) -> bool:
    return hasattr(part, "_storage")


def _spread(x: Tensor, parts: list[Any]) -> list[Any]:
    """The parts of a key with lists and arrays made tensors, masks made places, and ``...`` written out."""
    made: list[Any] = []
    for part in parts:
        if not is_advanced(part) or isinstance(part, tuple):
            made.append(part)
            continue
        index = part if _is_index(part) else _tensor(x, part)
        if index.dtype is not bool_ and index.dtype.kind != "int":
            raise DTypeError(f"{user_line()}: indices are integers or bools, not {index.dtype}")
        made.append(index)
    taken = sum(part.ndim if _is_index(part) and part.dtype is bool_ else part is not None and part is not ...
                for part in made)  # fmt: skip
    if taken > x.ndim:
        raise AxisError(f"{user_line()}: {taken} indices for a tensor of shape {list(x.shape)}")
    if not any(part is ... for part in made):
        made.append(...)
    if sum(part is ... for part in made) > 1:
        raise ShapeError(f"{user_line()}: an index can have only one '...'")
    dots = next(k for k, part in enumerate(made) if part is ...)
    made[dots : dots + 1] = [slice(None)] * (x.ndim - taken)
    spread, at = list[Any](), 0
    for part in made:
        if _is_index(part) and part.dtype is bool_:
            spread += _places_of(x, part, at)
            at += part.ndim
        else:
            spread.append(part)
            at += part is not None
    return spread


def _tensor(x: Tensor, part: Any) -> Tensor:
    """A list or an array as an index tensor; an empty one of integers."""
    try:
        return x._tensor(np.asarray(part, np.int64 if not len(part) else None))
    except (ValueError, TypeError):
        raise DTypeError(f"{user_line()}: indices are integers or bools in rows of one length, not {part!r}") from None


def _places_of(x: Tensor, mask: Tensor, at: int) -> list[Tensor]:
    if mask.shape != x.shape[at : at + mask.ndim] or not mask.ndim:
        raise ShapeError(
            f"{user_line()}: a mask {list(mask.shape)} does not fit {list(x.shape)} from axis {at} on"
        )
    refuse_value("a mask in brackets, which chooses as many elements as it holds for,")
    return [x._tensor(np.ascontiguousarray(column)) for column in np.nonzero(mask.numpy())]


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """The common shape of index tensors. Raises ShapeError."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(str(list(s)) for s in shapes)
        raise ShapeError(f"{user_line()}: index tensors {shown} do not broadcast") from None


def _check_range(index: Tensor, axis: int, shape: Shape) -> None:
    """Of an index whose value is known; another is taken as the nearest that is inside."""
    extent = shape[axis]
    value = index._expr.value
    if value is None or not index.numel():
        return
    values = host(value)
    low, high = int(values.min()), int(values.max())
    if low < -extent or high >= extent:
        wrong = low if low < -extent else high
        raise AxisError(f"{user_line()}: index {wrong} is outside axis {axis} of {list(shape)}")


class _Rows(NamedTuple):
    """A tensor with the chosen axes in front and as one, [rows, …], and where in it the chosen rows are, [n]."""

    flat: Expr
    rows: Expr
    order: tuple[int, ...]
    rest: Shape


def _rows(what: Chosen) -> _Rows:
    e, shape, axes = what.view._read(), what.view.shape, what.axes
    order = (*axes, *(d for d in range(len(shape)) if d not in axes))
    rest = tuple(shape[d] for d in order[len(axes) :])
    extents = [shape[d] for d in axes]
    flat = apply("reshape", apply("permute", e, order=order), shape=(math.prod(extents), *rest))
    together, total = what.shape, None
    for place, extent, step in zip(what.places, extents, [math.prod(extents[k + 1 :]) for k in range(len(axes))],
                                   strict=True):  # fmt: skip
        index = _everywhere(apply("cast", place._read(), dtype="int32"), together)
        index = apply("select", apply("lt", index, _number(0, together)),
                      apply("add", index, _number(extent, together)), index)  # fmt: skip
        index = apply("mul", index, _number(step, together))
        total = index if total is None else apply("add", total, index)
    assert total is not None
    return _Rows(flat, apply("reshape", total, shape=(math.prod(together),)), order, rest)


def _number(value: int, shape: Shape) -> Expr:
    return _everywhere(constant(value, int32), shape)


def _everywhere(e: Expr, shape: Shape) -> Expr:
    return e if e.shape == shape else apply("broadcast_to", e, shape=shape)


def _row_places(rows: Expr, rest: Shape) -> Expr:
    """The row of every element of [n, …]."""
    first = apply("reshape", rows, shape=(*rows.shape, *(1,) * len(rest)))
    return _everywhere(first, (*rows.shape, *rest))


def _front(what: Chosen) -> int:
    """Where what is chosen lies in the result: at the first of axes that lie side by side, else in front."""
    axes = what.axes
    return axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0


def read(what: Chosen, made: Callable[[Expr], Tensor]) -> Tensor:
    """The chosen elements, a copy through which gradients go back, adding up where an element is chosen twice."""
    r, front, together = _rows(what), _front(what), what.shape
    if r.rows.shape[0] and not r.flat.shape[0]:
        raise AxisError(f"{user_line()}: there is nothing to choose along an axis of {list(what.view.shape)}")
    taken = apply("gather", r.flat, _row_places(r.rows, r.rest), axis=0)
    taken = apply("reshape", taken, shape=(*together, *r.rest))
    n = len(together)
    order = (*range(n, n + front), *range(n), *range(n + front, n + len(r.rest)))
    return made(taken if order == tuple(range(len(order))) else apply("permute", taken, order=order))


def written(what: Chosen, value: Expr, mode: str = "set") -> Expr:
    """``view`` with ``value``, of the shape that ``read`` gives or broadcast to it, at the chosen places."""
    r, front, together = _rows(what), _front(what), what.shape
    n = len(together)
    shape = (*r.rest[:front], *together, *r.rest[front:])
    try:
        value = _everywhere(value, shape)
    except ShapeError:
        raise ShapeError(f"{user_line()}: {list(value.shape)} does not fit what is chosen, {list(shape)}") from None
    value = apply("permute", value, order=(*range(front, front + n), *range(front), *range(front + n, len(shape))))
    value = apply("reshape", value, shape=(*r.rows.shape, *r.rest))
    put = apply("scatter", r.flat, _row_places(r.rows, r.rest), value, axis=0, mode=mode)
    back = apply("reshape", put, shape=tuple(what.view.shape[d] for d in r.order))
    inverse = tuple(r.order.index(d) for d in range(len(r.order)))
    return apply("permute", back, order=inverse)
