"""Layers that multiply by a matrix of weights."""

from __future__ import annotations

import math

import numpy as np

from weft.framework.axes import MOST
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.module import Module, Parameter
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator
from weft.framework.tensor import Tensor

__all__ = ["Linear"]


class Linear(Module):
    """x @ Wᵀ + b: [..., in_features] → [..., out_features].

    weight [out_features, in_features] and bias [out_features] start uniform in ±1/√in_features, drawn from
    ``generator`` (the default one if None).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, generator: Generator | None = None
    ) -> None:
        super().__init__()
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= MOST:
                raise ShapeError(f"{user_line()}: Linear: {name} is a positive integer, not {value!r}")
        self.in_features, self.out_features = int(in_features), int(out_features)
        source, bound = generator or default_generator(), 1 / math.sqrt(max(in_features, 1))
        self.weight = Parameter(source.uniform((out_features, in_features), -bound, bound))
        self.bias = Parameter(source.uniform((out_features,), -bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Raises ShapeError if the last extent of x is not in_features, DTypeError if it is no tensor or array."""
        x = operand(f"Linear({self.in_features}, {self.out_features})", x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{user_line()}: Linear({self.in_features}, {self.out_features}) takes [..., {self.in_features}], "
                f"not {list(x.shape)}"
            )
        rows = x if x.ndim == 2 else x.reshape(-1, self.in_features)
        product: Tensor = rows @ self.weight.T
        result: Tensor = product if self.bias is None else product + self.bias
        return result if x.ndim == 2 else result.reshape(*x.shape[:-1], self.out_features)

    def _details(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
