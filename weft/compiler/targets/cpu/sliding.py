"""What sliding windows see, as views: of the operand where it lies, or of a padded copy of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weft.compiler.targets.cpu.loops import AccessWindow
from weft.compiler.targets.cpu.program import Step
from weft.compiler.targets.cpu.views import NumberView, V, View, windows
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import SlidingAxis


class SlidingLowering:
    """The part of the lowering that shows windows; what it needs of the whole is declared here."""

    steps: list[Step]
    views: dict[int, View]
    _temporary: Callable[[Shape, str], AccessWindow]
    _copy: Callable[[View, AccessWindow], None]
    _target: Callable[[int], AccessWindow]

    def _windows(
        self, source: View, axes: Sequence[SlidingAxis], size: Shape, window: Shape, fill: float = 0
    ) -> View:
        """What each window sees of ``source``, whose last axes the ``axes`` are: [..., *size, *window]."""
        spans = tuple(axis.span(n, k) for axis, n, k in zip(axes, size, window, strict=True))
        lead = len(source.shape) - len(axes)
        starts = tuple(-axis.low for axis in axes)
        covered = zip(axes, starts, spans, source.shape[lead:], strict=True)
        if not all(a.input_dilation == 1 and start >= 0 and start + n <= extent for a, start, n, extent in covered):
            source, starts = self._padded(source, axes, spans, fill), (0,) * len(axes)
        return windows(source, axes, starts, size, window)

    def _padded(self, source: View, axes: Sequence[SlidingAxis], spans: Shape, fill: float) -> AccessWindow:
        """The first ``spans`` elements of the padded ``source``, in memory of its own."""
        lead = source.shape[: len(source.shape) - len(axes)]
        padded = self._temporary((*lead, *spans), source.dtype)
        self._copy(NumberView(fill, source.dtype, padded.shape, (0,) * len(padded.shape)), padded)
        shown = [axis.inside(n, span) for axis, n, span in zip(axes, source.shape[len(lead) :], spans, strict=True)]
        shape = (*lead, *(stop - first for first, stop in shown))
        whole = (0,) * len(lead)
        places = [axis.place(first) for axis, (first, _) in zip(axes, shown, strict=True)]
        self._copy(
            _cut(source, shape, (*whole, *(first for first, _ in shown)), (1,) * len(shape)),
            _cut(padded, shape, (*whole, *places), (*(1 for _ in lead), *(axis.input_dilation for axis in axes))),
        )
        return padded


def _cut(view: V, shape: Shape, starts: Sequence[int], steps: Sequence[int]) -> V:
    """So many elements from ``starts`` on, each ``steps`` behind the one before."""
    strides = tuple(s * n for s, n in zip(view.strides, steps, strict=True))
    if isinstance(view, NumberView):
        return view._replace(shape=shape, strides=strides)
    first = sum(s * n for s, n in zip(view.strides, starts, strict=True))
    return view._replace(shape=shape, strides=strides, offset=view.offset + first)
