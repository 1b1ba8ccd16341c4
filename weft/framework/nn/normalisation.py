"""Normalisation layers; running statistics are buffers, so they are state of a jitted step too."""

from __future__ import annotations

from collections.abc import Sequence

from weft.framework.axes import count, extents, real
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.functional import ones, zeros
from weft.framework.lazy import no_grad
from weft.framework.module import Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.starting import UnitStart
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "RMSNorm",
]


class LayerNorm(UnitStart):
    """``functional.layer_norm``; weight (ones) and bias (zeros) of ``normalized_shape`` are trained.

    elementwise_affine: without it neither is there. bias: whether that is.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape, self.eps = extents((normalized_shape,), "normalized_shape"), real(eps, "eps")
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(zeros(self.normalized_shape)) if elementwise_affine and bias else None
        self._place(device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """[..., then normalized_shape] → the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(UnitStart):
    """``functional.rms_norm``; weight (ones) of ``normalized_shape`` is trained."""

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = extents((normalized_shape,), "normalized_shape")
        self.eps = None if eps is None else real(eps, "eps")
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None
        self._place(device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """[..., then normalized_shape] → the same shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(UnitStart):
    """``functional.group_norm``; weight (ones) and bias (zeros), one a channel, are trained."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: str | Device | None = None, dtype: DType | str | None = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_groups, self.num_channels = count(num_groups, "num_groups", 1), count(num_channels, "num_channels", 1)
        if self.num_channels % self.num_groups:
            raise ShapeError(f"{user_line()}: GroupNorm: {num_channels} channels do not make {num_groups} groups")
        self.eps, self.affine = real(eps, "eps"), bool(affine)
        self.weight = Parameter(ones(self.num_channels)) if affine else None
        self.bias = Parameter(zeros(self.num_channels)) if affine and bias else None
        self._place(device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """[N, num_channels, …] → the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As torch shows it."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {affine}"


class _RunningNorm(UnitStart):
    """What keeps running_mean, running_var and num_batches_tracked as buffers, if asked to.

    weight (ones) and bias (zeros) are trained if ``affine``.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _ranks: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
        device: str | Device | None, dtype: DType | str | None, bias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps = count(num_features, "num_features", least=1), real(eps, "eps")
        self.momentum = None if momentum is None else real(momentum, "the momentum")
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        self.weight = Parameter(ones(self.num_features)) if affine else None
        self.bias = Parameter(zeros(self.num_features)) if affine and bias else None
        self.register_buffer("running_mean", zeros(self.num_features) if track_running_stats else None)
        self.register_buffer("running_var", ones(self.num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", Tensor(0, dtype="int64") if track_running_stats else None)
        self._place(device, dtype)

    def reset_running_stats(self) -> None:
        """Forget what was seen."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.fill_(value)

    def _checked(self, input: Tensor) -> Tensor:
        """The input. Raises ShapeError for another rank or number of channels."""
        channels = 0 if self._unbatched(input) else 1
        if input.ndim not in self._ranks or input.shape[channels] != self.num_features:
            ranks = " or ".join(f"{rank}-dimensional" for rank in self._ranks)
            raise ShapeError(
                f"{user_line()}: {type(self).__name__}({self.num_features}) takes {ranks} input with "
                f"{self.num_features} channels, not {list(input.shape)}"
            )
        return input

    def _unbatched(self, input: Tensor) -> bool:
        return False

    def extra_repr(self) -> str:
        """As torch shows it."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    """``functional.batch_norm``: with the batch's statistics in training, and with the running ones in evaluation.

    momentum: how far the running statistics move at each batch; None for the mean of all batches.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: str | Device | None = None, dtype: DType | str | None = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """[N, num_features, …] → the same shape. Raises ShapeError."""
        input, momentum = self._checked(input), 0.0 if self.momentum is None else self.momentum
        move: float | Tensor = momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.assign(self.num_batches_tracked + 1)
                if self.momentum is None:
                    move = self.num_batches_tracked.float().reciprocal()
        of_batch = self.training or self.running_mean is None or self.running_var is None
        moved = self.training or not of_batch
        mean, var = (self.running_mean, self.running_var) if moved else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, of_batch, move, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of [N, C] or [N, C, L]; see ``functional.batch_norm``."""

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of [N, C, H, W]; see ``functional.batch_norm``."""

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of [N, C, D, H, W]; see ``functional.batch_norm``."""

    _ranks = (5,)


class _InstanceNorm(_RunningNorm):
    """``functional.instance_norm``; nothing is trained or tracked unless asked for."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: str | Device | None = None, dtype: DType | str | None = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _unbatched(self, input: Tensor) -> bool:
        return input.ndim == min(self._ranks)

    def forward(self, input: Tensor) -> Tensor:
        """[N, num_features, …] or [num_features, …] → the same shape. Raises ShapeError."""
        alone = self._unbatched(self._checked(input))
        batch = input.unsqueeze(0) if alone else input
        of_input = self.training or self.running_mean is None
        result = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, of_input, self.momentum or 0.0, self.eps
        )
        return result.squeeze(0) if alone else result


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of [N, C, L] or [C, L]; see ``functional.instance_norm``."""

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of [N, C, H, W] or [C, H, W]; see ``functional.instance_norm``."""

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of [N, C, D, H, W] or [C, D, H, W]; see ``functional.instance_norm``."""

    _ranks = (4, 5)
