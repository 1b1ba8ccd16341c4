"""One result element from one element of each input: arithmetic, functions, comparisons, logic, select, cast.

All inputs have one shape; subnormals and rounding inside a function are the target's affair, within its stated error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.dtypes import DType, as_dtype
from framework.errors import DTypeError
from framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    GradientRule,
    Operand,
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


def _negated(e: Emitter, s: Site, g: int) -> int:
    return e.apply("neg", g)


def _where(compare: str, taken: bool) -> GradientRule:
    """g where ``compare(a, b)`` is ``taken``, else 0: the chosen operand gets the whole cotangent."""

    def rule(e: Emitter, s: Site, g: int) -> int:
        zero = e.full(0, like=g)
        chosen = e.apply(compare, *s.inputs)
        return e.apply("select", chosen, *((g, zero) if taken else (zero, g)))

    return rule


def _div_by(e: Emitter, s: Site, g: int) -> int:
    """d(a/b)/db = -(a/b)/b."""
    return e.apply("neg", e.apply("div", e.apply("mul", g, s.output), s.inputs[1]))


def _reciprocal(e: Emitter, s: Site, g: int) -> int:
    return e.apply("neg", e.apply("mul", g, e.apply("mul", s.output, s.output)))


def _sqrt(e: Emitter, s: Site, g: int) -> int:
    """d sqrt(x)/dx = 0.5/sqrt(x)."""
    return e.apply("div", e.apply("mul", g, e.full(0.5, like=g)), s.output)


def _selected(position: int) -> GradientRule:
    def rule(e: Emitter, s: Site, g: int) -> int:
        zero = e.full(0, like=g)
        return e.apply("select", s.inputs[0], *((g, zero) if position == 1 else (zero, g)))

    return rule


def _select_dtype(operands: Sequence[Operand], attrs: Attrs) -> DType:
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
    exact = np.where(np.isnan(x), 0, np.trunc(x.astype(np.float64)))
    return np.clip(exact, limits.min, limits.max).astype(dtype.numpy)


def _cast_back(e: Emitter, s: Site, g: int) -> int:
    return e.apply("cast", g, dtype=e.dtype(s.inputs[0]).name)


def _pass(e: Emitter, s: Site, g: int) -> int:
    return g


PRIMITIVES = (
    _arithmetic("add", "a + b; int32 and int8 wrap.", "int float", np.add, (_pass, _pass)),
    _arithmetic("sub", "a - b; int32 and int8 wrap.", "int float", np.subtract, (_pass, _negated)),
    _arithmetic(
        "mul", "a · b; int32 and int8 wrap.", "int float", np.multiply,
        (lambda e, s, g: e.apply("mul", g, s.inputs[1]), lambda e, s, g: e.apply("mul", g, s.inputs[0])),
    ),
    _arithmetic(
        "div", "a / b, floats only.", "float", np.divide, (lambda e, s, g: e.apply("div", g, s.inputs[1]), _div_by)
    ),
    _arithmetic(
        "maximum", "The larger of a and b; NaN if either is. At a tie the gradient goes to b, so that relu'(0) = 0.",
        "int float", np.maximum, (_where("gt", True), _where("gt", False)),
    ),
    _arithmetic(
        "minimum", "The smaller of a and b; NaN if either is. At a tie the gradient goes to b.",
        "int float", np.minimum, (_where("lt", True), _where("lt", False)),
    ),
    _arithmetic("neg", "-x.", "int float", np.negative, (_negated,)),
    _arithmetic("exp", "e to the x.", "float", np.exp, (lambda e, s, g: e.apply("mul", g, s.output),)),
    _arithmetic("log", "Natural logarithm.", "float", np.log, (lambda e, s, g: e.apply("div", g, s.inputs[0]),)),
    _arithmetic("sqrt", "Square root.", "float", np.sqrt, (_sqrt,)),
    _arithmetic("reciprocal", "1 / x.", "float", lambda x: np.divide(x.dtype.type(1), x), (_reciprocal,)),
    _comparison("lt", "a < b, as bool; false with NaN.", "int float", np.less),
    _comparison("le", "a <= b, as bool; false with NaN.", "int float", np.less_equal),
    _comparison("gt", "a > b, as bool; false with NaN.", "int float", np.greater),
    _comparison("ge", "a >= b, as bool; false with NaN.", "int float", np.greater_equal),
    _comparison("eq", "a == b, as bool; false with NaN.", "bool int float", np.equal),
    _comparison("ne", "a != b, as bool; true with NaN.", "bool int float", np.not_equal),
    _comparison("and", "Logical and of bools.", "bool", np.logical_and),
    _comparison("or", "Logical or of bools.", "bool", np.logical_or),
    Primitive(
        "not", "Logical not of bools.", "elementwise", 1, same_shape, to_bool("bool"), _ufunc(np.logical_not), (None,)
    ),
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
