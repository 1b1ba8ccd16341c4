"""Pooling over one and two dimensions, as torch has it: windows slide over an input padded in front and behind.

Input [N, channels, …], or without N. Beyond the input a maximum sees nothing and a mean sees zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, SupportsIndex, overload

import numpy as np

from weft.framework.axes import count, real
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.lazy import apply
from weft.framework.nn.functional.convolution import EachAxis, batched, each_axis
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.operators import expand
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "avg_pool1d",
    "avg_pool2d", "max_pool1d", "max_pool2d",
]

Pair = tuple[Tensor, Tensor]
Extents = SupportsIndex | Sequence[SupportsIndex | None] | None


class PoolingWindows(NamedTuple):
    """How windows slide over each spatial axis, and how many there are."""

    window: Shape
    stride: Shape
    low: Shape
    dilation: Shape
    size: Shape

    @property
    def attributes(self) -> dict[str, Shape]:
        """As the window primitives take them."""
        return {**self._asdict(), "input_dilation": (1,) * len(self.size)}


@overload
def max_pool1d(
    input: Operand, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0,
    dilation: EachAxis = 1, ceil_mode: bool = False, return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool1d(
    input: Operand, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0,
    dilation: EachAxis = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
) -> Pair: ...
def max_pool1d(
    input: Operand,
    kernel_size: EachAxis,
    stride: EachAxis | None = None,
    padding: EachAxis = 0,
    dilation: EachAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | Pair:
    """Largest element of each window: [N, channels, length] → [N, channels, windows].

    stride: kernel_size by default. padding: at most half the kernel. ceil_mode: a last window that begins within the
    padded input but goes beyond it counts too. return_indices: with the int32 index of each maximum along the axis.
    The gradient goes to the first of equal maxima, or to the last NaN. Raises ShapeError or DTypeError.
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@overload
def max_pool2d(
    input: Operand, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0,
    dilation: EachAxis = 1, ceil_mode: bool = False, return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool2d(
    input: Operand, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0,
    dilation: EachAxis = 1, ceil_mode: bool = False, *, return_indices: Literal[True],
) -> Pair: ...
def max_pool2d(
    input: Operand,
    kernel_size: EachAxis,
    stride: EachAxis | None = None,
    padding: EachAxis = 0,
    dilation: EachAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | Pair:
    """As ``max_pool1d`` over height and width; an index counts through the whole plane, row by row."""
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Operand,
    kernel_size: EachAxis,
    stride: EachAxis | None = None,
    padding: EachAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window: float [N, channels, length] → [N, channels, windows].

    count_include_pad: whether padding counts as zeros in the mean. The rest as in ``max_pool1d``.
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Operand,
    kernel_size: EachAxis,
    stride: EachAxis | None = None,
    padding: EachAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Tensor:
    """As ``avg_pool1d`` over height and width. divisor_override: what sums are divided by instead of their count."""
    divisor = divisor_override
    return _avg_pool("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor)


def adaptive_avg_pool1d(input: Operand, output_size: Extents) -> Tensor:
    """Mean of each of ``output_size`` parts: part j is from ⌊j·length/size⌋ to below ⌈(j + 1)·length/size⌉."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Operand, output_size: Extents) -> Tensor:
    """As ``adaptive_avg_pool1d`` over height and width; None keeps an extent."""
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


@overload
def adaptive_max_pool1d(input: Operand, output_size: Extents, return_indices: Literal[False] = False) -> Tensor: ...
@overload
def adaptive_max_pool1d(input: Operand, output_size: Extents, return_indices: Literal[True]) -> Pair: ...
def adaptive_max_pool1d(input: Operand, output_size: Extents, return_indices: bool = False) -> Tensor | Pair:
    """Largest element of each of ``output_size`` parts (those of ``adaptive_avg_pool1d``), and its index if asked."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


@overload
def adaptive_max_pool2d(input: Operand, output_size: Extents, return_indices: Literal[False] = False) -> Tensor: ...
@overload
def adaptive_max_pool2d(input: Operand, output_size: Extents, return_indices: Literal[True]) -> Pair: ...
def adaptive_max_pool2d(input: Operand, output_size: Extents, return_indices: bool = False) -> Tensor | Pair:
    """As ``adaptive_max_pool1d`` over height and width; None keeps an extent."""
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def _max_pool(
    name: str, axes: int, input: Operand, kernel: EachAxis, stride: EachAxis | None, padding: EachAxis,
    dilation: EachAxis, ceil_mode: bool, return_indices: bool,
) -> Tensor | Pair:  # fmt: skip
    x, single = batched(name, input, axes)
    windows = _windows(name, x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    largest, indices = _largest(name, x, windows, _flat_index(x) if return_indices else None)
    return _given(single, largest, indices)


def _avg_pool(
    name: str, axes: int, input: Operand, kernel: EachAxis, stride: EachAxis | None, padding: EachAxis,
    ceil_mode: bool, count_include_pad: bool, divisor: float | None,
) -> Tensor:  # fmt: skip
    x, single = batched(name, input, axes)
    windows = _windows(name, x.shape[2:], kernel, stride, padding, 1, ceil_mode)
    if divisor is None:
        counts = [
            _counted(*of_axis, count_include_pad)
            for of_axis in zip(x.shape[2:], windows.window, windows.stride, windows.low, windows.size, strict=True)
        ]
        mean = _mean(name, x, windows, counts)
    else:
        number = real(divisor, f"{name}: divisor_override")
        if number == 0:
            raise OptionError(f"{user_line()}: {name}: divisor_override must not be 0")
        mean = _mean(name, x, windows, [np.full(n, number if d == 0 else 1) for d, n in enumerate(windows.size)])
    return mean.squeeze(0) if single else mean


def _adaptive_avg_pool(name: str, axes: int, input: Operand, output_size: Extents) -> Tensor:
    x, single = batched(name, input, axes)
    parts = _parts(name, x.shape[2:], output_size)
    apart, windows = _laid_out(x, parts, 0)
    mean = _mean(name, apart, windows, [np.subtract(*part[::-1]) for part in parts])
    return mean.squeeze(0) if single else mean


def _adaptive_max_pool(
    name: str, axes: int, input: Operand, output_size: Extents, return_indices: bool
) -> Tensor | Pair:
    x, single = batched(name, input, axes)
    parts = _parts(name, x.shape[2:], output_size)
    apart, windows = _laid_out(x, parts, -math.inf)
    index = _laid_out(_flat_index(x), parts, 0)[0] if return_indices else None
    return _given(single, *_largest(name, apart, windows, index))


def _windows(
    name: str, extents: Shape, kernel: EachAxis, stride: EachAxis | None, padding: EachAxis, dilation: EachAxis,
    ceil_mode: bool,
) -> PoolingWindows:  # fmt: skip
    """The windows of a pooling. Raises ShapeError or DTypeError."""
    axes = len(extents)
    window = each_axis(name, "kernel_size", kernel, axes, 1)
    steps = window if stride is None or stride == [] else each_axis(name, "stride", stride, axes, 1)
    low, gaps = each_axis(name, "padding", padding, axes, 0), each_axis(name, "dilation", dilation, axes, 1)
    reach = [gap * (k - 1) + 1 for gap, k in zip(gaps, window, strict=True)]
    if any(2 * pad > k for pad, k in zip(low, reach, strict=True)):
        raise ShapeError(f"{user_line()}: {name}: padding {list(low)} is more than half the kernel's {reach}")
    padded = [n + 2 * pad for n, pad in zip(extents, low, strict=True)]
    if any(k > n for k, n in zip(reach, padded, strict=True)):
        raise ShapeError(f"{user_line()}: {name}: the kernel reaches over {reach}, but the padded input has {padded}")
    size = []
    for n, whole, k, step, pad in zip(extents, padded, reach, steps, low, strict=True):
        windows = (whole - k + (step - 1 if ceil_mode else 0)) // step + 1
        size.append(windows - 1 if ceil_mode and (windows - 1) * step >= n + pad else windows)
    return PoolingWindows(window, steps, low, gaps, tuple(size))


def _largest(name: str, x: Tensor, windows: PoolingWindows, index: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Each window's maximum, and what ``index`` has there."""
    if x.dtype.kind == "bool":
        raise DTypeError(f"{user_line()}: {name} takes floats or integers, not bool; use .to(weft.int8) first")
    largest = Tensor._of(apply("window_max", x._read(), **windows.attributes))
    if index is None:
        return largest, None
    return largest, Tensor._of(
        apply("window_pick", x._read(), index._read(), result="windows", **windows.attributes)
    )


def _mean(name: str, x: Tensor, windows: PoolingWindows, counts: Sequence[np.ndarray[Any, Any]]) -> Tensor:
    """Each window's sum divided by the product of the counts of its axes."""
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: {name} takes floats, not {x.dtype}; use .float() first")
    if all(len(set(of_axis.tolist())) <= 1 for of_axis in counts):
        return _divided(x, windows=windows, by=math.prod(float(of_axis[0]) for of_axis in counts if of_axis.size))
    product = math.prod(of_axis.reshape(-1, *(1,) * (len(counts) - 1 - d)) for d, of_axis in enumerate(counts))
    return _divided(x, windows=windows, by=Tensor(np.asarray(product, np.float32)))


@rounded_once
def _divided(x: Tensor, windows: PoolingWindows, by: Tensor | float) -> Tensor:
    return Tensor._of(apply("window_sum", x._read(), **windows.attributes)) / by


def _counted(extent: int, window: int, stride: int, low: int, size: int, padding: bool) -> np.ndarray[Any, Any]:
    """How many elements each window along an axis has, with or without padding; none goes beyond the padding."""
    first = np.arange(size) * stride - low
    if padding:
        return np.minimum(first + window, extent + low) - first
    return np.minimum(first + window, extent) - np.maximum(first, 0)


def _parts(name: str, extents: Shape, output_size: Extents) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """For each axis the first index of every part, and the one behind its last. Raises ShapeError or DTypeError."""
    given = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,) * len(extents)
    if len(given) != len(extents):
        raise ShapeError(f"{user_line()}: {name}: output_size is one number or {len(extents)}, not {list(given)}")
    parts = []
    for extent, wanted in zip(extents, given, strict=True):
        size = extent if wanted is None else count(wanted, f"{name}: output_size")
        if extent == 0:
            raise ShapeError(f"{user_line()}: {name}: the input's {list(extents)} are not to be empty")
        place = np.arange(size + 1) * extent
        parts.append((place[:-1] // max(size, 1), -(-place[1:] // max(size, 1))))
    return parts


def _laid_out(
    x: Tensor, parts: Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]], fill: float
) -> tuple[Tensor, PoolingWindows]:
    """The input with its parts one behind the other, each as long as the longest, which windows then go over.

    Where the parts are equal and next to each other, that is the input itself.
    """
    longest = []
    for d, (first, stop) in enumerate(parts):
        most = int(np.max(stop - first, initial=1))
        longest.append(most)
        if len(first) * most == x.shape[2 + d]:
            continue
        extent = x.shape[2 + d]
        places = first[:, None] + np.arange(most)
        index = np.where(places < stop[:, None], places, extent)
        beside = index.reshape(-1, *(1,) * (len(parts) - 1 - d))
        high = tuple(int(k == 2 + d) for k in range(x.ndim))  # one more element for all places that hold none
        value = fill if x.dtype.is_float or fill == 0 else float(np.iinfo(x.dtype.numpy).min)
        padded = apply("pad", x._read(), low=(0,) * x.ndim, high=high, interior=(0,) * x.ndim, value=value)
        wide = expand(Tensor(beside.astype(np.int32))._read(), (*x.shape[: 2 + d], index.size, *x.shape[3 + d :]))
        x = Tensor._of(apply("gather", padded, wide, axis=2 + d))
    window, ones = tuple(longest), (1,) * len(parts)
    return x, PoolingWindows(window, window, (0,) * len(parts), ones, tuple(len(first) for first, _ in parts))


def _flat_index(x: Tensor) -> Tensor:
    """int32: for each element of ``x`` [N, channels, …] its place in its plane, row by row."""
    spatial = x.shape[2:]
    counted = Tensor._of(apply("iota", shape=(math.prod(spatial),), axis=0)).reshape(*spatial)
    return Tensor._of(expand(counted._read(), x.shape))


def _given(single: bool, largest: Tensor, indices: Tensor | None) -> Tensor | Pair:
    if indices is None:
        return largest.squeeze(0) if single else largest
    return (largest.squeeze(0), indices.squeeze(0)) if single else (largest, indices)
