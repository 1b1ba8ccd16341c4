"""Modules that change the shape alone, or nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft.framework.axes import axis, extents, whole
from weft.framework.errors import ShapeError
from weft.framework.module import Module
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["Flatten", "Identity", "Unflatten"]


class Flatten(Module):
    """Axes ``start_dim`` to ``end_dim`` as one: by default [batch, …] → [batch, features]."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = whole(start_dim, "start_dim"), whole(end_dim, "end_dim")

    def forward(self, input: Tensor) -> Tensor:
        """The same elements."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Axis ``dim`` as several of extents ``unflattened_size``, one of which may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = whole(dim, "dim"), extents((unflattened_size,), "unflattened_size")

    def forward(self, input: Tensor) -> Tensor:
        """The same elements. Raises ShapeError if the axis does not have as many."""
        at = axis(self.dim, input.shape)
        size, known = list(self.unflattened_size), -math.prod(self.unflattened_size)
        if size.count(-1) == 1 and known > 0:
            size[size.index(-1)] = input.shape[at] // known
        if math.prod(size) != input.shape[at] or min(size, default=0) < 0:
            raise ShapeError(
                f"{user_line()}: Unflatten: axis {self.dim} of {list(input.shape)} cannot become "
                f"{list(self.unflattened_size)}"
            )
        return input.reshape(*input.shape[:at], *size, *input.shape[at + 1 :])

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Gives what it takes; arguments are accepted and forgotten, so that it can stand for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input
