"""What quantisation makes of layers: an ``nn.Linear`` on int8 values, written in the graph as quantise and dequantise.

The compiler turns the pattern into int8 products with int32 sums, on every target alike (docs/arithmetic.md).
"""

from __future__ import annotations

import numpy as np

from weft.framework.dtypes import float32
from weft.framework.errors import GradientError, ShapeError
from weft.framework.functional import operand
from weft.framework.lazy import apply, grad_enabled
from weft.framework.nn import Module
from weft.framework.operators import cast, expand
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor

LEVELS = 127
"""The largest magnitude that a scale maps to an integer: scales are symmetric about zero."""
SMALLEST, LARGEST = 2.0**-40, 2.0**40
"""Between these lie all scales, so that no product of three of them leaves the range of normal float32 numbers."""
NEGLIGIBLE = 2.0**-24
"""Weights of a channel that are so small beside their layer's largest count as zeros, whatever their scale."""
MOST_FEATURES = 1 << 16
"""The most terms of a sum of int8 products that cannot overflow an int32, half of which is the bias's."""
_MOST_BIAS = 2**30


def scale_for(largest: Array) -> Array:
    """float32: the value of one step such that ``largest`` becomes LEVELS; 1 where there is nothing but zeros."""
    steps = np.clip(np.asarray(largest, np.float64) / LEVELS, SMALLEST, LARGEST)
    return np.where(np.asarray(largest) == 0, 1.0, steps).astype(np.float32)


def quantise_array(values: Array, scale: Array, limit: int = LEVELS) -> Array:
    """int32: values / scale, to nearest even, at most ``limit`` in magnitude (on the host, once, so in float64)."""
    return np.clip(np.rint(values.astype(np.float64) / scale), -limit, limit).astype(np.int32)


def out_of_range(weight: Array, bias: Array | None, largest_input: float) -> str | None:
    """What of a layer (float: weight [out, in], bias [out]) no scale can represent; None if all is well."""
    if not np.isfinite(largest_input):
        return f"its inputs reach {largest_input}, which is not finite"
    low, high = SMALLEST * LEVELS, LARGEST * LEVELS
    channels = np.abs(weight.astype(np.float64)).max(axis=1)
    kept = channels[channels >= NEGLIGIBLE * channels.max()]
    biases = np.zeros(0) if bias is None else np.abs(bias.astype(np.float64))
    for what, found in (("inputs", np.asarray([largest_input])), ("weights", kept)):
        for largest in found[(found != 0) & ((found < low) | (found > high))][:1]:
            return (
                f"its {what} reach {largest:.3g} in magnitude, and int8 represents what reaches between {low:.2g} and "
                f"{high:.2g} (the scale is within 2^-40..2^40); scale the data or the model"
            )
    most = float(scale_for(np.asarray(largest_input))) * LARGEST * _MOST_BIAS
    if biases.size and biases.max() > most:
        return f"its bias reaches {biases.max():.3g} in magnitude; beside its inputs int8 represents up to {most:.3g}"
    return None


class QuantisedLinear(Module):
    """x @ Wᵀ + b on int8 values: float32 [..., in_features] → float32 [..., out_features]; no gradient.

    An input beyond the range saturates, an infinite one too. A NaN counts as the largest input of the range: integers
    have no NaN, so that the result is an ordinary number, the same on every device.

    Buffers: ``weight`` int8 [out, in] in steps of ``weight_scale`` [out]; ``bias`` int32 [out] in steps of
    input_scale·weight_scale; ``input_scale`` [], the step of the input, and ``input_multiplier`` [], its inverse.
    """

    def __init__(self, weight: Array, bias: Array | None, largest_input: float) -> None:
        """weight float [out, in], bias float [out], and the input's largest magnitude that is not to saturate."""
        super().__init__()
        self.out_features, self.in_features = map(int, weight.shape)
        input_scale = scale_for(np.asarray(largest_input))
        weight_scale = scale_for(np.abs(weight).max(axis=1))
        if bias is not None:
            # A channel whose bias would not fit takes larger steps.
            needed = np.abs(bias.astype(np.float64)) / (float(input_scale) * _MOST_BIAS)
            largest = np.where(np.abs(weight).max(axis=1) > 0, weight_scale, 0)
            weight_scale = np.where(needed > largest, np.clip(needed, SMALLEST, LARGEST), weight_scale)
            weight_scale = weight_scale.astype(np.float32)
        integers = quantise_array(weight, weight_scale[:, None]).astype(np.int8)
        self.weight: Tensor
        self.weight_scale: Tensor
        self.input_scale: Tensor
        self.input_multiplier: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", Tensor(integers))
        self.register_buffer("weight_scale", Tensor(weight_scale))
        self.register_buffer("input_scale", Tensor(input_scale))
        self.register_buffer("input_multiplier", Tensor(np.float32(1) / input_scale))
        if bias is None:
            self.bias = None
        else:
            steps = (input_scale * weight_scale).astype(np.float32)
            self.register_buffer("bias", Tensor(quantise_array(bias, steps, _MOST_BIAS)))

    def forward(self, x: Tensor) -> Tensor:
        """Raises ShapeError if the last extent of x is not in_features, GradientError if a gradient is wanted."""
        x = operand(repr(self), x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(f"{user_line()}: {self!r} takes [..., {self.in_features}], not {list(x.shape)}")
        if x.requires_grad and grad_enabled():
            raise GradientError(
                f"{user_line()}: {self!r} has no gradient, rounding is flat; train the float model and quantise that, "
                "or call this one under no_grad()"
            )
        rows = x if x.ndim == 2 else x.reshape(-1, self.in_features)
        result = self._rows(rows)
        return result if x.ndim == 2 else result.reshape(*x.shape[:-1], self.out_features)

    def _rows(self, x: Tensor) -> Tensor:
        scale, weight_scale = self.input_scale._read(), self.weight_scale._read()
        values = cast(x._read(), float32)
        integers = apply("quantise", values, expand(self.input_multiplier._read(), x.shape))
        seen = apply("dequantise", integers, expand(scale, x.shape))
        # Not a reshape of the known value, which would be another value: passes must know the scale again in the bias.
        column = apply("reshape", expand(weight_scale, (1, self.out_features)), shape=(self.out_features, 1))
        shape = (self.out_features, self.in_features)
        weight = apply("dequantise", self.weight._read(), expand(column, shape))
        result = apply("matmul", seen, weight, transpose_a=False, transpose_b=True, accumulate="float32")
        if self.bias is not None:
            steps = apply("mul", expand(scale, (self.out_features,)), weight_scale)
            bias = apply("dequantise", self.bias._read(), steps)
            result = apply("add", result, expand(bias, result.shape))
        return Tensor._of(result)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
