"""Activations as modules."""

from __future__ import annotations

from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor

__all__ = ["ReLU", "Sigmoid"]


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return F.relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return F.sigmoid(x)
