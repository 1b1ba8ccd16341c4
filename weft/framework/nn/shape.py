"""Modules that change the shape alone."""

from __future__ import annotations

from weft.framework.module import Module
from weft.framework.tensor import Tensor

__all__ = ["Flatten"]


class Flatten(Module):
    """[batch, ...] → [batch, features]."""

    def forward(self, x: Tensor) -> Tensor:
        """All axes but the first as one."""
        return x.flatten(1)
