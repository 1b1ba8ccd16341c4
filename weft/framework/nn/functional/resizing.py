"""Images and lines of another size: each output element taken from, or mixed of, the input elements nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.axes import count, real
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import operand
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.nn.functional.taking import taken
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array, Shape
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["interpolate"]

_MIXING = {"linear": 1, "bilinear": 2, "trilinear": 3}
"""Mode that mixes two neighbours along each axis → the number of axes that it resizes."""
_NEAREST = {"nearest": 0.0, "nearest-exact": 0.5}
"""Mode that takes one element → where within an output element its place is measured."""


def interpolate(
    input: Operand, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest", align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
) -> Tensor:  # fmt: skip
    """[N, C, d…] → [N, C, size…], or [N, C, ⌊d · scale_factor⌋…]; one number stands for every axis.

    mode: nearest (the element at ⌊i · d / size⌋), nearest-exact (at ⌊(i + ½) · d / size⌋), and linear, bilinear or
    trilinear of one, two or three axes d (the two neighbours along each, by distance). align_corners: the centres of
    the outermost elements stand still, not their outer edges. recompute_scale_factor: the scale is d / size, not
    1 / scale_factor, where rounding made them differ. Raises ShapeError, DTypeError or FrameworkError.
    """
    x = operand("interpolate", input)
    if mode not in _MIXING and mode not in _NEAREST:
        known = ", ".join([*_NEAREST, *_MIXING])
        raise OptionError(f"{user_line()}: interpolate: mode is one of {known}, not {mode!r}")
    if align_corners is not None and mode in _NEAREST:
        raise OptionError(f"{user_line()}: interpolate: align_corners is for linear, bilinear and trilinear")
    rank = _MIXING.get(mode, x.ndim - 2)
    if x.ndim != rank + 2 or not 1 <= rank <= 3:
        wanted = f"{rank + 2}" if mode in _MIXING else "3 to 5"
        raise ShapeError(f"{user_line()}: interpolate: mode {mode} takes {wanted} axes, not {list(x.shape)}")
    if mode in _MIXING and not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: interpolate: mode {mode} mixes floats, not {x.dtype}; take nearest")
    sizes, steps = _sizes(x.shape[2:], size, scale_factor, bool(recompute_scale_factor))
    if 0 in x.shape[1:] or 0 in sizes:
        raise ShapeError(f"{user_line()}: interpolate: {list(x.shape)} to {sizes}: no size may be zero")
    if mode in _NEAREST:
        for axis, (extent, wanted_size, step) in enumerate(zip(x.shape[2:], sizes, steps, strict=True), 2):
            x = taken(x, _places(extent, wanted_size, step, _NEAREST[mode]), axis)
        return x
    return rounded_once(_mixed)(x, sizes=sizes, steps=steps, aligned=bool(align_corners))


def _sizes(shape: Shape, size: Any, factor: Any, recompute: bool) -> tuple[list[int], list[float]]:
    """The extents wanted, and for each how far its elements are apart in the input. Raises ShapeError or DTypeError."""
    if (size is None) == (factor is None):
        raise OptionError(f"{user_line()}: interpolate takes size or scale_factor, one of them")
    given = size if factor is None else factor
    each = list(given) if isinstance(given, list | tuple) else [given] * len(shape)
    if len(each) != len(shape):
        raise ShapeError(f"{user_line()}: interpolate takes one number or {len(shape)}, not {len(each)}")
    if factor is None:
        sizes = [count(n, "size", 1) for n in each]
        return sizes, [extent / n for extent, n in zip(shape, sizes, strict=True)]
    factors = [real(n, "scale_factor") for n in each]
    if not all(0 < n < float("inf") for n in factors):
        raise OptionError(f"{user_line()}: interpolate: scale_factor is above zero and finite, not {factors}")
    sizes = [int(extent * n) for extent, n in zip(shape, factors, strict=True)]
    return sizes, [
        extent / max(n, 1) if recompute else 1 / wanted for extent, n, wanted in zip(shape, sizes, factors, strict=True)
    ]


def _places(extent: int, size: int, step: float, middle: float) -> Array:
    """For each of ``size`` elements the one of ``extent`` that it takes; in float32, as torch rounds it."""
    at = (np.arange(size, dtype=np.float32) + np.float32(middle)) * np.float32(step)
    places: Array = np.minimum(np.floor(at), extent - 1).astype(np.int32)
    return places


def _mixed(x: Tensor, sizes: list[int], steps: list[float], aligned: bool) -> Tensor:
    for axis, (size, step) in enumerate(zip(sizes, steps, strict=True), 2):
        extent, numbers = x.shape[axis], np.arange(size, dtype=np.float32)
        if aligned:
            at = numbers * np.float32((extent - 1) / (size - 1) if size > 1 else 0.0)
        else:
            at = np.maximum((numbers + np.float32(0.5)) * np.float32(step) - np.float32(0.5), np.float32(0))
        low = np.minimum(at.astype(np.int32), extent - 1)
        high = np.minimum(low + 1, extent - 1).astype(np.int32)
        wide = tuple(size if d == axis else 1 for d in range(x.ndim))
        share = Tensor((at - low).reshape(wide)).to(x.dtype)
        x = taken(x, low, axis) * (1 - share) + taken(x, high, axis) * share
    return x
