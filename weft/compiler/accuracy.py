"""How exact each function is on each target: the one table that the judge, the sweeps and docs/arithmetic.md state.

A function that stands in neither table is rounded correctly: within half a unit in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from weft.compiler.targets.cpu import doubles, functions
from weft.framework.primitives.base import Array

CPU_ULP: Mapping[str, float] = {**functions.MAX_ULP, **dict.fromkeys(doubles.FUNCTIONS, doubles.MAX_ULP)}
"""Largest error of a float32 result on the CPU, in units in its last place, over every input; subnormals count."""


@dataclass(frozen=True)
class Units:
    """A bound of the relative error, ``constant + slope · |x|``, in units of 2**-24 of the result."""

    constant: float
    slope: float = 0.0

    def __str__(self) -> str:
        return f"{self.constant:g} + {self.slope:g}·abs(x)" if self.slope else f"{self.constant:g}"

    def of(self, x: Array) -> Array:
        """The bound for operands ``x`` (float64; infinite for an infinite one unless the slope is 0)."""
        return self.constant + (self.slope * np.abs(x) if self.slope else np.zeros(x.shape))


ACCEL_UNITS: Mapping[str, Units] = {
    "div": Units(4),
    "reciprocal": Units(2),
    "log": Units(4),
    "sqrt": Units(3),
    "exp": Units(2, 1.5),
    "sigmoid": Units(5, 1.5),
    "expm1": Units(8, 1.5),
    "softplus": Units(8, 1.5),
    "log1p": Units(8),
    "tanh": Units(8),
    "erf": Units(6),
}
"""Largest error of a float32 result on the accelerator before its rounding, over every input.

An operand or a result below 2**-126 counts as zero there. The slope is that of 2**t, whose argument is rounded.
"""

@dataclass(frozen=True)
class Accuracy:
    """What a target states of its arithmetic, as the judge takes it.

    functions: primitive → error before the rounding. flushes: whether numbers below 2**-126 count as zero.
    """

    functions: Mapping[str, Units] = field(default_factory=dict)
    flushes: bool = False


NUMPY = Accuracy()
CPU = Accuracy({op: Units(2 * ulp) for op, ulp in CPU_ULP.items()})
ACCEL = Accuracy(ACCEL_UNITS, flushes=True)


def accuracy_of(device: object) -> Accuracy:
    """What a device states in its attribute ``accuracy``; if it has none, all its functions are rounded correctly."""
    stated = getattr(device, "accuracy", NUMPY)
    return stated if isinstance(stated, Accuracy) else NUMPY


GRADIENT_ULP = 3.0
"""Largest error of a gradient on the CPU and in NumPy, in units in the last place."""

_GRADIENT_ARGUMENT: Mapping[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("exp", "expm1", "sigmoid", "softplus"), np.abs),
    "tanh": lambda x: 2 * np.abs(x),
    "erf": np.square,
}
"""What a gradient takes an exponential of."""


def gradient_units(op: str, x: Array) -> Array:
    """How much larger the error of ``op``'s gradient may be on the accelerator, in units of 2**-24 of it.

    A gradient below 2**-124 may be zero there.
    """
    argument = _GRADIENT_ARGUMENT.get(op)
    return np.zeros(x.shape) if argument is None else 8 + 1.5 * argument(x)


def rows() -> list[str]:
    """The table of docs/arithmetic.md, a line for each function."""
    return [f"| `{op}` | 0.5 | {CPU_ULP.get(op, 0.5):g} | {units} |" for op, units in ACCEL_UNITS.items()]
