"""More elements around a tensor: a constant, or what is inside, mirrored, repeated or from the other end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from weft.framework.autocast import casting
from weft.framework.axes import real, whole
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functional import operand
from weft.framework.lazy import apply
from weft.framework.nn.functional.taking import taken
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["pad"]

_PLACES: dict[str, Callable[[Array, int], Array]] = {
    "reflect": lambda i, n: n - 1 - np.abs(np.abs(i) - (n - 1)),
    "replicate": lambda i, n: np.clip(i, 0, n - 1),
    "circular": lambda i, n: i % n,
}
"""Mode → which element stands at place i, which may lie outside of n."""


def pad(input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """``pad``: elements in front of and behind the last axis, then the one before it, and so on; negative ones cut off.

    mode: constant (``value``, 0 by default), reflect (mirrored without the edge, so fewer than the extent), replicate
    (the edge again), circular (from the other end, at most the extent). Raises ShapeError or FrameworkError.
    """
    x = operand("pad", input)
    if not isinstance(pad, Sequence) or isinstance(pad, str) or len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ShapeError(f"{user_line()}: pad takes two numbers for each of some last axes of {list(x.shape)}")
    numbers = [whole(n, "padding") for n in pad]
    pairs = [(x.ndim - 1 - i // 2, numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
    if mode != "constant" and mode not in _PLACES:
        raise OptionError(f"{user_line()}: pad: mode is constant, reflect, replicate or circular, not {mode!r}")
    for axis, low, high in pairs:
        extent = x.shape[axis]
        most = {"reflect": extent - 1, "circular": extent, "replicate": max(low, high) if extent else 0}.get(mode)
        if extent + low + high < 0 or (most is not None and max(low, high) > most):
            raise ShapeError(f"{user_line()}: pad: {low} and {high} around axis {axis} of {list(x.shape)} ({mode})")
    if mode == "constant":
        return _constant(x, pairs, 0.0 if value is None else real(value, "the value"))
    return (_from_inside if mode == "circular" else _edged)(x, pairs, mode)


def _from_inside(x: Tensor, pairs: list[tuple[int, int, int]], mode: str) -> Tensor:
    for axis, low, high in pairs:
        if low or high:
            x = taken(x, _PLACES[mode](np.arange(-low, x.shape[axis] + high), x.shape[axis]).astype(np.int32), axis)
    return x


@casting
def _edged(x: Tensor, pairs: list[tuple[int, int, int]], mode: str) -> Tensor:
    """With its own elements mirrored or repeated at the edges."""
    return _from_inside(x, pairs, mode)


def _constant(x: Tensor, pairs: list[tuple[int, int, int]], value: float) -> Tensor:
    low, high, bounds = [0] * x.ndim, [0] * x.ndim, [slice(None)] * x.ndim
    for axis, front, back in pairs:
        low[axis], high[axis] = max(front, 0), max(back, 0)
        bounds[axis] = slice(max(-front, 0), x.shape[axis] - max(-back, 0))
    part = x[tuple(bounds)] if x.ndim else x
    number = value if x.dtype.is_float else bool(value) if x.dtype.kind == "bool" else int(value)
    return Tensor._of(apply("pad", part._read(), low=low, high=high, interior=(0,) * x.ndim, value=number))
