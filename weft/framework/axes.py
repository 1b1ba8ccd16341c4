"""Axes as every method takes them: numbers from -rank to rank - 1, in one form, with torch's rules for the rest."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

from weft.framework.errors import AxisError, DTypeError, ShapeError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape

Dims = SupportsIndex | Sequence[SupportsIndex] | None
Extent = SupportsIndex | Sequence[SupportsIndex]
"""Of extents given one by one or as one sequence."""
MOST = 1 << 40
"""More elements than any machine here has memory for."""


def axis(dim: Any, shape: Shape, *, new: bool = False) -> int:
    """``dim`` as a number from 0. A tensor without axes takes 0 and -1, as if it had one.

    new: the place of an axis that is to be put in. Raises AxisError for a place outside, DTypeError for no integer.
    """
    rank = len(shape) + 1 if new else max(len(shape), 1)
    number = whole(dim, "an axis")
    if not -rank <= number < rank:
        raise AxisError(
            f"{user_line()}: axis {number} is outside shape {list(shape)}: {'a new axis is' if new else 'axes are'} "
            f"from {-rank} to {rank - 1}"
        )
    return number % rank


def axes(dim: Any, shape: Shape) -> tuple[int, ...]:
    """The axes to reduce, ascending: those of ``dim``, or all for None and for none given. Raises as ``axis`` does,
    and ShapeError for one that is named twice."""
    if dim is None:
        return tuple(range(len(shape)))
    given = [axis(d, shape) for d in _listed(dim)]
    _distinct(given, shape)
    chosen = sorted(given) if given else range(len(shape))
    return tuple(d for d in chosen if d < len(shape))


def permutation(order: Sequence[Any], shape: Shape) -> tuple[int, ...]:
    """Every axis once, in another order. Raises as ``axis`` does, and ShapeError for any other list of axes."""
    if len(order) != len(shape):
        raise ShapeError(
            f"{user_line()}: permute needs each of the {len(shape)} axes of {list(shape)} once, not {len(order)} axes"
        )
    given = tuple(axis(d, shape) for d in order)
    _distinct(given, shape)
    return given


def extents(given: Sequence[Any], what: str = "shape") -> tuple[int, ...]:
    """Extents given one by one or as one sequence: f(2, 3) or f((2, 3)). Raises DTypeError for what is no integer."""
    listed = given[0] if len(given) == 1 and not hasattr(given[0], "__index__") else given
    return tuple(whole(extent, f"an extent of the {what}") for extent in _listed(listed))


def sizes(given: Sequence[Any], what: str = "shape") -> tuple[int, ...]:
    """Extents of something new, so none is negative, and what memory can hold. Raises ShapeError or DTypeError."""
    shape = extents(given, what)
    if math.prod(shape) > MOST or any(extent > MOST for extent in shape):
        raise ShapeError(f"{user_line()}: the {what} has more than 2^40 elements, which no memory holds")
    if any(extent < 0 for extent in shape):
        raise ShapeError(f"{user_line()}: the {what} {list(shape)} has a negative extent")
    return shape


def count(value: Any, what: str, least: int = 0) -> int:
    """A number of things: an integer from ``least`` up to what memory can hold. Raises ShapeError or DTypeError."""
    number = whole(value, what)
    if not least <= number <= MOST:
        found = number if abs(number) <= MOST else f"one of {number.bit_length()} bits"
        raise ShapeError(f"{user_line()}: {what} is at least {least} and at most 2^40; it is {found}")
    return number


def whole(value: Any, what: str) -> int:
    """An integer (of Python, NumPy or anything like it), but no bool."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise DTypeError(f"{user_line()}: {what} is an integer, not {_shown(value)}") from None


def real(value: Any, what: str) -> float:
    """A number as a float. Raises DTypeError."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DTypeError(f"{user_line()}: {what} is a number, not {_shown(value)}") from None


def _listed(value: Any) -> Sequence[Any]:
    return tuple(value) if isinstance(value, list | tuple | range) else (value,)


def _distinct(given: Sequence[int], shape: Shape) -> None:
    twice = next((d for d in given if given.count(d) > 1), None)
    if twice is not None:
        raise ShapeError(f"{user_line()}: axis {twice} of {list(shape)} is named twice")


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, bool | float | str | None) else f"a {type(value).__name__}"
