"""Pooling layers: the largest element or the mean of each window, or of each of so many parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.nn.functional.convolution import EachAxis
from weft.framework.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
    "MaxPool1d", "MaxPool2d",
]


class _Pool(Module):
    """A pooling function with the attributes named in ``_options``; the repr shows those of ``_shown_options``."""

    _function: Callable[..., Any]
    _options: tuple[str, ...]
    _shown_options: tuple[str, ...]

    def forward(self, input: Tensor) -> Any:
        """The function with this module's options."""
        return type(self)._function(input, **{name: getattr(self, name) for name in self._options})

    def extra_repr(self) -> str:
        """As torch shows it."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._shown_options)


class _MaxPool(_Pool):
    _options = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    _shown_options = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0, dilation: EachAxis = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = bool(return_indices), bool(ceil_mode)


class MaxPool1d(_MaxPool):
    """``functional.max_pool1d``."""

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """``functional.max_pool2d``."""

    _function = staticmethod(F.max_pool2d)


class AvgPool1d(_Pool):
    """``functional.avg_pool1d``."""

    _function = staticmethod(F.avg_pool1d)
    _options = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    _shown_options = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = (
            value if isinstance(value, tuple) else (value,)
            for value in (kernel_size, kernel_size if stride is None else stride)
        )
        self.padding = padding if isinstance(padding, tuple) else (padding,)
        self.ceil_mode, self.count_include_pad = bool(ceil_mode), bool(count_include_pad)


class AvgPool2d(_Pool):
    """``functional.avg_pool2d``."""

    _function = staticmethod(F.avg_pool2d)
    _options = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    _shown_options = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: EachAxis, stride: EachAxis | None = None, padding: EachAxis = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.divisor_override = padding, divisor_override
        self.ceil_mode, self.count_include_pad = bool(ceil_mode), bool(count_include_pad)


class _AdaptivePool(_Pool):
    _options: tuple[str, ...] = ("output_size",)
    _shown_options = ("output_size",)

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size


class AdaptiveAvgPool1d(_AdaptivePool):
    """``functional.adaptive_avg_pool1d``."""

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """``functional.adaptive_avg_pool2d``."""

    _function = staticmethod(F.adaptive_avg_pool2d)


class _AdaptiveMaxPool(_AdaptivePool):
    _options = ("output_size", "return_indices")

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = bool(return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """``functional.adaptive_max_pool1d``."""

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """``functional.adaptive_max_pool2d``."""

    _function = staticmethod(F.adaptive_max_pool2d)
