"""What every elementwise primitive of floats and its derivatives are, in float64: the oracle of the sweeps.

Each derivative stands in a form that neither cancels nor meets infinity times zero for operands of float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from weft.framework.primitives.base import Array

Function = Callable[..., Array]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _tails(x: Array) -> Array:
    """sigmoid(x) · sigmoid(-x)."""
    z = np.exp(-np.abs(x))
    product: Array = z / (1 + z) ** 2
    return product


def _sigmoid(x: Array) -> Array:
    z = np.exp(-np.abs(x))
    share: Array = np.where(x < 0, z, 1.0) / (1 + z)
    return share


def _larger(a: Array, b: Array) -> Array:
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


UNARY: Mapping[str, tuple[Function, Function]] = {
    "neg": (np.negative, lambda x: np.full(x.shape, -1.0)),
    "abs": (np.abs, np.sign),
    "exp": (np.exp, np.exp),
    "expm1": (np.expm1, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "sigmoid": (_sigmoid, _tails),
    "tanh": (np.tanh, lambda x: 4 * _tails(2 * x)),
    "softplus": (lambda x: np.where(x < 0, 0, x) + np.log1p(np.exp(-np.abs(x))), _sigmoid),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "floor": (np.floor, np.zeros_like),
    "round": (np.rint, np.zeros_like),
    "erf": (_erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
}
"""Primitive → (value, derivative)."""

BINARY: Mapping[str, tuple[Function, Function, Function]] = {
    "add": (np.add, lambda a, b: np.ones(a.shape), lambda a, b: np.ones(a.shape)),
    "sub": (np.subtract, lambda a, b: np.ones(a.shape), lambda a, b: np.full(a.shape, -1.0)),
    "mul": (np.multiply, lambda a, b: b, lambda a, b: a),
    "div": (np.divide, lambda a, b: 1 / b, lambda a, b: -(a / b) / b),
    "maximum": (_larger, lambda a, b: np.where(a <= b, 0.0, 1.0), lambda a, b: np.where(a > b, 0.0, 1.0)),
    "minimum": (
        lambda a, b: -_larger(-a, -b), lambda a, b: np.where(a >= b, 0.0, 1.0), lambda a, b: np.where(a < b, 0.0, 1.0),
    ),
}  # fmt: skip
"""Primitive → (value, derivative by a, derivative by b)."""
VALUES_OF_TWO: Mapping[str, Function] = {"pow": np.power, "atan2": np.arctan2, "rem": np.fmod}
"""Primitive → value. Their derivatives are products and quotients of several such values, of which some overflow."""
