"""How a tensor lies in its storage: strides as the movements of a view make them.

Values are computed in row-major order; a view sees its storage through movements, and so has the strides that it has in
torch. Each function is the tensor's method of that name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from weft.framework.axes import axis
from weft.framework.description import clone
from weft.framework.errors import ShapeError
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

Layout = tuple[Shape, tuple[int, ...]]
"""Extents, and for each axis the elements from one place to the next."""


@overload
def stride(input: Operand, dim: None = None) -> tuple[int, ...]: ...
@overload
def stride(input: Operand, dim: SupportsIndex) -> int: ...
def stride(input: Operand, dim: SupportsIndex | None = None) -> tuple[int, ...] | int:
    """Elements of the storage from one place of an axis to the next: of all axes, or of one."""
    x = operand("stride", input)
    if dim is not None and not x.shape:
        raise ShapeError(f"{user_line()}: a tensor of shape [] has no axis {dim}")
    steps = _layout(x)[1]
    return steps if dim is None else steps[axis(dim, x.shape)]


def is_contiguous(input: Operand) -> bool:
    """Whether its elements lie in row-major order in the storage, so that ``contiguous`` copies nothing."""
    return _is_row_major(_layout(operand("is_contiguous", input)))


def contiguous(input: Operand) -> Tensor:
    """The tensor itself if it is contiguous, else a copy."""
    x = operand("contiguous", input)
    return x if _is_row_major(_layout(x)) else clone(x)


def _layout(x: Tensor) -> Layout:
    shape: Shape = x._storage.expr.shape
    layout = shape, _row_major(shape)
    for step in () if x._seen_as is None else x._seen_as.steps():
        if step.op in _MOVED:
            layout = _MOVED[step.op](layout, step.attrs)
    return layout


def _row_major(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(max(n, 1) for n in shape[d + 1 :]) for d in range(len(shape)))


def _is_row_major(layout: Layout) -> bool:
    shape, steps = layout
    lying = zip(shape, steps, _row_major(shape), strict=True)
    return 0 in shape or all(n == 1 or have == want for n, have, want in lying)


def _permuted(layout: Layout, attrs: Mapping[str, Any]) -> Layout:
    shape, steps = layout
    return tuple(shape[d] for d in attrs["order"]), tuple(steps[d] for d in attrs["order"])


def _sliced(layout: Layout, attrs: Mapping[str, Any]) -> Layout:
    ranges = list(map(range, attrs["starts"], attrs["stops"], attrs["steps"]))
    return tuple(map(len, ranges)), tuple(have * r.step for have, r in zip(layout[1], ranges, strict=True))


def _repeated(layout: Layout, attrs: Mapping[str, Any]) -> Layout:
    (shape, steps), wanted = layout, tuple(attrs["shape"])
    new = len(wanted) - len(shape)
    kept = zip(shape, steps, wanted[new:], strict=True)
    return wanted, (*(0,) * new, *(0 if n == 1 != want else step for n, step, want in kept))


def _reshaped(layout: Layout, attrs: Mapping[str, Any]) -> Layout:
    """Axes of extent 1 come and go; beyond that what lies in row-major order does so again, as a copy does."""
    (shape, steps), wanted = layout, tuple(attrs["shape"])
    real = [(n, step) for n, step in zip(shape, steps, strict=True) if n != 1]
    if _is_row_major(layout) or [n for n, _ in real] != [n for n in wanted if n != 1]:
        return wanted, _row_major(wanted)
    rest = iter(real)
    found: list[int] = [next(rest)[1] if n != 1 else -1 for n in wanted]
    for d in reversed(range(len(wanted))):
        if found[d] == -1:
            found[d] = found[d + 1] * wanted[d + 1] if d + 1 < len(wanted) else 1
    return wanted, tuple(found)


_MOVED = {"permute": _permuted, "slice": _sliced, "broadcast_to": _repeated, "reshape": _reshaped}
"""What each movement makes of a layout."""
