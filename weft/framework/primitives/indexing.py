"""Elements chosen by values: gather and scatter along an axis, slices that start where a value says, concatenation.

An index counts from 0, a negative one from the end; what is still outside is taken as the nearest that is inside (what
a user indexes with is checked before, where it is known).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    OperandType,
    Primitive,
    Shape,
    Site,
    same_dtype,
    shapes_text,
)

MODES = ("add", "max", "set")
"""What ``scatter`` does where it puts an update: adds it, keeps the larger, or takes it (of several the last)."""


def _check_axis(axis: int, shape: Shape) -> None:
    if not 0 <= axis < len(shape):
        raise ShapeError(f"axis {axis} is outside shape {list(shape)}")


def _check_index(index: OperandType) -> None:
    if index.dtype.kind != "int":
        raise DTypeError(f"indices are integers, not {index.dtype}")


def _check_beside(x: OperandType, index: OperandType, axis: int) -> None:
    """Equal extents but along the axis, and something there to choose from."""
    _check_axis(axis, x.shape)
    beside = [shape[:axis] + shape[axis + 1 :] for shape in (x.shape, index.shape)]
    if len(x.shape) != len(index.shape) or beside[0] != beside[1]:
        raise ShapeError(f"shapes {shapes_text((x, index))} differ in another axis than {axis}")
    if x.shape[axis] == 0 and 0 not in index.shape:
        raise ShapeError(f"there is nothing to choose along axis {axis} of {list(x.shape)}")


def _gather_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, index = operands
    _check_beside(x, index, attrs["axis"])
    return index.shape


def _gather_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    _check_index(operands[1])
    return operands[0].dtype


def _inside(index: Array, extent: int) -> Array:
    wide = index.astype(np.int64)
    return np.clip(np.where(wide < 0, wide + extent, wide), 0, max(extent - 1, 0))


def _places(index: Array, shape: Shape, axis: int) -> Array:
    """The row-major number in ``shape`` of every element's own place, but along ``axis`` of the one that ``index``
    gives."""
    step, total = 1, np.zeros((), np.int64)
    for d in reversed(range(len(shape))):
        place = _inside(index, shape[d]) if d == axis else np.arange(index.shape[d]).reshape(
            [-1 if k == d else 1 for k in range(len(shape))]
        )
        total, step = total + place * step, step * shape[d]
    return np.broadcast_to(total, index.shape)


def _gather(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """By whole rows where the index is one for a row, which is twenty times as fast."""
    (x, index), axis = inputs, attrs["axis"]
    if not index.size:
        return np.empty(index.shape, x.dtype)
    beside = [(n, step) for d, (n, step) in enumerate(zip(index.shape, index.strides, strict=True)) if d != axis]
    if all(n == 1 or step == 0 for n, step in beside):
        rows = index[tuple(slice(None) if d == axis else 0 for d in range(index.ndim))]
        return np.take(x, _inside(rows, x.shape[axis]), axis)
    return np.take(x.ravel(), _places(index, x.shape, axis))


def _gather_back(e: Emitter, s: Site, g: int) -> int:
    x, index = s.inputs
    return e.apply("scatter", e.full(0, like=x), index, g, axis=s.attrs["axis"], mode="add")


def _scatter_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, index, updates = operands
    _check_beside(x, index, attrs["axis"])
    if index.shape != updates.shape:
        raise ShapeError(f"indices and updates are {shapes_text((index, updates))}")
    if attrs["mode"] not in MODES:
        raise ShapeError(f"mode is {', '.join(MODES)}, not {attrs['mode']!r}")
    return x.shape


def _scatter_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    x, index, updates = operands
    _check_index(index)
    return same_dtype("int float" if attrs["mode"] != "set" else "bool int float")((x, updates), attrs)


_SCATTER = {"add": np.add.at, "max": np.maximum.at}


def _scatter(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    x, index, updates = inputs
    result, places = x.flatten(), _places(index, x.shape, attrs["axis"]).ravel()
    if attrs["mode"] == "set":
        result[places] = updates.ravel()
    else:
        _SCATTER[attrs["mode"]](result, places, updates.ravel())
    return result.reshape(x.shape)


def _scatter_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> tuple[int | None, ...]:
    (g,), (x, index, updates), axis = cotangents, s.inputs, s.attrs["axis"]
    assert g is not None

    def gathered(of: int) -> int:
        return e.apply("gather", of, index, axis=axis)

    zero = e.full(0, like=updates)
    if s.attrs["mode"] == "add":
        return g, None, gathered(g)
    if s.attrs["mode"] == "set":  # of several updates of one place the last one counts
        place = e.apply("iota", shape=e.shape(index), axis=axis)
        nobody = e.apply("iota", shape=e.shape(x), axis=axis)
        last = e.apply("scatter", nobody, index, place, axis=axis, mode="set")
        counts = e.apply("eq", gathered(last), place)
        kept = e.apply("scatter", g, index, zero, axis=axis, mode="set")
        return kept, None, e.apply("select", counts, gathered(g), zero)
    # Equal largest ones share, as in torch's scatter_reduce.
    of_x = e.apply("cast", e.apply("eq", x, s.output), dtype=e.dtype(x).name)
    of_updates = e.apply("cast", e.apply("eq", updates, gathered(s.output)), dtype=e.dtype(x).name)
    count = e.apply("scatter", of_x, index, of_updates, axis=axis, mode="add")
    share = e.apply("div", g, count)
    return e.apply("mul", share, of_x), None, e.apply("mul", gathered(share), of_updates)


def _check_starts(x: OperandType, starts: OperandType, sizes: Shape) -> None:
    _check_index(starts)
    if starts.shape != (len(x.shape),):
        raise ShapeError(f"starts {list(starts.shape)} need one number for each axis of {list(x.shape)}")
    if len(sizes) != len(x.shape) or any(not 0 <= n <= extent for n, extent in zip(sizes, x.shape, strict=True)):
        raise ShapeError(f"a part of {list(sizes)} does not fit into {list(x.shape)}")


def _dynamic_slice_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, starts = operands
    sizes: Shape = attrs["sizes"]
    _check_starts(x, starts, sizes)
    return sizes


def _part(shape: Shape, starts: Array, sizes: Shape) -> tuple[slice, ...]:
    """The part of ``sizes`` that begins at ``starts``, moved so far that it lies within ``shape``."""
    first = np.clip(starts.astype(np.int64), 0, np.array(shape, np.int64) - np.array(sizes, np.int64))
    return tuple(slice(int(start), int(start) + n) for start, n in zip(first, sizes, strict=True))


def _dynamic_slice(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    x, starts = inputs
    return x[_part(x.shape, starts, attrs["sizes"])]


def _dynamic_slice_back(e: Emitter, s: Site, g: int) -> int:
    x, starts = s.inputs
    return e.apply("dynamic_update", e.full(0, like=x), g, starts)


def _dynamic_update_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, part, starts = operands
    _check_starts(x, starts, part.shape)
    return x.shape


def _dynamic_update(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    x, part, starts = inputs
    result = x.copy()
    result[_part(x.shape, starts, part.shape)] = part
    return result


def _concatenate_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    axis, first = attrs["axis"], operands[0].shape
    _check_axis(axis, first)
    for o in operands:
        if len(o.shape) != len(first) or (o.shape[:axis], o.shape[axis + 1 :]) != (first[:axis], first[axis + 1 :]):
            raise ShapeError(f"shapes {shapes_text(operands)} differ in another axis than {axis}")
    return (*first[:axis], sum(o.shape[axis] for o in operands), *first[axis + 1 :])


def _concatenate_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> list[int | None]:
    (g,), axis, at = cotangents, s.attrs["axis"], 0
    assert g is not None
    parts: list[int | None] = []
    for x in s.inputs:
        shape = e.shape(x)
        starts = tuple(at if d == axis else 0 for d in range(len(shape)))
        stops = tuple(start + n for start, n in zip(starts, shape, strict=True))
        parts.append(e.apply("slice", g, starts=starts, stops=stops, steps=(1,) * len(shape)))
        at += shape[axis]
    return parts


PRIMITIVES = (
    Primitive(
        "gather", "result[…, i, …] = x[…, index[…, i, …], …] along ``axis``; the other extents are equal.",
        "index", 2, _gather_shape, _gather_dtype, _gather, (_gather_back, None), {"axis": "the axis chosen along"},
    ),
    Primitive(
        "scatter", "x with each of ``updates`` put to x[…, index[…, i, …], …] along ``axis``, in row-major order.",
        "index", 3, _scatter_shape, _scatter_dtype, _scatter, (),
        {"axis": "the axis chosen along", "mode": "add, max, or set: of several the last"}, gradient=_scatter_back,
    ),
    Primitive(
        "dynamic_slice", "The part of ``sizes`` whose first element is at ``starts``, moved to lie within x.",
        "index", 2, _dynamic_slice_shape, _gather_dtype, _dynamic_slice, (_dynamic_slice_back, None),
        {"sizes": "extents of the part"},
    ),
    Primitive(
        "dynamic_update", "x (first operand) with the second put over the part at ``starts``, moved to lie within x.",
        "index", 3, _dynamic_update_shape, lambda operands, attrs: same_dtype("bool int float")(operands[:2], attrs),
        _dynamic_update,
        (
            lambda e, s, g: e.apply("dynamic_update", g, e.full(0, like=s.inputs[1]), s.inputs[2]),
            lambda e, s, g: e.apply("dynamic_slice", g, s.inputs[2], sizes=e.shape(s.inputs[1])),
            None,
        ),
    ),
    Primitive(
        "concatenate", "The operands one after the other along ``axis``; the other extents are equal.",
        "index", None, _concatenate_shape, same_dtype("bool int float"),
        lambda inputs, attrs, real: np.concatenate(inputs, attrs["axis"]), (), {"axis": "the axis they follow along"},
        gradient=_concatenate_back,
    ),
)
