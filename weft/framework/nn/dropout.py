"""Dropout layers; they do nothing in evaluation."""

from __future__ import annotations

from collections.abc import Callable

from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.nn.functional.dropout import probability
from weft.framework.tensor import Tensor

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class _Dropout(Module):
    _function: Callable[..., Tensor]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p, self.inplace = probability(type(self).__name__, p), bool(inplace)

    def forward(self, input: Tensor) -> Tensor:
        """The function in training, else the input itself."""
        return type(self)._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """``functional.dropout``: elements."""

    _function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """``functional.dropout1d``: channels of [N, C, length]."""

    _function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """``functional.dropout2d``: channels of [N, C, height, width]."""

    _function = staticmethod(F.dropout2d)
