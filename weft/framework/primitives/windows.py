"""Reductions over windows that slide over the last axes (``sliding``): sums, maxima, and what stands at the maxima.

Of the places of a window that lie on elements, the *first maximum* is, in row-major order, the first of the largest
ones, or the last NaN if there is one, as in torch's max_pool2d. ``window_pick`` carries values between the elements
and the windows of which they are that place, in either direction; each direction is the other's transpose, as in XLA's
SelectAndScatter and its gradient. So these three are closed under their gradients: a sum's is the sum over the windows
that see an element (the relation turned around), a maximum's picks, and a pick's picks the other way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from weft.framework.dtypes import DType
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.primitives import sliding
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


def _window_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, size = operands[0], attrs["size"]
    sliding.check_sliding(attrs, ("window",))
    if len(x.shape) < len(size):
        raise ShapeError(f"{list(x.shape)} has not the {len(size)} axes that the windows slide over")
    return (*x.shape[: len(x.shape) - len(size)], *size)


def _extremum_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    shape, extents = _window_shape(operands, attrs), operands[0].shape
    lead = len(extents) - len(attrs["size"])
    for d, axis in enumerate(sliding.sliding_axes(attrs)):
        blind = _blind(axis, attrs["size"][d], attrs["window"][d], extents[lead + d])
        if blind is not None and 0 not in attrs["size"]:
            raise ShapeError(f"window {blind} along axis {lead + d} of {list(extents)} sees no element")
    return shape


@lru_cache(maxsize=4096)
def _blind(axis: sliding.SlidingAxis, size: int, window: int, extent: int) -> int | None:
    """The first window that sees no element."""
    seen = np.add.outer(axis.stride * np.arange(size), axis.dilation * np.arange(window)) - axis.low
    on_element = (seen % axis.input_dilation == 0) & (seen >= 0) & (seen < axis.input_dilation * extent)
    blind = ~on_element.any(axis=1)
    return int(blind.argmax()) if blind.any() else None


def _pick_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    x, v = operands
    windows = _extremum_shape(operands, attrs)
    if attrs["result"] not in ("windows", "input"):
        raise ShapeError(f"result is windows or input, not {attrs['result']!r}")
    taken, given = (x.shape, windows) if attrs["result"] == "windows" else (windows, x.shape)
    if v.shape != taken:
        raise ShapeError(f"values {list(v.shape)} do not fit, of input {list(x.shape)} they are {list(taken)}")
    return given


def _pick_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    for operand in operands:
        if operand.dtype.kind not in ("int", "float"):
            raise DTypeError(f"takes int or float values, not {operand.dtype}")
    return operands[1].dtype


def _sum_gradient(e: Emitter, s: Site, g: int) -> int:
    axes = [axis.turned(n) for axis, n in zip(sliding.sliding_axes(s.attrs), s.attrs["window"], strict=True)]
    extents = e.shape(s.inputs[0])
    turned = {name: tuple(getattr(axis, name) for axis in axes) for name in sliding.SlidingAxis._fields}
    return e.apply("window_sum", g, window=s.attrs["window"], size=extents[len(extents) - len(axes) :], **turned)


def _max_gradient(e: Emitter, s: Site, g: int) -> int:
    return e.apply("window_pick", s.inputs[0], g, result="input", **s.attrs)


def _pick_gradient(e: Emitter, s: Site, g: int) -> int:
    other = "input" if s.attrs["result"] == "windows" else "windows"
    return e.apply("window_pick", s.inputs[0], g, **{**s.attrs, "result": other})


def lowest(dtype: np.dtype[Any]) -> float:
    """What padding holds where the largest is looked for."""
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else -math.inf


def _inner(attrs: Attrs) -> tuple[int, ...]:
    """The axes of the places in what windows see."""
    return tuple(range(-len(attrs["window"]), 0))


def _sum(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (x,) = inputs
    seen = sliding.windows(x, attrs, attrs["size"], attrs["window"])
    return np.asarray(np.sum(seen, axis=_inner(attrs), dtype=x.dtype))


def _max(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """NumPy's, with -0 < +0."""
    (x,), over = inputs, _inner(attrs)
    seen = sliding.windows(x, attrs, attrs["size"], attrs["window"], lowest(x.dtype))
    largest = np.asarray(np.max(seen, axis=over))
    if x.dtype.kind != "f":
        return largest
    positive = np.any((seen == 0) & ~np.signbit(seen), axis=over)
    return np.where(largest == 0, np.where(positive, 0.0, -0.0), largest).astype(x.dtype)


def first_maxima(x: Array, attrs: Attrs) -> Array:
    """bool [..., *size, *window]: where the first maximum of each window is."""
    size, window = attrs["size"], attrs["window"]
    seen = sliding.windows(x, attrs, size, window, lowest(x.dtype))
    inside = sliding.windows(np.ones(x.shape[x.ndim - len(size) :], bool), attrs, size, window)
    flat = seen.reshape(*seen.shape[: seen.ndim - len(window)], math.prod(window))
    nan = flat != flat
    largest = (flat == flat.max(axis=-1, keepdims=True)) & inside.reshape(*size, math.prod(window))
    place = np.where(nan.any(axis=-1), flat.shape[-1] - 1 - nan[..., ::-1].argmax(axis=-1), largest.argmax(axis=-1))
    return np.asarray(np.arange(flat.shape[-1]) == place[..., None]).reshape(seen.shape)


def _pick(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    x, v = inputs
    size, over = attrs["size"], _inner(attrs)
    here = first_maxima(x, attrs)
    if attrs["result"] == "windows":
        seen = sliding.windows(v, attrs, size, attrs["window"])
        return np.asarray(np.max(np.where(here, seen, lowest(v.dtype)), axis=over)).astype(v.dtype)
    given = np.where(here, v.reshape(*v.shape, *(1,) * len(size)), 0).astype(v.dtype)
    return sliding.overlapped(given, attrs, x.shape[x.ndim - len(size) :])


def _reduction(
    name: str, doc: str, rule: ShapeRule, reference: Reference, gradient: GradientRule
) -> Primitive:
    return Primitive(name, doc, "reduction", 1, rule, same_dtype("int float"), reference, (gradient,), _ATTRIBUTES)


_ATTRIBUTES = {
    **sliding.ATTRIBUTES,
    "window": "extents of a window",
    "size": "how many windows there are along each of these axes; padding behind is implied",
}

PRIMITIVES = (
    _reduction(
        "window_sum", "Sum over each window, of zeros beyond the input; bfloat16 in float32, rounded once; ints wrap.",
        _window_shape, _sum, _sum_gradient,
    ),
    _reduction(
        "window_max", "Largest element of each window, -0 < +0; NaN if there is one; every window sees an element.",
        _extremum_shape, _max, _max_gradient,
    ),
    Primitive(
        "window_pick", "The second operand's value at the first operand's first maximum of each window, or its sum "
        "over the windows of which an element is that.",
        "reduction", 2, _pick_shape, _pick_dtype, _pick, (None, _pick_gradient),
        {
            "result": "'windows': of values for each element, one for each window; 'input': the other way",
            **_ATTRIBUTES,
        },
    ),
)
