"""What each pass does to a graph, before and after as text."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import numpy as np
import pytest

from weft.compiler.passes import pipeline
from weft.compiler.passes.precision import precision
from weft.framework import reference
from weft.framework.builder import GraphBuilder, constant_value
from weft.framework.errors import GraphError
from weft.framework.graph import Graph

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}


def body(graph: Graph) -> str:
    """The graph's text without its braces and indentation."""
    return dedent("\n".join(str(graph).splitlines()[1:-1]))


def check(name: str, graph: Graph, expected: str) -> None:
    assert body(pipeline.run(graph, [name])) == dedent(expected).strip()


def test_dead_code_keeps_inputs() -> None:
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    b.input("unused", (), "int32")
    b.apply("exp", x)
    check("dead_code", b.build({"y": b.apply("neg", x)}), """
        %0 = input(kind='input', name='x') : float32[2]
        %1 = input(kind='input', name='unused') : int32[]
        %2 = neg(%0) : float32[2]
        output y = %2
    """)


def test_common_subexpressions_see_through_order_of_operands() -> None:
    b = GraphBuilder()
    x, y = b.input("x", (2,), "float32"), b.input("y", (2,), "float32")
    first, second = b.apply("add", x, y), b.apply("add", y, x)
    check("common_subexpressions", b.build({"z": b.apply("sub", first, second)}), """
        %0 = input(kind='input', name='x') : float32[2]
        %1 = input(kind='input', name='y') : float32[2]
        %2 = add(%0, %1) : float32[2]
        %3 = sub(%2, %2) : float32[2]
        output z = %3
    """)


def test_common_subexpressions_keep_zeros_of_both_signs_apart() -> None:
    b = GraphBuilder()
    x = b.input("x", (1,), "float32")
    padded = [b.apply("pad", x, low=(1,), high=(0,), interior=(0,), value=v) for v in (0.0, -0.0)]
    after = pipeline.run(b.build({"a": padded[0], "b": padded[1]}), ["common_subexpressions"])
    assert after.outputs == (("a", 1), ("b", 2))


def test_constant_folding_folds_scalars_under_broadcasts() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 3), "float32")
    three = b.apply("add", b.full(1, like=x), b.full(2, like=x))
    check("constant_folding", b.build({"y": b.apply("mul", x, three)}), """
        %0 = input(kind='input', name='x') : float32[2, 3]
        %1 = constant(value=3.0) : float32[]
        %2 = broadcast_to(%1) : float32[2, 3]
        %3 = mul(%0, %2) : float32[2, 3]
        output y = %3
    """)


def test_constant_folding_is_exact_in_int64_and_wraps() -> None:
    b = GraphBuilder()
    large, two = b.constant(2**62 + 1, "int64"), b.constant(2, "int64")
    folded = {
        "odd": b.apply("add", large, two), "wrapped": b.apply("mul", large, two),
        "saturated": b.apply("cast", large, dtype="int32"),
        "most": b.apply("cast", b.constant(1e30, "float32"), dtype="int64"),
    }  # fmt: skip
    after = pipeline.run(b.build(folded), ["constant_folding"])
    assert {node.op for node in after.nodes} == {"constant"}
    values = {name: int(constant_value(after.nodes[i])) for name, i in after.outputs}
    assert values == {"odd": 2**62 + 3, "wrapped": -(2**63) + 2, "saturated": 2**31 - 1, "most": 2**63 - 1}


def test_constant_folding_carries_no_large_constant() -> None:
    b = GraphBuilder()
    big = b.apply("pad", b.constant([1.0], "float32"), low=(999,), high=(0,), interior=(0,), value=0.0)
    after = pipeline.run(b.build({"y": big}), ["constant_folding"])
    assert [node.op for node in after.nodes] == ["constant", "pad"]


Build = Callable[[GraphBuilder, int], int]


def number(op: str, value: float, *, left: bool = False) -> Build:
    """`op` of x and a number."""
    return lambda b, x: b.apply(op, *((b.full(value, like=x), x) if left else (x, b.full(value, like=x))))


ALGEBRA: dict[str, tuple[Build, str | None]] = {
    "x - 0 is x": (number("sub", 0.0), ""),
    "x + -0 is x": (number("add", -0.0), ""),
    "-0 + x is x": (number("add", -0.0, left=True), ""),
    "x * 1 is x": (number("mul", 1.0), ""),
    "x / 1 is x": (number("div", 1.0), ""),
    "x * -1 is -x": (number("mul", -1.0), "neg"),
    "x / 8 is x * 0.125": (number("div", 8.0), "constant broadcast_to mul"),
    "1 / x is a reciprocal": (number("div", 1.0, left=True), "reciprocal"),
    "--x is x": (lambda b, x: b.apply("neg", b.apply("neg", x)), ""),
    "x + -y is x - y": (lambda b, x: b.apply("add", x, b.apply("neg", x)), "sub"),
    "max(x, x) is x": (lambda b, x: b.apply("maximum", x, x), ""),
    "widen and narrow is x": (lambda b, x: b.apply("cast", b.apply("cast", x, dtype="float32"), dtype="float32"), ""),
    "reshapes are one": (
        lambda b, x: b.apply("reshape", b.apply("reshape", x, shape=(6,)), shape=(3, 2)), "reshape"),
    "reshape back is x": (
        lambda b, x: b.apply("reshape", b.apply("reshape", x, shape=(6,)), shape=(2, 3)), ""),
    "transposes cancel": (
        lambda b, x: b.apply("permute", b.apply("permute", x, order=(1, 0)), order=(1, 0)), ""),
    "a transpose becomes a flag": (
        lambda b, x: b.apply("matmul", x, b.apply("permute", x, order=(1, 0)), **PRODUCT), "matmul"),
    "a choice by not c is the other choice by c": (
        lambda b, x: b.apply("select", b.apply("not", b.apply("lt", x, b.full(3, like=x))), x, b.full(3, like=x)),
        "constant broadcast_to lt broadcast_to select"),
    "x + 0 turns -0 into 0": (number("add", 0.0), None),
    "0 - x is not -x": (number("sub", 0.0, left=True), None),
    "x * 0 is not 0": (number("mul", 0.0), None),
    "x / 3 is not x * (1/3)": (number("div", 3.0), None),
    "1 / 2^127 is no normal number": (number("div", 2.0**127), None),
    "2^-127 is no normal number": (number("div", 2.0**-127), None),
    "x / inf is not x * 0": (number("div", float("inf")), None),
    "narrowing stays": (
        lambda b, x: b.apply("cast", b.apply("cast", x, dtype="bfloat16"), dtype="float32"), None),
}  # fmt: skip


@pytest.mark.parametrize(("build", "expected"), ALGEBRA.values(), ids=ALGEBRA.keys())
def test_algebra(build: Build, expected: str | None) -> None:
    b = GraphBuilder()
    graph = b.build({"y": build(b, b.input("x", (2, 3), "float32"))})
    before, after = (" ".join(n.op for n in g.nodes[1:]) for g in (graph, pipeline.run(graph, ["algebra"])))
    assert after == (before if expected is None else expected)


def test_precision_rounds_an_operand_once_for_all_its_products() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 2), "float32")
    square = b.apply("matmul", x, x, **PRODUCT)
    check("precision", b.build({"y": b.apply("matmul", square, x, **PRODUCT)}), """
        %0 = input(kind='input', name='x') : float32[2, 2]
        %1 = cast(%0) : bfloat16[2, 2]
        %2 = matmul(%1, %1, accumulate='float32', transpose_a=False, transpose_b=False) : float32[2, 2]
        %3 = cast(%2) : bfloat16[2, 2]
        %4 = matmul(%3, %1, accumulate='float32', transpose_a=False, transpose_b=False) : float32[2, 2]
        output y = %4
    """)


def test_precision_takes_widened_operands_as_they_were() -> None:
    b = GraphBuilder()
    x = b.apply("cast", b.input("x", (2, 2), "bfloat16"), dtype="float32")
    check("precision", b.build({"y": b.apply("matmul", x, x, **PRODUCT)}), """
        %0 = input(kind='input', name='x') : bfloat16[2, 2]
        %1 = matmul(%0, %0, accumulate='float32', transpose_a=False, transpose_b=False) : float32[2, 2]
        output y = %1
    """)


def test_precision_changes_a_product_by_its_rounding_only() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (8, 16), "float32"), b.input("w", (16, 4), "float32")
    graph = b.build({"y": b.apply("matmul", x, w, **PRODUCT)})
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(8, 16)), "w": rng.normal(size=(16, 4))}
    exact = values["x"] @ values["w"]
    rounded = reference.run(precision(graph), values)[0]["y"]
    bound = 2.0**-8 * 2 * (abs(values["x"]) @ abs(values["w"]))  # each operand moves by at most 2^-9 of itself
    assert abs(rounded - exact).max() > 0
    assert (abs(rounded - exact) <= bound).all()


def test_unknown_names_are_refused() -> None:
    graph = GraphBuilder().build()
    with pytest.raises(GraphError, match=r"unknown pass 'tiling'; known: dead_code, unroll, random_words"):
        pipeline.run(graph, ["tiling"])
    with pytest.raises(GraphError, match=r"unknown pipeline 'tpu'; known: cpu, accel"):
        pipeline.run(graph, "tpu")


def test_a_pass_that_breaks_the_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    b = GraphBuilder()
    graph = b.build({"y": b.input("x", (), "float32")})
    monkeypatch.setitem(pipeline.PASSES, "dead_code", lambda g: Graph(g.nodes, (("y", 7),)))
    with pytest.raises(GraphError, match=r"after pass dead_code: outputs: 'y' names node %7 of 1"):
        pipeline.run(graph, ["dead_code"])
