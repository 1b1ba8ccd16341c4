"""Convolution layers of one and two dimensions, and the transposed ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import OptionError, ShapeError
from weft.framework.module import Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.functional.convolution import EachAxis, each_axis
from weft.framework.nn.starting import UniformStart
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(UniformStart):
    """Weight and bias of a convolution, uniform in ±1/√fan in at the start, and how its kernel slides."""

    _axes: int
    _transposed = False
    _function: Callable[..., Tensor]
    output_padding: Shape

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: EachAxis, stride: EachAxis, padding: EachAxis | str,
        dilation: EachAxis, groups: int, bias: bool, padding_mode: str, device: str | Device | None,
        dtype: DType | str | None,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        self.in_channels = count(in_channels, f"{name}: in_channels", 1)
        self.out_channels = count(out_channels, f"{name}: out_channels", 1)
        self.groups = count(groups, f"{name}: groups", 1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                f"{user_line()}: {name}: {in_channels} and {out_channels} channels do not divide into {groups} groups"
            )
        if padding_mode not in (("zeros",) if self._transposed else _MODES):
            known = "'zeros'" if self._transposed else ", ".join(map(repr, _MODES))
            raise OptionError(f"{user_line()}: {name}: padding_mode is {known}, not {padding_mode!r}")
        self.kernel_size = each_axis(name, "kernel_size", kernel_size, self._axes, 1)
        self.stride = each_axis(name, "stride", stride, self._axes, 1)
        self.dilation = each_axis(name, "dilation", dilation, self._axes, 1)
        self.padding: Any = padding
        if not isinstance(padding, str):
            self.padding = each_axis(name, "padding", padding, self._axes, 0)
        elif padding not in ("valid", "same") or (padding == "same" and any(s != 1 for s in self.stride)):
            raise OptionError(
                f"{user_line()}: {name}: padding is a number, 'valid' or, with stride 1, 'same', not {padding!r}"
            )
        self.padding_mode = padding_mode
        channels = (self.in_channels, self.out_channels) if self._transposed else (self.out_channels, self.in_channels)
        shape = (channels[0], channels[1] // self.groups, *self.kernel_size)
        source, bound = default_generator(), 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(source.uniform(shape, -bound, bound))
        self.bias = Parameter(source.uniform((self.out_channels,), -bound, bound)) if bias else None
        self._place(device, dtype)

    def extra_repr(self) -> str:
        """As torch shows it."""
        none = (0,) * self._axes
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        shown += [f"padding={self.padding}"] * (self.padding != none)
        shown += [f"dilation={self.dilation}"] * (self.dilation != (1,) * self._axes)
        shown += [f"output_padding={self.output_padding}"] if self._transposed and self.output_padding != none else []
        shown += [f"groups={self.groups}"] * (self.groups != 1) + ["bias=False"] * (self.bias is None)
        return ", ".join([*shown, *[f"padding_mode={self.padding_mode}"] * (self.padding_mode != "zeros")])


class _Conv(_ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: EachAxis, stride: EachAxis = 1,
        padding: EachAxis | str = 0, dilation: EachAxis = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         device, dtype)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """[N, in_channels, …], or without N → [N, out_channels, …]. Raises ShapeError or DTypeError."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around(), self.padding_mode), 0
        return type(self)._function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _around(self) -> list[int]:
        """The padding as ``functional.pad`` takes it: of the last axis first, in front and behind."""
        around: list[int] = []
        for axis in reversed(range(self._axes)):
            total = self.dilation[axis] * (self.kernel_size[axis] - 1) if self.padding == "same" else 0
            pair = (total // 2, total - total // 2) if isinstance(self.padding, str) else (self.padding[axis],) * 2
            around += pair
        return around


class Conv1d(_Conv):
    """``functional.conv1d``: [N, in_channels, length] → [N, out_channels, …]; weight [out_channels, in_channels/groups,
    kernel] and bias [out_channels] are trained. padding_mode: zeros, reflect, replicate or circular."""

    _axes, _function = 1, staticmethod(F.conv1d)


class Conv2d(_Conv):
    """``functional.conv2d``: [N, in_channels, height, width] → [N, out_channels, …], as ``Conv1d``."""

    _axes, _function = 2, staticmethod(F.conv2d)


class _ConvTranspose(_ConvNd):
    _transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: EachAxis, stride: EachAxis = 1, padding: EachAxis = 0,
        output_padding: EachAxis = 0, groups: int = 1, bias: bool = True, dilation: EachAxis = 1,
        padding_mode: str = "zeros", device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         device, dtype)  # fmt: skip
        self.output_padding = each_axis(type(self).__name__, "output_padding", output_padding, self._axes, 0)

    def forward(self, input: Tensor) -> Tensor:
        """[N, in_channels, …], or without N → [N, out_channels, …]. Raises ShapeError or DTypeError."""
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTranspose):
    """``functional.conv_transpose1d``; weight [in_channels, out_channels/groups, kernel] and bias are trained."""

    _axes, _function = 1, staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """``functional.conv_transpose2d``, as ``ConvTranspose1d``."""

    _axes, _function = 2, staticmethod(F.conv_transpose2d)
