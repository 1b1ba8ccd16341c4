"""Functions that the accelerator has no instruction for, written in those that it has, each in a form that is stable.

A polynomial where the plain formula cancels, the formula elsewhere, and a select between them; every node of what is
written is an ordinary node, judged like any other. bfloat16 is widened first and rounded once. How exact each is, and
where, is data: `compiler/accuracy.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weft.compiler.passes.magnitude import Magnitudes
from weft.compiler.polynomials import ERF, ERFC, EXPM1
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.graph import Graph, Node

LARGEST_DIVISOR = 2.0**126
"""Beyond it the reciprocal underflows and a divisor has to be scaled."""


def machine_functions(graph: Graph) -> Graph:
    """The graph with every function of `FORMS` written out, and divisions scaled whose divisor may be huge."""
    bounds = Magnitudes(graph.nodes)

    def rule(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        form: Callable[..., _Value] | None = FORMS.get(node.op)
        if node.op == "div" and bounds.of(node.inputs[1]) > LARGEST_DIVISOR:
            form = _quotient
        return None if form is None else _in_float32(b, form, inputs, node.dtype.name)

    return prune(rewrite(graph, rule))


def _in_float32(b: GraphBuilder, form: Callable[..., _Value], inputs: Sequence[int], dtype: str) -> int:
    if dtype == "float32":
        return form(*(_Value(b, i) for i in inputs)).index
    wide = (_Value(b, b.apply("cast", i, dtype="float32")) for i in inputs)
    return b.apply("cast", form(*wide).index, dtype=dtype)


@dataclass(frozen=True)
class _Value:
    """A float32 node with operators, so that a form reads as the formula that it is."""

    b: GraphBuilder
    index: int

    def of(self, op: str, *others: _Value | float) -> _Value:
        """A primitive of this value and others, or numbers."""
        return _Value(self.b, self.b.apply(op, self.index, *(self._node(other) for other in others)))

    def _node(self, value: _Value | float) -> int:
        """A float32 value, or a number repeated to this one's shape."""
        if isinstance(value, _Value):
            return value.index
        number, shape = self.b.constant(value, "float32"), self.b.shape(self.index)
        return self.b.apply("broadcast_to", number, shape=shape) if shape else number

    def __add__(self, other: _Value | float) -> _Value:
        return self.of("add", other)

    def __sub__(self, other: _Value | float) -> _Value:
        return self.of("sub", other)

    def __mul__(self, other: _Value | float) -> _Value:
        return self.of("mul", other)

    def __neg__(self) -> _Value:
        return self.of("neg")

    def __lt__(self, other: _Value | float) -> _Value:
        return self.of("lt", other)

    def same(self, other: _Value | float) -> _Value:
        """Where the two are equal."""
        return self.of("eq", other)

    def where(self, taken: _Value | float, other: _Value | float) -> _Value:
        """``taken`` where this bool holds, else ``other``."""
        return self.of("select", taken, other)


def _polynomial(x: _Value, coefficients: Sequence[float]) -> _Value:
    first, second, *rest = coefficients
    result = x * first + second
    for coefficient in rest:
        result = result * x + coefficient
    return result


def _quotient(a: _Value, b: _Value) -> _Value:
    """a / b as a · (1 / bs) · s, with s = 1/4 where 1 / b would be too small to be normal."""
    ordinary = b.of("abs").of("le", LARGEST_DIVISOR)
    scale = ordinary.where(1.0, 0.25)
    return (b * scale).of("reciprocal") * a * scale


def _sigmoid(x: _Value) -> _Value:
    return ((-x).of("exp") + 1.0).of("reciprocal")


_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1, 1.0)
"""tanh(x) / x in x², for |x| <= 0.625: Cephes (S. Moshier, single precision)."""


def _tanh(x: _Value) -> _Value:
    near = x * _polynomial(x * x, _TANH)
    part = ((x * 2.0).of("exp") + 1.0).of("reciprocal") * -2.0
    return (x.of("abs") < 0.625).where(near, part + 1.0)


def _expm1(x: _Value) -> _Value:
    near = x * (x * _polynomial(x, EXPM1[1:]) + 1.0)
    return (x.of("abs") < 0.5).where(near, x.of("exp") - 1.0)


def _log1p(x: _Value) -> _Value:
    """log(u) · x / (u - 1) with u = 1 + x rounded: both factors have the same error from it (W. Kahan)."""
    u = x + 1.0
    rest = u - 1.0
    correction = rest.same(x).where(1.0, rest.of("reciprocal") * x)
    return u.same(1.0).where(x, u.of("log") * correction)


def _softplus(x: _Value) -> _Value:
    return x.of("maximum", 0.0) + _log1p((-x.of("abs")).of("exp"))


def _erf(x: _Value) -> _Value:
    size, square = x.of("abs"), x * x
    t = (size * 0.5 + 1.0).of("reciprocal")
    far = _polynomial(t, ERFC) * t * (-square).of("exp")
    tail = (x < 0.0).where(far - 1.0, -far + 1.0)
    return (size < 1.0).where(x * _polynomial(square, ERF), tail)


FORMS: Mapping[str, Callable[[_Value], _Value]] = {
    "sigmoid": _sigmoid, "tanh": _tanh, "expm1": _expm1, "log1p": _log1p, "softplus": _softplus, "erf": _erf,
}  # fmt: skip
"""Primitive → how it is written."""
