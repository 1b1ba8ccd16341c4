"""Every primitive: its gradient against finite differences in float64, and the corners of its meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.reference import evaluate


@dataclass(frozen=True)
class Case:
    """A primitive on float32 inputs of some shapes; ``positive`` draws values in [0.5, 2)."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    attrs: tuple[tuple[str, Any], ...] = ()
    positive: bool = False

    def __str__(self) -> str:
        return f"{self.op}-{'-'.join(f'{k}={v}' for k, v in self.attrs)}".rstrip("-")


def matmul(ta: bool, tb: bool, batch: tuple[int, ...] = ()) -> Case:
    a, b = ((3, 2) if ta else (2, 3)), ((4, 3) if tb else (3, 4))
    attrs = (("accumulate", "float32"), ("transpose_a", ta), ("transpose_b", tb))
    return Case("matmul", ((*batch, *a), (*batch, *b)), attrs)


def conv(result: str, *shapes: tuple[int, ...], size: tuple[int, ...], groups: int = 1, **sliding: int) -> Case:
    distances = {"stride": 1, "low": 0, "input_dilation": 1, "dilation": 1} | sliding
    named = {name: (n,) * len(size) for name, n in distances.items()}
    attrs = {"result": result, "size": size, "groups": groups, "accumulate": "float32", **named}
    return Case("conv", shapes, tuple(sorted(attrs.items())))


def window(op: str, shape: tuple[int, ...], window: tuple[int, ...], size: tuple[int, ...], **sliding: int) -> Case:
    distances = {"stride": 1, "low": 0, "input_dilation": 1, "dilation": 1} | sliding
    named = {name: (n,) * len(size) for name, n in distances.items()}
    return Case(op, (shape,), tuple(sorted(({"window": window, "size": size} | named).items())))


TESTED_APART = {"select", "dequantise", "result", "gather", "dynamic_slice", "dynamic_update", "window_pick", "barrier"}
"""Those with operands that are no floats; as are those whose gradient is one rule."""
CASES = [
    *(Case(op, ((2, 3), (2, 3))) for op in ("add", "sub", "mul", "maximum", "minimum")),
    Case("div", ((2, 3), (2, 3)), positive=True),
    *(Case(op, ((4,),)) for op in ("neg", "abs", "exp", "expm1", "sigmoid", "tanh", "softplus", "erf")),
    *(Case(op, ((4,),)) for op in ("sin", "cos", "floor", "round")),
    Case("pow", ((2, 3), (2, 3)), positive=True),
    Case("atan2", ((2, 3), (2, 3))),
    Case("rem", ((2, 3), (2, 3)), positive=True),
    Case("cumsum", ((2, 4, 3),), (("axis", 1), ("reverse", False))),
    Case("cumsum", ((4, 3),), (("axis", 0), ("reverse", True))),
    *(Case(op, ((4,),), positive=True) for op in ("log", "log1p", "sqrt", "reciprocal")),
    Case("cast", ((3,),), (("dtype", "float32"),)),
    Case("sum", ((2, 3, 4),), (("axes", (0, 2)), ("keepdims", False))),
    Case("sum", ((2, 3, 4),), (("axes", (1,)), ("keepdims", True))),
    Case("max", ((2, 3, 4),), (("axes", (0, 2)), ("keepdims", False))),
    Case("max", ((3, 4),), (("axes", (1,)), ("keepdims", True))),
    Case("reshape", ((2, 6),), (("shape", (3, 4)),)),
    Case("copy", ((2, 3),), (("source", None), ("target", None))),
    Case("permute", ((2, 3, 4),), (("order", (2, 0, 1)),)),
    Case("broadcast_to", ((3, 1),), (("shape", (2, 3, 4)),)),
    Case("broadcast_to", ((),), (("shape", (2, 3)),)),
    Case("slice", ((7, 5),), (("starts", (1, 0)), ("stops", (6, 5)), ("steps", (2, 3)))),
    Case("slice", ((4,),), (("starts", (2,)), ("stops", (2,)), ("steps", (1,)))),
    Case("pad", ((2, 3),), (("high", (2, 0)), ("interior", (1, 2)), ("low", (0, 1)), ("value", 1.5))),
    *(matmul(ta, tb) for ta in (False, True) for tb in (False, True)),
    matmul(True, False, batch=(2,)),
    conv("output", (2, 4, 5), (6, 2, 3), size=(3,), groups=2, stride=2, low=1),
    conv("input", (2, 4, 3), (4, 1, 2), size=(6,), groups=2, stride=2, dilation=3),
    window("window_sum", (2, 5), (3,), size=(2,), stride=2, low=1),
    window("window_max", (2, 6, 4), (3, 2), size=(2, 2), stride=2, low=1),
    conv("kernel", (2, 2, 4, 4), (2, 3, 3, 3), size=(2, 2), low=-1, input_dilation=2),
]


def differentiated(case: Case) -> tuple[Graph, int, list[int], list[np.ndarray]]:
    """A graph whose loss is a weighted sum of the primitive's result, its gradients, and input values."""
    rng = np.random.default_rng(7)
    b = GraphBuilder()
    inputs = [b.input(f"x{i}", shape, "float32") for i, shape in enumerate(case.shapes)]
    y = b.apply(case.op, *inputs, **dict(case.attrs))
    shape = b.shape(y)
    weights = b.constant(rng.normal(size=shape), "float32")
    loss = b.apply("sum", b.apply("mul", y, weights), axes=tuple(range(len(shape))), keepdims=False)
    found = gradients(b, loss, inputs)
    draw = (lambda s: rng.uniform(0.5, 2, s)) if case.positive else (lambda s: rng.normal(size=s))
    values = [np.asarray(draw(s), np.float32) for s in case.shapes]
    return b.build({"loss": loss}), loss, list(found), values


def differences_of(graph: Graph, loss: int, named: dict[str, Any], name: str, value: np.ndarray) -> np.ndarray:
    """How node ``loss`` changes with each element of input ``name``, by central differences in float64."""
    numeric = np.zeros(value.shape)
    for at in np.ndindex(value.shape):
        sides = []
        for step in (2.0**-8, -(2.0**-8)):  # powers of two, so that the moved values stay exact in float32
            moved = value.copy()
            moved[at] += np.float32(step)
            sides.append((evaluate(graph, {**named, name: moved}, float64=True)[loss], np.float64(moved[at])))
        numeric[at] = (sides[0][0] - sides[1][0]) / (sides[0][1] - sides[1][1])
    return numeric


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_against_finite_differences(case: Case) -> None:
    graph, loss, found, values = differentiated(case)
    graph.validate()
    named = {f"x{i}": v for i, v in enumerate(values)}
    exact = evaluate(graph, named, float64=True)
    for k, value in enumerate(values):
        numeric = differences_of(graph, loss, named, f"x{k}", value)
        np.testing.assert_allclose(exact[found[k]], numeric, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_second_gradient_against_finite_differences(case: Case) -> None:
    """The gradient of a weighted sum of the first gradients: every rule is made of primitives that have one."""
    graph, _, found, values = differentiated(case)
    rng, b = np.random.default_rng(11), GraphBuilder(graph.nodes)
    inputs = [graph.input_names[f"x{i}"] for i in range(len(case.shapes))]
    parts = [b.apply("mul", g, b.constant(rng.normal(size=b.shape(g)), b.dtype(g))) for g in found]
    axes = [tuple(range(len(b.shape(p)))) for p in parts]
    total = b.constant(0.0, "float32")
    for part, over in zip(parts, axes, strict=True):
        total = b.apply("add", total, b.apply("sum", part, axes=over, keepdims=False) if over else part)
    second = gradients(b, total, inputs)
    twice = b.build({"loss": total})
    twice.validate()
    named = {f"x{i}": v for i, v in enumerate(values)}
    exact = evaluate(twice, named, float64=True)
    for k, value in enumerate(values):
        numeric = differences_of(twice, total, named, f"x{k}", value)
        np.testing.assert_allclose(exact[second[k]], numeric, rtol=2e-3, atol=2e-3)


def test_every_primitive_with_a_gradient_is_in_the_table() -> None:
    differentiable = {name for name, p in PRIMITIVES.items() if any(p.gradients)}
    assert differentiable - {c.op for c in CASES} == TESTED_APART
    assert len(PRIMITIVES) <= 75
    for name, p in PRIMITIVES.items():
        assert p.doc.endswith("."), name
        assert p.gradient is not None or len(p.gradients) == p.arity, name


def test_select_sends_the_gradient_to_the_chosen_side() -> None:
    b = GraphBuilder()
    c = b.input("c", (3,), "bool")
    x, y = b.input("x", (3,), "float32"), b.input("y", (3,), "float32")
    loss = b.apply("sum", b.apply("select", c, x, y), axes=(0,), keepdims=False)
    dx, dy = gradients(b, loss, [x, y])
    values = evaluate(b.build({"loss": loss}), {"c": [True, False, True], "x": np.zeros(3), "y": np.zeros(3)})
    assert values[dx].tolist() == [1, 0, 1]
    assert values[dy].tolist() == [0, 1, 0]


def test_dequantise_has_the_integer_as_gradient_of_its_scale() -> None:
    b = GraphBuilder()
    q, scale = b.input("q", (3,), "int8"), b.input("scale", (3,), "float32")
    loss = b.apply("sum", b.apply("dequantise", q, scale), axes=(0,), keepdims=False)
    (found,) = gradients(b, loss, [scale])
    assert evaluate(b.build({"loss": loss}), {"q": [3, 0, -128], "scale": np.ones(3)})[found].tolist() == [3, 0, -128]


def test_dequantise_has_second_gradients_by_its_scale() -> None:
    b = GraphBuilder()
    q, scale = b.input("q", (3,), "int8"), b.input("scale", (3,), "float32")

    def squares(index: int) -> int:
        return b.apply("sum", b.apply("mul", index, index), axes=(0,), keepdims=False)

    (first,) = gradients(b, squares(b.apply("dequantise", q, scale)), [scale])
    (second,) = gradients(b, squares(first), [scale])
    values = evaluate(b.build({"y": second}), {"q": [3, 0, -2], "scale": [1.0, 1.0, 0.5]})
    assert values[first].tolist() == [18, 0, 4]  # 2 q² s
    assert values[second].tolist() == [648, 0, 64]  # 8 q⁴ s


def one(op: str, *values: Any, dtypes: str = "float32", **attrs: Any) -> np.ndarray:
    """The value of one primitive on constants."""
    b = GraphBuilder()
    kinds = dtypes.split() * len(values) if " " not in dtypes else dtypes.split()
    y = b.apply(op, *(b.constant(v, d) for v, d in zip(values, kinds, strict=False)), **attrs)
    return evaluate(b.build({"y": y}), {})[y]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda: one("maximum", [1.0, np.nan], [np.nan, 2.0]), [np.nan, np.nan]),
        (lambda: one("argmax", [[3, 7, 7], [7, 7, 1]], axis=1, keepdims=False), [1, 0]),
        (lambda: one("add", [2**31 - 1], [1], dtypes="int32"), [-(2**31)]),
        (lambda: one("cast", [1.9, -1.9, np.nan], dtype="int32"), [1, -1, 0]),
        (lambda: one("cast", [3e9, -3e9, np.inf], dtype="int32"), [2**31 - 1, -(2**31), 2**31 - 1]),
        (lambda: one("cast", [300, -300, 5], dtypes="int32", dtype="int8"), [127, -128, 5]),
        (lambda: one("cast", [0.0, -0.0, 0.5, np.nan], dtype="bool"), [False, False, True, True]),
        (lambda: one("cast", [True, False], dtypes="bool", dtype="float32"), [1, 0]),
        (lambda: one("quantise", [0.5, 1.5, -0.5, -2.5, 126.5, 127.5], np.ones(6)), [0, 2, 0, -2, 126, 127]),
        (lambda: one("quantise", [1e9, -1e9, np.inf, -np.inf, np.nan], np.ones(5)), [127, -128, 127, -128, 127]),
        (lambda: one("dequantise", [2**24 + 1, -3], [2.0, 0.5], dtypes="int32 float32"), [2.0**25, -1.5]),
        (lambda: one("lt", [1.0, np.nan], [2.0, 1.0]), [True, False]),
        (lambda: one("ne", [1.0, np.nan], [1.0, np.nan]), [False, True]),
        (lambda: one("div", [1.0, 0.0], [0.0, 0.0]), [np.inf, np.nan]),
        (lambda: one("iota", shape=(2, 3), axis=1), [[0, 1, 2], [0, 1, 2]]),
        (lambda: one("pad", [1, 2], dtypes="int32", low=(1,), high=(0,), interior=(1,), value=9), [9, 1, 9, 2]),
        (lambda: one("pad", np.zeros((0,)), low=(1,), high=(1,), interior=(3,), value=2.0), [2, 2]),
        (
            lambda: one(
                "matmul",
                np.full((1, 3), -128),
                np.full((3, 1), -128),
                dtypes="int8",
                transpose_a=False,
                transpose_b=False,
                accumulate="int32",
            ),
            [[3 * 128 * 128]],
        ),
    ],
)
def test_meaning(value: Callable[[], np.ndarray], expected: object) -> None:
    np.testing.assert_array_equal(value(), np.asarray(expected))


def test_bfloat16_is_summed_in_float32_and_rounded_once() -> None:
    assert float(one("sum", np.ones(1000), dtypes="bfloat16", axes=(0,), keepdims=False)) == 1000
    product = one(
        "matmul",
        np.full((1, 300), 1.0),
        np.full((300, 1), 1.0),
        dtypes="bfloat16",
        transpose_a=False,
        transpose_b=False,
        accumulate="float32",
    )
    assert product.dtype == np.float32
    assert product[0, 0] == 300


def test_gradient_of_a_bfloat16_product_is_bfloat16() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (2, 3), "bfloat16"), b.input("w", (3, 4), "bfloat16")
    y = b.apply("matmul", x, w, transpose_a=False, transpose_b=False, accumulate="float32")
    dx, dw = gradients(b, b.apply("sum", y, axes=(0, 1), keepdims=False), [x, w])
    assert [b[i].type_text for i in (dx, dw)] == ["bfloat16[2, 3]", "bfloat16[3, 4]"]


def test_equal_maxima_share_the_gradient() -> None:
    b = GraphBuilder()
    x = b.input("x", (3,), "float32")
    (dx,) = gradients(b, b.apply("max", x, axes=(0,), keepdims=False), [x])
    assert evaluate(b.build({"dx": dx}), {"x": [2.0, 2.0, 1.0]})[dx].tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("op", "attrs", "message"),
    [
        ("reshape", {"shape": (4,)}, r"cannot see \[2, 3\] \(6 elements\) as \[4\] \(4 elements\)"),
        ("permute", {"order": (0, 0)}, r"order \[0, 0\] is no permutation of the 2 axes of \[2, 3\]"),
        ("broadcast_to", {"shape": (3, 3)}, r"cannot broadcast \[2, 3\] to \[3, 3\]"),
        ("broadcast_to", {"shape": (3,)}, r"cannot broadcast \[2, 3\] to \[3\]"),
        ("slice", {"starts": (0, 0), "stops": (2, 4), "steps": (1, 1)}, r"slice 0:4:1 is not within axis 1 of"),
        ("pad", {"low": (0, -1), "high": (0, 0), "interior": (0, 0), "value": 0.0}, "padding must not be negative"),
        ("pad", {"low": (0,), "high": (0, 0), "interior": (0, 0), "value": 0.0}, r"low \[0\] needs one number"),
        ("sum", {"axes": (2,), "keepdims": False}, r"axes \[2\] must be distinct, ascending and within 0..1"),
        ("sum", {"axes": (1, 0), "keepdims": False}, r"axes \[1, 0\] must be distinct"),
        ("argmax", {"axis": 5, "keepdims": False}, r"axes \[5\]"),
    ],
)
def test_shape_rules_say_what_is_wrong(op: str, attrs: dict[str, Any], message: str) -> None:
    b = GraphBuilder()
    with pytest.raises(ShapeError, match=message):
        b.apply(op, b.input("x", (2, 3), "float32"), **attrs)


def test_largest_of_nothing() -> None:
    b = GraphBuilder()
    with pytest.raises(ShapeError, match=r"shape \[0, 3\] has no element along axes \[0\] to be the largest"):
        b.apply("max", b.input("x", (0, 3), "float32"), axes=(0,), keepdims=False)
    with pytest.raises(DTypeError, match="the condition is float32, not bool"):
        b.apply("select", *(b.input(n, (1,), "float32") for n in "abc"))
