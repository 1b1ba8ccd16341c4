"""Functions of one float: exp, log, their kin and the sigmoids, with gradients that hold over the whole range.

The meaning is computed in float64 and rounded once, so that NumPy's own float32 functions do not matter. A gradient
never subtracts what nearly cancels (1 - tanh² does) and never multiplies infinity by zero; that of a bfloat16 is
computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    GradientRule,
    Primitive,
    Reference,
    Site,
    same_dtype,
    same_shape,
)

Exact = Callable[[Array], Any]
Slope = Callable[[Emitter, int, int], int]


def _rounded_once(function: Exact) -> Reference:
    return lambda inputs, attrs, real: np.asarray(function(inputs[0].astype(np.float64))).astype(real)


def _function(name: str, doc: str, function: Exact, gradient: GradientRule) -> Primitive:
    return Primitive(
        name, doc, "elementwise", 1, same_shape, same_dtype("float"), _rounded_once(function), (gradient,)
    )


def _in_float32(slope: Slope) -> GradientRule:
    """The rule ``slope(e, x, g)``, on float32 where x is narrower."""

    def rule(e: Emitter, s: Site, g: int) -> int:
        dtype = e.dtype(g).name
        if dtype in ("float32", "float64"):
            return slope(e, s.inputs[0], g)
        x, g = (e.apply("cast", value, dtype="float32") for value in (s.inputs[0], g))
        return e.apply("cast", slope(e, x, g), dtype=dtype)

    return rule


def _sqrt(e: Emitter, s: Site, g: int) -> int:
    """d sqrt(x)/dx = 0.5/sqrt(x)."""
    return e.apply("div", e.apply("mul", g, e.full(0.5, like=g)), s.output)


def _reciprocal(e: Emitter, s: Site, g: int) -> int:
    return e.apply("neg", e.apply("mul", g, e.apply("mul", s.output, s.output)))


def _expm1(e: Emitter, x: int, g: int) -> int:
    return e.apply("mul", g, e.apply("exp", x))


def _log1p(e: Emitter, x: int, g: int) -> int:
    return e.apply("div", g, e.apply("add", x, e.full(1.0, like=x)))


def _both_tails(e: Emitter, x: int) -> int:
    """sigmoid(x) · sigmoid(-x), small on either side without a difference."""
    return e.apply("mul", e.apply("sigmoid", x), e.apply("sigmoid", e.apply("neg", x)))


def _sigmoid(e: Emitter, x: int, g: int) -> int:
    return e.apply("mul", g, _both_tails(e, x))


def _tanh(e: Emitter, x: int, g: int) -> int:
    """d tanh(x)/dx = 4 · sigmoid(2x) · sigmoid(-2x)."""
    tails = _both_tails(e, e.apply("add", x, x))
    return e.apply("mul", g, e.apply("mul", tails, e.full(4.0, like=tails)))


def _softplus(e: Emitter, x: int, g: int) -> int:
    return e.apply("mul", g, e.apply("sigmoid", x))


def _erf(e: Emitter, x: int, g: int) -> int:
    """2/sqrt(pi) · exp(-h²) · exp((h-x)·(h+x)), where h is x with so few bits that h² is exact."""
    near = e.apply("cast", e.apply("cast", x, dtype="bfloat16"), dtype=e.dtype(x).name)
    finite = e.apply("lt", e.apply("abs", x), e.full(16.0, like=x))
    high = e.apply("select", finite, near, x)
    rest = e.apply("mul", e.apply("sub", near, x), e.apply("add", near, x))
    tail = e.apply("exp", e.apply("select", finite, rest, e.full(0.0, like=x)))
    bell = e.apply("mul", e.apply("exp", e.apply("mul", high, e.apply("neg", high))), tail)
    return e.apply("mul", g, e.apply("mul", bell, e.full(2 / math.sqrt(math.pi), like=bell)))


def _sigmoid_value(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _power(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    a, b = (x.astype(np.float64) for x in inputs)
    return np.power(a, b).astype(real)


def _power_base(e: Emitter, s: Site, g: int) -> int:
    """b · a**(b-1), and 0 for b = 0 also where a**-1 is infinite."""
    a, b = s.inputs
    slope = e.apply("mul", b, e.apply("pow", a, e.apply("sub", b, e.full(1.0, like=b))))
    zero = e.full(0.0, like=g)
    return e.apply("select", e.apply("eq", b, zero), zero, e.apply("mul", g, slope))


def _power_exponent(e: Emitter, s: Site, g: int) -> int:
    """a**b · log a, and 0 for a = 0 with b not negative, where the logarithm is infinite (as torch has it)."""
    (a, b), zero = s.inputs, e.full(0.0, like=g)
    at_zero = e.apply("and", e.apply("eq", a, zero), e.apply("ge", b, zero))
    return e.apply("select", at_zero, zero, e.apply("mul", g, e.apply("mul", s.output, e.apply("log", a))))


def _angle(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    y, x = (value.astype(np.float64) for value in inputs)
    return np.arctan2(y, x).astype(real)


def _angle_by(position: int) -> GradientRule:
    """d atan2(y, x) = (x·dy - y·dx) / (x² + y²)."""

    def rule(e: Emitter, s: Site, g: int) -> int:
        y, x = s.inputs
        square = e.apply("add", e.apply("mul", x, x), e.apply("mul", y, y))
        return e.apply("mul", g, e.apply("div", x if position == 0 else e.apply("neg", y), square))

    return rule


def _of_two(name: str, doc: str, reference: Reference, first: GradientRule, second: GradientRule) -> Primitive:
    return Primitive(name, doc, "elementwise", 2, same_shape, same_dtype("float"), reference, (first, second))


PRIMITIVES = (
    _of_two("pow", "a to the power b.", _power, _power_base, _power_exponent),
    _of_two("atan2", "The angle of the point (x, y), from -pi to pi; y is the first operand.", _angle, _angle_by(0),
            _angle_by(1)),
    _function("sin", "Sine, of radians.", np.sin, lambda e, s, g: e.apply("mul", g, e.apply("cos", s.inputs[0]))),
    _function(
        "cos", "Cosine, of radians.", np.cos,
        lambda e, s, g: e.apply("neg", e.apply("mul", g, e.apply("sin", s.inputs[0]))),
    ),
    _function("exp", "e to the x.", np.exp, lambda e, s, g: e.apply("mul", g, s.output)),
    _function("expm1", "e to the x, less 1, exact near 0.", np.expm1, _in_float32(_expm1)),
    _function("log", "Natural logarithm.", np.log, lambda e, s, g: e.apply("div", g, s.inputs[0])),
    _function("log1p", "Natural logarithm of 1 + x, exact near 0.", np.log1p, _in_float32(_log1p)),
    _function("sqrt", "Square root.", np.sqrt, _sqrt),
    _function("reciprocal", "1 / x.", np.reciprocal, _reciprocal),
    _function("sigmoid", "1 / (1 + exp(-x)).", _sigmoid_value, _in_float32(_sigmoid)),
    _function("tanh", "Hyperbolic tangent.", np.tanh, _in_float32(_tanh)),
    _function("softplus", "log(1 + exp(x)).", lambda x: np.logaddexp(0.0, x), _in_float32(_softplus)),
    _function(
        "erf", "Error function: 2/sqrt(pi) times the integral of exp(-t²) from 0 to x.",
        np.vectorize(math.erf, otypes=[np.float64]), _in_float32(_erf),
    ),
)  # fmt: skip
