"""Elements moved, none computed: reshape, permute, broadcast, slice, pad, barrier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.errors import ShapeError
from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    GradientRule,
    OperandType,
    Primitive,
    Reference,
    Shape,
    ShapeRule,
    Site,
    same_dtype,
)


def _reshape_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,), shape = operands, tuple(attrs["shape"])
    if any(extent < 0 for extent in shape) or math.prod(shape) != math.prod(x.shape):
        raise ShapeError(
            f"cannot see {list(x.shape)} ({math.prod(x.shape)} elements) as {list(shape)} ({math.prod(shape)} elements)"
        )
    return shape


def _permute_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,), order = operands, attrs["order"]
    if sorted(order) != list(range(len(x.shape))):
        raise ShapeError(f"order {list(order)} is no permutation of the {len(x.shape)} axes of {list(x.shape)}")
    return tuple(x.shape[axis] for axis in order)


def _permute_back(e: Emitter, s: Site, g: int) -> int:
    order = s.attrs["order"]
    return e.apply("permute", g, order=tuple(order.index(axis) for axis in range(len(order))))


def _broadcast_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,), shape = operands, tuple(attrs["shape"])
    new = len(shape) - len(x.shape)
    fits = new >= 0 and all(have in (1, want) for have, want in zip(x.shape, shape[max(new, 0) :], strict=True))
    if not fits:
        raise ShapeError(f"cannot broadcast {list(x.shape)} to {list(shape)}: from the right, equal or 1")
    return shape


def _broadcast_back(e: Emitter, s: Site, g: int) -> int:
    """Sum over every axis that was repeated."""
    have, want = e.shape(s.inputs[0]), s.attrs["shape"]
    new = len(want) - len(have)
    axes = tuple(d for d, extent in enumerate(want) if d < new or (have[d - new] == 1 and extent != 1))
    total = e.apply("sum", g, axes=axes, keepdims=False) if axes else g
    return total if e.shape(total) == have else e.apply("reshape", total, shape=have)


def _check_lengths(x: OperandType, attrs: Attrs, names: Sequence[str]) -> None:
    for name in names:
        if len(attrs[name]) != len(x.shape):
            raise ShapeError(f"{name} {list(attrs[name])} needs one number for each axis of {list(x.shape)}")


def _slice_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,) = operands
    _check_lengths(x, attrs, ("starts", "stops", "steps"))
    bounds = list(zip(attrs["starts"], attrs["stops"], attrs["steps"], x.shape, strict=True))
    for axis, (start, stop, step, extent) in enumerate(bounds):
        if not (0 <= start <= stop <= extent and step > 0):
            raise ShapeError(f"slice {start}:{stop}:{step} is not within axis {axis} of {list(x.shape)}")
    return tuple(-(-(stop - start) // step) for start, stop, step, _ in bounds)


def _slice_back(e: Emitter, s: Site, g: int) -> int:
    """Put the elements back where they lay, zeros between and around them."""
    extents, starts, steps, taken = e.shape(s.inputs[0]), s.attrs["starts"], s.attrs["steps"], e.shape(g)
    spans = [(n - 1) * step + 1 if n else 0 for n, step in zip(taken, steps, strict=True)]
    high = tuple(extent - start - span for extent, start, span in zip(extents, starts, spans, strict=True))
    return e.apply("pad", g, low=starts, high=high, interior=tuple(step - 1 for step in steps), value=0.0)


def _pad_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    (x,), names = operands, ("low", "high", "interior")
    _check_lengths(x, attrs, names)
    if any(n < 0 for name in names for n in attrs[name]):
        raise ShapeError(f"padding must not be negative: {', '.join(f'{n} {list(attrs[n])}' for n in names)}")
    return _padded(x.shape, attrs)


def _padded(shape: Shape, attrs: Attrs) -> Shape:
    parts = zip(shape, attrs["low"], attrs["high"], attrs["interior"], strict=True)
    return tuple(low + high + n + max(n - 1, 0) * gap for n, low, high, gap in parts)


def _pad_back(e: Emitter, s: Site, g: int) -> int:
    extents, low, steps = e.shape(s.inputs[0]), s.attrs["low"], tuple(n + 1 for n in s.attrs["interior"])
    spans = [(n - 1) * step + 1 if n else 0 for n, step in zip(extents, steps, strict=True)]
    stops = tuple(start + span for start, span in zip(low, spans, strict=True))
    return e.apply("slice", g, starts=low, stops=stops, steps=steps)


def _pad(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (x,) = inputs
    result = np.full(_padded(x.shape, attrs), attrs["value"], x.dtype)
    if x.size:
        places = zip(x.shape, attrs["low"], attrs["interior"], strict=True)
        result[tuple(slice(low, low + (n - 1) * (gap + 1) + 1, gap + 1) for n, low, gap in places)] = x
    return result


def _slice(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    return inputs[0][tuple(map(slice, attrs["starts"], attrs["stops"], attrs["steps"]))]


def _movement(
    name: str, doc: str, rule: ShapeRule, reference: Reference, gradient: GradientRule, **attributes: str
) -> Primitive:
    return Primitive(name, doc, "movement", 1, rule, same_dtype("bool int float"), reference, (gradient,), attributes)


PRIMITIVES = (
    _movement(
        "copy", "The same elements on another device; a graph is cut here, so that no device sees one.",
        lambda operands, attrs: operands[0].shape, lambda inputs, attrs, real: inputs[0],
        lambda e, s, g: e.apply("copy", g, source=s.attrs["target"], target=s.attrs["source"]),
        source="the device that it comes from, None for the host", target="the device that it goes to",
    ),
    _movement(
        "reshape", "The same elements in row-major order under another shape.", _reshape_shape,
        lambda inputs, attrs, real: inputs[0].reshape(attrs["shape"]),
        lambda e, s, g: e.apply("reshape", g, shape=e.shape(s.inputs[0])),
        shape="new extents",
    ),
    _movement(
        "permute", "Axes reordered: result axis i is input axis order[i].", _permute_shape,
        lambda inputs, attrs, real: np.transpose(inputs[0], attrs["order"]), _permute_back,
        order="a permutation of the axes",
    ),
    _movement(
        "broadcast_to", "Repeated to ``shape`` by NumPy's rule: aligned right, extent 1 repeats, new axes in front.",
        _broadcast_shape, lambda inputs, attrs, real: np.broadcast_to(inputs[0], attrs["shape"]), _broadcast_back,
        shape="new extents",
    ),
    _movement(
        "slice", "Elements start, start+step, … below stop along each axis.", _slice_shape, _slice, _slice_back,
        starts="first index of each axis", stops="bound of each axis, at most its extent", steps="positive strides",
    ),
    _movement(
        "pad", "``value`` before (low), after (high) and between (interior) the elements of each axis.",
        _pad_shape, _pad, _pad_back,
        low="elements before, for each axis", high="elements after", interior="elements between neighbours",
        value="what the new elements hold, a Python number",
    ),
    Primitive(
        "barrier",
        "The elements of the first input, once the second is computed; passes take it for another value, so that what "
        "follows is computed anew, and then.",
        "movement", 2, lambda operands, attrs: operands[0].shape, lambda operands, attrs: operands[0].dtype,
        lambda inputs, attrs, real: inputs[0], (lambda e, s, g: g, None),
    ),
)
