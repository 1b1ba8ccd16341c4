"""Windows that slide over the last axes of an array: the relation of indices that convolution and pooling share.

Along each of these axes, an element i of the input stands at place k of window j where

    input_dilation·i + low = stride·j + dilation·k.

So ``low`` elements of padding stand in front (negative: so many are skipped), ``input_dilation - 1`` between
neighbours, and behind the input as many as the ``size``, the number of windows, asks for. With the roles of i and j
exchanged and k counted from the end this is the same relation again, with the padding dilation·(window - 1) - low:
what a window reads from and what reads from a window are of one kind. (V. Dumoulin and F. Visin, *A guide to
convolution arithmetic for deep learning*, 2016; XLA calls the three distances base dilation, window strides and
window dilation.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft.framework.errors import ShapeError
from weft.framework.primitives.base import Array, Attrs, Shape

ATTRIBUTES = {
    "stride": "elements from one window to the next, for each of the last axes",
    "low": "padding in front of the input; negative: elements skipped",
    "input_dilation": "distance of neighbouring input elements, 1 if they are adjacent",
    "dilation": "distance of neighbouring places of a window",
    "size": "extents of the result along these axes; padding behind is implied",
}
"""The attributes of a primitive with such windows, each one number for every axis."""


class SlidingAxis(NamedTuple):
    """One axis of the relation."""

    stride: int
    low: int
    input_dilation: int
    dilation: int

    def span(self, windows: int, places: int) -> int:
        """How many elements of the padded input that many windows of so many places lie in; 0 without any."""
        return self.stride * (windows - 1) + self.dilation * (places - 1) + 1 if windows and places else 0

    def inside(self, extent: int, span: int) -> tuple[int, int]:
        """first, stop: the input elements of ``extent`` that lie in the first ``span`` elements of the padded input."""
        first = max(0, -(self.low // self.input_dilation))
        return first, max(first, min(extent, -((self.low - span) // self.input_dilation)))

    def place(self, index: int) -> int:
        """Where in the padded input an element lies."""
        return self.input_dilation * index + self.low

    def turned(self, places: int) -> SlidingAxis:
        """The relation with input and windows exchanged, the places of a window counted from the end."""
        return SlidingAxis(
            self.input_dilation, self.dilation * (places - 1) - self.low, self.stride, self.dilation
        )


def sliding_axes(attrs: Attrs) -> tuple[SlidingAxis, ...]:
    """The relation along each axis that the attributes speak of."""
    return tuple(map(SlidingAxis, attrs["stride"], attrs["low"], attrs["input_dilation"], attrs["dilation"]))


def check_sliding(attrs: Attrs, names: Sequence[str] = ()) -> None:
    """Raises ShapeError unless all attributes have as many numbers and none is out of range.

    names: further attributes of one positive number for every axis.
    """
    axes = len(attrs["size"])
    for name in (*ATTRIBUTES, *names):
        given = attrs[name]
        if len(given) != axes or not axes:
            raise ShapeError(f"{name} {list(given)} needs one number for each extent of size {list(attrs['size'])}")
        least = {"low": None, "size": 0}.get(name, 1)
        if least is not None and any(n < least for n in given):
            raise ShapeError(f"{name} {list(given)} must not have a number below {least}")


Slices = tuple[Any, ...]


def _shown(x: Array, axes: Sequence[SlidingAxis], spans: Shape) -> tuple[Slices, Slices]:
    """Which elements of ``x`` the padded input of these spans shows, and where."""
    taken: list[Any] = [...]
    put: list[Any] = [...]
    for axis, extent, span in zip(axes, x.shape[x.ndim - len(axes) :], spans, strict=True):
        first, stop = axis.inside(extent, span)
        taken.append(slice(first, stop))
        put.append(slice(axis.place(first), axis.place(stop), axis.input_dilation) if stop > first else slice(0, 0))
    return tuple(taken), tuple(put)


def windows(x: Array, attrs: Attrs, size: Shape, window: Shape, fill: float = 0) -> Array:
    """[…, *size, *window], a view: what each window sees of ``x`` […, *extents], outside of which it sees ``fill``."""
    axes = sliding_axes(attrs)
    lead = x.shape[: x.ndim - len(axes)]
    if 0 in (*size, *window):
        return np.empty((*lead, *size, *window), x.dtype)
    spans = tuple(axis.span(n, k) for axis, n, k in zip(axes, size, window, strict=True))
    taken, put = _shown(x, axes, spans)
    padded = np.full((*lead, *spans), fill, x.dtype)
    padded[put] = x[taken]
    reach = tuple(axis.dilation * (k - 1) + 1 for axis, k in zip(axes, window, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(range(len(lead), padded.ndim)))
    steps = [axis.stride for axis in axes] + [axis.dilation for axis in axes]
    kept: Slices = (..., *(slice(None, None, step) for step in steps))
    return np.asarray(seen[kept])


def overlapped(seen: Array, attrs: Attrs, extents: Shape) -> Array:
    """[…, *extents]: for each element of an input the sum over all windows and places that see it.

    seen: […, *size, *window]. The transpose of ``windows`` as a linear map.
    """
    axes, rank = sliding_axes(attrs), len(extents)
    size, window, lead = seen.shape[-2 * rank : -rank], seen.shape[-rank:], seen.shape[: -2 * rank]
    result = np.zeros((*lead, *extents), seen.dtype)
    spans = tuple(axis.span(n, k) for axis, n, k in zip(axes, size, window, strict=True))
    padded = np.zeros((*lead, *spans), seen.dtype)
    if padded.size:
        for places in places_of(window):
            here: Slices = (..., *places)
            seers: Slices = (..., *(slice(axis.dilation * k, axis.dilation * k + axis.stride * (n - 1) + 1, axis.stride)
                                    for axis, k, n in zip(axes, places, size, strict=True)))  # fmt: skip
            padded[seers] += seen[here]
        taken, put = _shown(result, axes, spans)
        result[taken] = padded[put]
    return result


def places_of(window: Shape) -> Iterator[tuple[int, ...]]:
    """The places of a window in row-major order."""
    return np.ndindex(*window)
