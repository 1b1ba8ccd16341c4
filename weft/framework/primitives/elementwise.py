"""One result element from one element of each input: arithmetic, comparisons, logic, select, cast.

All inputs have one shape; whether a subnormal becomes zero is the target's affair (docs/arithmetic.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType, as_dtype
from weft.framework.errors import DTypeError
from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    GradientRule,
    OperandType,
    Primitive,
    Reference,
    Site,
    same_dtype,
    same_shape,
    to_bool,
)


def _ufunc(function: Callable[..., Any]) -> Reference:
    return lambda inputs, attrs, real: np.asarray(function(*inputs))


def _arithmetic(
    name: str, doc: str, kinds: str, function: Callable[..., Any], gradients: tuple[GradientRule | None, ...]
) -> Primitive:
    return Primitive(
        name, doc, "elementwise", len(gradients), same_shape, same_dtype(kinds), _ufunc(function), gradients
    )


def _comparison(name: str, doc: str, kinds: str, function: Callable[..., Any]) -> Primitive:
    return Primitive(name, doc, "elementwise", 2, same_shape, to_bool(kinds), _ufunc(function), (None, None))


def _logic(name: str, doc: str, arity: int, function: Callable[..., Any]) -> Primitive:
    return Primitive(
        name, doc, "elementwise", arity, same_shape, same_dtype("bool int"), _ufunc(function), (None,) * arity
    )


def _negated(e: Emitter, s: Site, g: int) -> int:
    return e.apply("neg", g)


def _unless(compare: str) -> GradientRule:
    """0 where ``compare(a, b)``, else g: the chosen operand gets the whole cotangent, and with a NaN both do."""
    return lambda e, s, g: e.apply("select", e.apply(compare, *s.inputs), e.full(0, like=g), g)


def _abs_back(e: Emitter, s: Site, g: int) -> int:
    """g · sign(x): 0 at 0 and NaN at NaN, which is what g · |x| is there."""
    (x,), zero = s.inputs, e.full(0, like=g)
    middle = e.apply("mul", g, s.output)
    falling = e.apply("select", e.apply("lt", x, zero), e.apply("neg", g), middle)
    return e.apply("select", e.apply("gt", x, zero), g, falling)


def _larger(a: Array, b: Array) -> Array:
    """NumPy's maximum, with -0 < +0."""
    if a.dtype.kind != "f":
        return np.maximum(a, b)
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


def _smaller(a: Array, b: Array) -> Array:
    return -_larger(-a, -b) if a.dtype.kind == "f" else np.minimum(a, b)


def _rem(a: Array, b: Array) -> Array:
    return np.fmod(a, b) if a.dtype.kind == "f" else np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b)))


def _int_div(a: Array, b: Array) -> Array:
    """NumPy divides towards minus infinity."""
    by = np.where(b == 0, 1, b)
    quotient = np.where((a < 0) & (by == -1), np.negative(a), a // np.where((a < 0) & (by == -1), 1, by))
    rest = a - quotient * by
    quotient = np.where((rest != 0) & ((a < 0) != (by < 0)), quotient + 1, quotient)
    return np.where(b == 0, 0, quotient).astype(a.dtype)


def _whole_quotient(e: Emitter, s: Site) -> int:
    """trunc(a/b), from the remainder: (a - rem)/b, rounded."""
    a, b = s.inputs
    return e.apply("round", e.apply("div", e.apply("sub", a, s.output), b))


def _flat(e: Emitter, s: Site, g: int) -> int:
    """A step has gradient 0 everywhere; where x is no number there is none."""
    return e.full(0, like=g)


def _div_by(e: Emitter, s: Site, g: int) -> int:
    """d(a/b)/db = -(a/b)/b."""
    return e.apply("neg", e.apply("div", e.apply("mul", g, s.output), s.inputs[1]))


def _selected(position: int) -> GradientRule:
    def rule(e: Emitter, s: Site, g: int) -> int:
        zero = e.full(0, like=g)
        return e.apply("select", s.inputs[0], *((g, zero) if position == 1 else (zero, g)))

    return rule


def _select_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    if operands[0].dtype.kind != "bool":
        raise DTypeError(f"the condition is {operands[0].dtype}, not bool")
    return same_dtype("bool int float")(operands[1:], attrs)


def _cast(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """A cast rounds, also under float64: what it feeds then sees identical rounded inputs."""
    (x,), dtype = inputs, as_dtype(attrs["dtype"])
    if dtype.is_float:
        return x.astype(dtype.numpy).astype(real)
    if dtype.kind == "bool":
        return np.asarray(x != 0)
    if x.dtype.kind == "b":
        return x.astype(dtype.numpy)
    limits = np.iinfo(dtype.numpy)
    if x.dtype.kind in "iu":
        own = np.iinfo(x.dtype)
        return np.clip(x, max(limits.min, own.min), min(limits.max, own.max)).astype(dtype.numpy)
    bound = 2.0 ** (dtype.bits - dtype.signed)  # the largest integer itself may be no float64
    whole = np.where(np.isnan(x), 0, x.astype(np.float64))
    inside = np.clip(whole, limits.min, np.nextafter(bound, 0)).astype(dtype.numpy)
    return np.where(whole >= bound, limits.max, inside).astype(dtype.numpy)


def _cast_back(e: Emitter, s: Site, g: int) -> int:
    return e.apply("cast", g, dtype=e.dtype(s.inputs[0]).name)


def _pass(e: Emitter, s: Site, g: int) -> int:
    return g


PRIMITIVES = (
    _arithmetic("add", "a + b; ints wrap.", "int float", np.add, (_pass, _pass)),
    _arithmetic("sub", "a - b; ints wrap.", "int float", np.subtract, (_pass, _negated)),
    _arithmetic(
        "mul", "a · b; ints wrap.", "int float", np.multiply,
        (lambda e, s, g: e.apply("mul", g, s.inputs[1]), lambda e, s, g: e.apply("mul", g, s.inputs[0])),
    ),
    _arithmetic(
        "div", "a / b, floats only.", "float", np.divide, (lambda e, s, g: e.apply("div", g, s.inputs[1]), _div_by)
    ),
    _arithmetic(
        "rem", "a - trunc(a/b)·b, exact and with the sign of a; NaN, of ints 0, where b is 0.", "int float", _rem,
        (_pass, lambda e, s, g: e.apply("neg", e.apply("mul", g, _whole_quotient(e, s)))),
    ),
    _arithmetic("int_div", "a / b of ints, towards zero; 0 where b is 0; the least by -1 wraps.", "int", _int_div,
                (None, None)),
    _arithmetic("floor", "The largest whole number that is not above x.", "float", np.floor, (_flat,)),
    _arithmetic("round", "The nearest whole number; of two the even one.", "float", np.rint, (_flat,)),
    _arithmetic(
        "maximum",
        "The larger of a and b, -0 < +0; NaN if either is. At a tie the gradient goes to b, so that relu'(0) = 0.",
        "int float", _larger, (_unless("le"), _unless("gt")),
    ),
    _arithmetic(
        "minimum", "The smaller of a and b, -0 < +0; NaN if either is. At a tie the gradient goes to b.",
        "int float", _smaller, (_unless("ge"), _unless("lt")),
    ),
    _arithmetic("neg", "-x.", "int float", np.negative, (_negated,)),
    _arithmetic("abs", "The absolute value, with gradient 0 at 0; ints wrap.", "int float", np.abs, (_abs_back,)),
    _comparison("lt", "a < b, as bool; false with NaN.", "int float", np.less),
    _comparison("le", "a <= b, as bool; false with NaN.", "int float", np.less_equal),
    _comparison("gt", "a > b, as bool; false with NaN.", "int float", np.greater),
    _comparison("ge", "a >= b, as bool; false with NaN.", "int float", np.greater_equal),
    _comparison("eq", "a == b, as bool; false with NaN.", "bool int float", np.equal),
    _comparison("ne", "a != b, as bool; true with NaN.", "bool int float", np.not_equal),
    _logic("and", "And of bools or of the bits of integers.", 2, np.bitwise_and),
    _logic("or", "Or of bools or of the bits of integers.", 2, np.bitwise_or),
    _logic("not", "Not of bools or of the bits of integers.", 1, np.invert),
    Primitive(
        "select", "a where the bool condition holds, else b: select(condition, a, b).",
        "elementwise", 3, same_shape, _select_dtype, _ufunc(np.where), (None, _selected(1), _selected(2)),
    ),
    Primitive(
        "cast", "x as ``dtype``: floats round to nearest even; float to int truncates; ints saturate; NaN becomes 0.",
        "elementwise", 1, same_shape, lambda operands, attrs: as_dtype(attrs["dtype"]), _cast, (_cast_back,),
        attributes={"dtype": "name of the element type"},
    ),
)
