"""The windows of an image as columns, and columns put back as the sum of the windows that they are."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.lazy import apply
from weft.framework.nn.functional.convolution import EachAxis, each_axis
from weft.framework.nn.functional.taking import stacked
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["fold", "unfold"]


class Windows(NamedTuple):
    """How windows lie on the padded image: their extents, the distance of their elements and of each other."""

    kernel: Shape
    dilation: Shape
    padding: Shape
    stride: Shape

    def counts(self, size: Shape) -> Shape:
        """How many there are along height and width of an image of ``size``."""
        parts = zip(size, *self, strict=True)
        return tuple((n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, gap, pad, step in parts)

    def starts(self) -> list[Shape]:
        """Where each element of the first window lies in the padded image, row by row."""
        return [
            tuple(i * gap for i, gap in zip(place, self.dilation, strict=True))
            for place in itertools.product(*map(range, self.kernel))
        ]


def _windows(
    name: str, kernel_size: EachAxis, dilation: EachAxis, padding: EachAxis, stride: EachAxis
) -> Windows:
    return Windows(
        each_axis(name, "kernel_size", kernel_size, 2, 1), each_axis(name, "dilation", dilation, 2, 1),
        each_axis(name, "padding", padding, 2, 0), each_axis(name, "stride", stride, 2, 1),
    )  # fmt: skip


def unfold(
    input: Operand, kernel_size: EachAxis, dilation: EachAxis = 1, padding: EachAxis = 0, stride: EachAxis = 1
) -> Tensor:
    """[N, C, height, width] → [N, C · elements of a window, windows]; or both without N.

    The windows are those of ``conv2d``, row by row. Raises ShapeError.
    """
    x = operand("unfold", input)
    if x.ndim not in (3, 4):
        taken = "[N, C, height, width] or the same without N"
        raise ShapeError(f"{user_line()}: unfold takes {taken}, not {list(x.shape)}")
    single = x.ndim == 3
    x = x.unsqueeze(0) if single else x
    windows = _windows("unfold", kernel_size, dilation, padding, stride)
    counts = _counted("unfold", windows, x.shape[2:])
    low = (0, 0, *windows.padding)
    padded = apply("pad", x._read(), low=low, high=low, interior=(0,) * 4, value=0.0 if x.dtype.is_float else 0)
    parts = []
    for start in windows.starts():
        stops = tuple(a + (n - 1) * step + 1 for a, n, step in zip(start, counts, windows.stride, strict=True))
        part = apply(
            "slice", padded, starts=(0, 0, *start), stops=(*x.shape[:2], *stops), steps=(1, 1, *windows.stride)
        )
        parts.append(Tensor._of(part))
    columns = stacked(parts, 2).reshape(x.shape[0], x.shape[1] * len(parts), counts[0] * counts[1])
    return columns.squeeze(0) if single else columns


def fold(
    input: Operand, output_size: EachAxis, kernel_size: EachAxis, dilation: EachAxis = 1, padding: EachAxis = 0,
    stride: EachAxis = 1,
) -> Tensor:  # fmt: skip
    """[N, C · elements of a window, windows] → [N, C, height, width] of ``output_size``; or both without N.

    Every element is the sum of what the windows have for it: the gradient of ``unfold``. Raises ShapeError.
    """
    x = operand("fold", input)
    windows = _windows("fold", kernel_size, dilation, padding, stride)
    size = each_axis("fold", "output_size", output_size, 2, 1)
    counts = _counted("fold", windows, size)
    single, starts = x.ndim == 2, windows.starts()
    x = x.unsqueeze(0) if single else x
    if x.ndim != 3 or x.shape[1] % len(starts) or x.shape[2] != counts[0] * counts[1]:
        raise ShapeError(
            f"{user_line()}: fold takes [N, C · {len(starts)}, {counts[0]} · {counts[1]}] for these windows of "
            f"{list(size)}, or the same without N, not {list(operand('fold', input).shape)}"
        )
    batch, channels = x.shape[0], x.shape[1] // len(starts)
    parts = x.reshape(batch, channels, len(starts), *counts)
    spans = [(n - 1) * step + 1 for n, step in zip(counts, windows.stride, strict=True)]
    total: Tensor | None = None
    for k, start in enumerate(starts):
        room = zip(size, windows.padding, start, spans, strict=True)
        high = tuple(n + 2 * pad - a - span for n, pad, a, span in room)
        placed = Tensor._of(apply(
            "pad", parts[:, :, k]._read(), low=(0, 0, *start), high=(0, 0, *high),
            interior=(0, 0, *(step - 1 for step in windows.stride)), value=0.0 if x.dtype.is_float else 0,
        ))  # fmt: skip
        total = placed if total is None else total + placed
    assert total is not None
    (top, left), (height, width) = windows.padding, size
    image = total[:, :, top : top + height, left : left + width]
    return image.squeeze(0) if single else image


def _counted(name: str, windows: Windows, size: Shape) -> Shape:
    counts = windows.counts(size)
    if any(n < 1 for n in counts):
        raise ShapeError(
            f"{user_line()}: {name}: windows of {list(windows.kernel)} (dilation {list(windows.dilation)}) are larger "
            f"than the image {list(size)}, padded by {list(windows.padding)}"
        )
    return counts
