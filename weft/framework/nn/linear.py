"""Layers that multiply by a matrix of weights."""

from __future__ import annotations

import math

import numpy as np

from weft.framework.axes import MOST
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.module import Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.starting import UniformStart
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator
from weft.framework.tensor import Tensor

__all__ = ["Bilinear", "Linear"]


def _features(layer: str, **given: int) -> tuple[int, ...]:
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= MOST:
            raise ShapeError(f"{user_line()}: {layer}: {name} is a positive integer, not {value!r}")
    return tuple(map(int, given.values()))


class Linear(UniformStart):
    """x @ Wᵀ + b: [..., in_features] → [..., out_features].

    weight [out_features, in_features] and bias [out_features] start uniform in ±1/√in_features, drawn from
    ``generator`` (the default one if None).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: str | Device | None = None,
        dtype: DType | str | None = None, *, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        features = _features("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = features
        source, bound = generator or default_generator(), 1 / math.sqrt(self.in_features)
        self.weight = Parameter(source.uniform((self.out_features, self.in_features), -bound, bound))
        self.bias = Parameter(source.uniform((self.out_features,), -bound, bound)) if bias else None
        self._place(device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Raises ShapeError if the last extent is not in_features, DTypeError if it is no tensor or array."""
        x = operand(f"Linear({self.in_features}, {self.out_features})", input)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{user_line()}: Linear({self.in_features}, {self.out_features}) takes [..., {self.in_features}], "
                f"not {list(x.shape)}"
            )
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(UniformStart):
    """x1ᵀ W x2 + b: [..., in1_features] and [..., in2_features] → [..., out_features].

    weight [out_features, in1_features, in2_features] and bias start uniform in ±1/√in1_features.
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        given = _features("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = given
        source, bound = default_generator(), 1 / math.sqrt(self.in1_features)
        shape = (self.out_features, self.in1_features, self.in2_features)
        self.weight = Parameter(source.uniform(shape, -bound, bound))
        self.bias = Parameter(source.uniform((self.out_features,), -bound, bound)) if bias else None
        self._place(device, dtype)

    def _bound(self) -> float:
        return 1 / math.sqrt(self.in1_features)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Raises ShapeError."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
