"""Basic indexing, ``x[1, 2:5, ..., None]``, as a slice and a reshape."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias

from weft.framework.errors import AxisError, DTypeError, OptionError, ShapeError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array, Shape

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

Index: TypeAlias = "SupportsIndex | slice | EllipsisType | Tensor | Array | list[Any] | None"
"""What may stand in brackets, alone or several in a tuple; tensors, arrays and lists are for ``choosing``."""


def movements(shape: Shape, key: Any) -> list[tuple[str, dict[str, Any]]]:
    """The movements, a slice and a reshape at most, that give the elements of ``shape`` that ``key`` chooses.

    key: a number, a slice with positive step, ``...``, None, or a tuple of them. Raises AxisError for an index out of
    range, ShapeError for too many of them, and FrameworkError for what is not supported (masks, lists, tensors,
    negative steps).
    """
    keys = _with_ellipsis_filled(key if isinstance(key, tuple) else (key,), shape)
    bounds: list[tuple[int, int, int]] = []
    result: list[int] = []
    for part in keys:
        if part is None:
            result.append(1)
            continue
        extent = shape[len(bounds)]
        if isinstance(part, slice):
            start, stop, step = _bounds(part, extent)
            bounds.append((start, max(start, stop), step))
            result.append(len(range(start, stop, step)))
        else:
            bounds.append(_one(part, extent, len(bounds), shape))
    moved: list[tuple[str, dict[str, Any]]] = []
    if any(bound != (0, extent, 1) for bound, extent in zip(bounds, shape, strict=True)):
        starts, stops, steps = zip(*bounds, strict=True)
        moved.append(("slice", {"starts": starts, "stops": stops, "steps": steps}))
    taken = tuple(len(range(*bound)) for bound in bounds)
    if taken != tuple(result) or not moved:
        moved.append(("reshape", {"shape": tuple(result)}))
    return moved


def _bounds(part: slice, extent: int) -> tuple[int, int, int]:
    """start, stop and step within the extent."""
    try:
        start, stop, step = part.indices(extent)
    except (TypeError, ValueError):
        raise DTypeError(
            f"{user_line()}: a slice has whole numbers and a step above 0, not {part.start}:{part.stop}:{part.step}"
        ) from None
    if step < 0:
        raise OptionError(f"{user_line()}: negative steps are not supported in indices")
    return start, stop, step


def _one(part: Any, extent: int, axis: int, shape: Shape) -> tuple[int, int, int]:
    try:
        if isinstance(part, bool):
            raise TypeError
        index = operator.index(part)
    except TypeError:
        raise OptionError(
            f"{user_line()}: indexing with a {type(part).__name__} is not supported; use numbers, slices, where()"
        ) from None
    if not -extent <= index < extent:
        raise AxisError(f"{user_line()}: index {index} is outside axis {axis} of {list(shape)}")
    return index % extent, index % extent + 1, 1


def _with_ellipsis_filled(keys: tuple[Any, ...], shape: Shape) -> list[Any]:
    given = sum(1 for part in keys if part is not None and part is not Ellipsis)
    if given > len(shape):
        raise AxisError(f"{user_line()}: {given} indices for a tensor of shape {list(shape)}")
    fill = [slice(None)] * (len(shape) - given)
    dots = [i for i, part in enumerate(keys) if part is Ellipsis]
    if len(dots) > 1:
        raise ShapeError(f"{user_line()}: an index can have only one '...'")
    at = dots[0] if dots else len(keys)
    return [*keys[:at], *fill, *keys[at + 1 :]]
