"""Upsampling as a module: ``functional.interpolate`` with its options kept."""

from __future__ import annotations

from collections.abc import Sequence

from weft.framework.axes import real
from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """``functional.interpolate``: [N, C, d…] → [N, C, size…] or [N, C, ⌊d · scale_factor⌋…]."""

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest", align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.mode = size, mode
        self.scale_factor = (
            tuple(real(n, "scale_factor") for n in scale_factor) if isinstance(scale_factor, list | tuple)
            else None if scale_factor is None else real(scale_factor, "scale_factor")
        )  # fmt: skip
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The function with this module's options."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """As torch shows it."""
        given = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """``Upsample`` with mode nearest."""

    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: float | None = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """``Upsample`` with mode bilinear and the corners aligned."""

    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: float | None = None) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)
