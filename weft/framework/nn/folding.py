"""The windows of images as columns and back: ``functional.unfold`` and ``functional.fold`` with their options kept."""

from __future__ import annotations

from typing import Any

from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """``functional.unfold``: [N, C, height, width] → [N, C · elements of a window, windows]."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return ", ".join(
            f"{name}={getattr(self, name)}" for name in ("kernel_size", "dilation", "padding", "stride")
        )


class Fold(Module):
    """``functional.fold``: [N, C · elements of a window, windows] → [N, C, height, width]."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The image."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """As torch shows it."""
        names = ("output_size", "kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)
