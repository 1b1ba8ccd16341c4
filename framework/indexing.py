"""Basic indexing, ``x[1, 2:5, ..., None]``, as a slice and a reshape."""

from __future__ import annotations

import operator
from typing import Any

from framework.errors import FrameworkError, ShapeError
from framework.lazy import Expr, apply
from framework.origin import user_line


def indexed(e: Expr, key: Any) -> Expr:
    """The elements that ``key`` chooses.

    key: a number, a slice with positive step, ``...``, None, or a tuple of them. Raises ShapeError for an index out of
    range or too many of them, and FrameworkError for what is not supported (masks, lists, tensors, negative steps).
    """
    keys = _with_ellipsis_filled(key if isinstance(key, tuple) else (key,), e)
    bounds: list[tuple[int, int, int]] = []
    shape: list[int] = []
    for part in keys:
        if part is None:
            shape.append(1)
            continue
        extent = e.shape[len(bounds)]
        if isinstance(part, slice):
            start, stop, step = part.indices(extent)
            if step < 0:
                raise FrameworkError(f"{user_line()}: negative steps are not supported in indices")
            bounds.append((start, max(start, stop), step))
            shape.append(len(range(start, stop, step)))
        else:
            bounds.append(_one(part, extent, len(bounds), e))
    starts, stops, steps = zip(*bounds, strict=True) if bounds else ((), (), ())
    whole = all(bound == (0, extent, 1) for bound, extent in zip(bounds, e.shape, strict=True))
    taken = e if whole else apply("slice", e, starts=starts, stops=stops, steps=steps)
    return taken if taken.shape == tuple(shape) else apply("reshape", taken, shape=tuple(shape))


def _one(part: Any, extent: int, axis: int, e: Expr) -> tuple[int, int, int]:
    try:
        if isinstance(part, bool):
            raise TypeError
        index = operator.index(part)
    except TypeError:
        raise FrameworkError(
            f"{user_line()}: indexing with a {type(part).__name__} is not supported; use numbers, slices, where()"
        ) from None
    if not -extent <= index < extent:
        raise ShapeError(f"{user_line()}: index {index} is outside axis {axis} of {list(e.shape)}")
    return index % extent, index % extent + 1, 1


def _with_ellipsis_filled(keys: tuple[Any, ...], e: Expr) -> list[Any]:
    given = sum(1 for part in keys if part is not None and part is not Ellipsis)
    if given > len(e.shape):
        raise ShapeError(f"{user_line()}: {given} indices for a tensor of shape {list(e.shape)}")
    fill = [slice(None)] * (len(e.shape) - given)
    dots = [i for i, part in enumerate(keys) if part is Ellipsis]
    if len(dots) > 1:
        raise ShapeError(f"{user_line()}: an index can have only one '...'")
    at = dots[0] if dots else len(keys)
    return [*keys[:at], *fill, *keys[at + 1 :]]
