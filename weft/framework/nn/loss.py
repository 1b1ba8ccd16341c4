"""Losses as modules."""

from __future__ import annotations

from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss"]


class CrossEntropyLoss(Module):
    """``functional.cross_entropy`` as a module."""

    def forward(self, logits: Tensor, labels: Operand) -> Tensor:
        """Mean over the rows."""
        return F.cross_entropy(logits, labels)


class BCEWithLogitsLoss(Module):
    """``functional.binary_cross_entropy_with_logits`` as a module."""

    def forward(self, logits: Tensor, targets: Operand) -> Tensor:
        """Mean over the elements."""
        return F.binary_cross_entropy_with_logits(logits, targets)


class MSELoss(Module):
    """``functional.mse_loss`` as a module."""

    def forward(self, x: Tensor, target: Operand) -> Tensor:
        """Mean over the elements."""
        return F.mse_loss(x, target)
