"""The passes of quantised inference, before and after as text, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.compiler.passes.test_passes import PRODUCT, check
from weft.compiler.passes import pipeline
from weft.compiler.passes.scales import Scale, scale_of, spread
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

INTEGER_PASSES = ("quantised_products", "common_subexpressions", "quantised_bias", "requantise")


def scalar(b: GraphBuilder, name: str, like: int) -> int:
    """A scale of one element, repeated."""
    return b.apply("broadcast_to", b.input(name, (), "float32", "state"), shape=b.shape(like))


def per_row(b: GraphBuilder, name: str, like: int) -> int:
    """A scale for each row of a matrix, repeated."""
    rows = b.shape(like)[0]
    column = b.apply("reshape", b.input(name, (rows,), "float32", "state"), shape=(rows, 1))
    return b.apply("broadcast_to", column, shape=b.shape(like))


def test_product_with_a_scale_for_each_row_of_a_transposed_operand() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (2, 3), "int8"), b.input("w", (4, 3), "int8")
    left = b.apply("dequantise", x, scalar(b, "s", x))
    right = b.apply("dequantise", w, per_row(b, "t", w))
    y = b.apply("matmul", left, right, **{**PRODUCT, "transpose_b": True})
    check("quantised_products", b.build({"y": y}), """
        %0 = input(kind='input', name='x') : int8[2, 3]
        %1 = input(kind='input', name='w') : int8[4, 3]
        %2 = input(kind='state', name='s') : float32[]
        %3 = input(kind='state', name='t') : float32[4]
        %4 = matmul(%0, %1, accumulate='int32', transpose_a=False, transpose_b=True) : int32[2, 4]
        %5 = broadcast_to(%2) : float32[4]
        %6 = mul(%5, %3) : float32[4]
        %7 = broadcast_to(%6) : float32[2, 4]
        %8 = dequantise(%4, %7) : float32[2, 4]
        output y = %8
    """)


def integer_product(b: GraphBuilder) -> int:
    """int32[2, 4]: the product of two int8 matrices."""
    x, w = b.input("x", (2, 3), "int8"), b.input("w", (3, 4), "int8")
    return b.apply("matmul", x, w, **{**PRODUCT, "accumulate": "int32"})


@pytest.mark.parametrize("row_first", [False, True])
def test_a_bias_with_the_scale_of_its_product(row_first: bool) -> None:
    b = GraphBuilder()
    a, bias, s = integer_product(b), b.input("bias", (4,), "int32"), b.input("s", (4,), "float32")
    product = b.apply("dequantise", a, b.apply("broadcast_to", s, shape=(2, 4)))
    row = b.apply("broadcast_to", b.apply("dequantise", bias, s), shape=(2, 4))
    y = b.apply("add", *((row, product) if row_first else (product, row)))
    check("quantised_bias", b.build({"y": y}), """
        %0 = input(kind='input', name='x') : int8[2, 3]
        %1 = input(kind='input', name='w') : int8[3, 4]
        %2 = matmul(%0, %1, accumulate='int32', transpose_a=False, transpose_b=False) : int32[2, 4]
        %3 = input(kind='input', name='bias') : int32[4]
        %4 = input(kind='input', name='s') : float32[4]
        %5 = broadcast_to(%4) : float32[2, 4]
        %6 = broadcast_to(%3) : int32[2, 4]
        %7 = add(%2, %6) : int32[2, 4]
        %8 = dequantise(%7, %5) : float32[2, 4]
        output y = %8
    """)


def test_requantisation_multiplies_once_behind_the_relu() -> None:
    b = GraphBuilder()
    a, s = b.input("a", (2, 4), "int32"), b.input("s", (4,), "float32")
    real = b.apply("dequantise", a, b.apply("broadcast_to", s, shape=(2, 4)))
    positive = b.apply("maximum", b.full(0, like=real), real)
    y = b.apply("quantise", positive, scalar(b, "m", real))
    check("requantise", b.build({"y": y}), """
        %0 = input(kind='input', name='a') : int32[2, 4]
        %1 = input(kind='input', name='s') : float32[4]
        %2 = input(kind='state', name='m') : float32[]
        %3 = cast(%0) : float32[2, 4]
        %4 = constant(value=0.0) : float32[]
        %5 = broadcast_to(%4) : float32[2, 4]
        %6 = maximum(%3, %5) : float32[2, 4]
        %7 = broadcast_to(%2) : float32[4]
        %8 = mul(%7, %1) : float32[4]
        %9 = broadcast_to(%8) : float32[2, 4]
        %10 = quantise(%6, %9) : int8[2, 4]
        output y = %10
    """)


def test_requantisation_without_a_relu_by_one_number() -> None:
    b = GraphBuilder()
    a = b.input("a", (2, 4), "int32")
    real = b.apply("dequantise", a, scalar(b, "s", a))
    check("requantise", b.build({"y": b.apply("quantise", real, scalar(b, "m", real))}), """
        %0 = input(kind='input', name='a') : int32[2, 4]
        %1 = input(kind='state', name='s') : float32[]
        %2 = input(kind='state', name='m') : float32[]
        %3 = cast(%0) : float32[2, 4]
        %4 = mul(%2, %1) : float32[]
        %5 = broadcast_to(%4) : float32[2, 4]
        %6 = quantise(%3, %5) : int8[2, 4]
        output y = %6
    """)


def _two_scales_on_one_side(b: GraphBuilder) -> int:
    x, w = b.input("x", (2, 3), "int8"), b.input("w", (3, 4), "int8")
    left = b.apply("dequantise", x, per_row(b, "s", x))  # varies within no sum, but is no single number either
    return b.apply("matmul", left, b.apply("dequantise", w, scalar(b, "t", w)), **PRODUCT)


def _scale_along_k(b: GraphBuilder) -> int:
    x, w = b.input("x", (2, 3), "int8"), b.input("w", (3, 4), "int8")
    right = b.apply("dequantise", w, per_row(b, "t", w))
    return b.apply("matmul", b.apply("dequantise", x, scalar(b, "s", x)), right, **PRODUCT)


def _one_float_operand(b: GraphBuilder) -> int:
    x, w = b.input("x", (2, 3), "float32"), b.input("w", (3, 4), "int8")
    return b.apply("matmul", x, b.apply("dequantise", w, scalar(b, "t", w)), **PRODUCT)


def _integers_of_32_bits(b: GraphBuilder) -> int:
    x, w = b.input("x", (2, 3), "int32"), b.input("w", (3, 4), "int8")
    left = b.apply("dequantise", x, scalar(b, "s", x))
    return b.apply("matmul", left, b.apply("dequantise", w, scalar(b, "t", w)), **PRODUCT)


def _other_scales(b: GraphBuilder) -> int:
    a, c = b.input("a", (2, 4), "int32"), b.input("c", (2, 4), "int32")
    return b.apply("add", b.apply("dequantise", a, scalar(b, "s", a)), b.apply("dequantise", c, scalar(b, "t", c)))


def _two_products_of_one_scale(b: GraphBuilder) -> int:
    a = integer_product(b)
    real = b.apply("dequantise", a, scalar(b, "s", a))
    return b.apply("add", real, real)


def _two_rows_of_one_scale(b: GraphBuilder) -> int:
    """Two biases: the sum with the first could be as large as an int32 is."""
    a, s = integer_product(b), b.input("s", (4,), "float32")
    sums = b.apply("add", a, b.apply("broadcast_to", b.input("bias", (4,), "int32"), shape=(2, 4)))
    real = b.apply("dequantise", sums, b.apply("broadcast_to", s, shape=(2, 4)))
    more = b.apply("dequantise", b.input("more", (4,), "int32"), s)
    return b.apply("add", real, b.apply("broadcast_to", more, shape=(2, 4)))


def _a_whole_matrix_of_its_scale(b: GraphBuilder) -> int:
    a, c = integer_product(b), b.input("c", (2, 4), "int32")
    s = scalar(b, "s", a)
    return b.apply("add", b.apply("dequantise", a, s), b.apply("dequantise", c, s))


def _maximum_with_one(b: GraphBuilder) -> int:
    a = b.input("a", (2, 4), "int32")
    real = b.apply("dequantise", a, scalar(b, "s", a))
    return b.apply("quantise", b.apply("maximum", real, b.full(1, like=real)), scalar(b, "m", real))


def _bytes_again(b: GraphBuilder) -> int:
    a = b.input("a", (2, 4), "int8")
    return b.apply("quantise", b.apply("dequantise", a, scalar(b, "s", a)), scalar(b, "m", a))


def _a_multiplier_for_each_column(b: GraphBuilder) -> int:
    a, m = b.input("a", (2, 4), "int32"), b.input("m", (4,), "float32")
    real = b.apply("dequantise", a, scalar(b, "s", a))
    return b.apply("quantise", real, b.apply("broadcast_to", m, shape=(2, 4)))


def _sums_of_a_scale_for_each_row(b: GraphBuilder) -> int:
    a = b.input("a", (2, 4), "int32")
    return b.apply("quantise", b.apply("dequantise", a, per_row(b, "s", a)), scalar(b, "m", a))


def _a_computed_bias(b: GraphBuilder) -> int:
    """Its numbers may be larger than a given bias's, so that the sum could be as large as an int32 is."""
    a, s = integer_product(b), b.input("s", (4,), "float32")
    twice = b.apply("add", *[b.input("bias", (4,), "int32")] * 2)
    real = b.apply("dequantise", a, b.apply("broadcast_to", s, shape=(2, 4)))
    return b.apply("add", real, b.apply("broadcast_to", b.apply("dequantise", twice, s), shape=(2, 4)))


@pytest.mark.parametrize(
    "write",
    [_two_scales_on_one_side, _scale_along_k, _one_float_operand, _integers_of_32_bits, _other_scales,
     _two_products_of_one_scale, _two_rows_of_one_scale, _a_whole_matrix_of_its_scale, _maximum_with_one, _bytes_again,
     _a_multiplier_for_each_column, _sums_of_a_scale_for_each_row, _a_computed_bias],
)  # fmt: skip
def test_what_does_not_fit_stays(write: Callable[[GraphBuilder], int]) -> None:
    b = GraphBuilder()
    graph = b.build({"y": write(b)})
    assert pipeline.run(graph, INTEGER_PASSES).digest() == graph.digest()


def layer(batch: int, inputs: int, outputs: int) -> Graph:
    """Two integer layers with a ReLU between, as a quantised model writes them."""
    b = GraphBuilder()
    x = b.input("x", (batch, inputs), "float32")
    for n, (k, m) in enumerate(((inputs, outputs), (outputs, 3))):
        q = b.apply("quantise", x, scalar(b, f"m{n}", x))
        s, t = b.input(f"s{n}", (), "float32", "state"), b.input(f"t{n}", (m,), "float32", "state")
        w = b.input(f"w{n}", (m, k), "int8", "state")
        right = b.apply(
            "dequantise", w, b.apply("broadcast_to", b.apply("reshape", t, shape=(m, 1)), shape=(m, k))
        )
        left = b.apply("dequantise", q, b.apply("broadcast_to", s, shape=(batch, k)))
        y = b.apply("matmul", left, right, **{**PRODUCT, "transpose_b": True})
        steps = b.apply("mul", b.apply("broadcast_to", s, shape=(m,)), t)
        bias = b.apply("dequantise", b.input(f"b{n}", (m,), "int32", "state"), steps)
        x = b.apply("add", y, b.apply("broadcast_to", bias, shape=(batch, m)))
        x = b.apply("maximum", x, b.full(0, like=x)) if n == 0 else x
    return b.build({"y": x})


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (3, 1, 4), (2, 7, 5)])
@pytest.mark.parametrize("name", ["cpu", "accel"])
def test_whole_layers_become_integers_and_stay_near(name: str, shape: tuple[int, int, int]) -> None:
    graph, rng = layer(*shape), np.random.default_rng(0)
    after = pipeline.run(graph, name)
    assert [n.dtype.name for n in after.nodes if n.op == "matmul"] == ["int32", "int32"]
    assert sum(n.op == "dequantise" for n in after.nodes) == 1
    assert pipeline.run(after, name).digest() == after.digest()
    values = {
        graph.nodes[i].attr("name"): rng.integers(-99, 99, graph.nodes[i].shape).astype(graph.nodes[i].dtype.numpy)
        for i in graph.inputs
    }
    for n in range(2):
        values |= {f"s{n}": np.array(0.02, np.float32), f"m{n}": np.array(1, np.float32)}
        values |= {f"t{n}": np.abs(values[f"t{n}"]) / 999 + 0.01}
    before, now = reference.run(graph, values)[0]["y"], reference.run(after, values)[0]["y"]
    # A value on the edge between two steps may fall to either side.
    np.testing.assert_allclose(now, before, rtol=1e-5, atol=1e-3 + 99 * 0.02 * 0.11)


def test_scales_behind_views() -> None:
    b = GraphBuilder()
    s, one = b.input("s", (4,), "float32"), b.input("one", (1, 1), "float32")
    square = b.input("square", (4, 4), "float32")
    middle = b.apply("reshape", s, shape=(4, 1, 1))
    assert scale_of(b, b.apply("broadcast_to", s, shape=(3, 4))) == Scale(s, 1)
    assert scale_of(b, b.apply("broadcast_to", middle, shape=(2, 4, 5, 6))) == Scale(s, 1)
    assert scale_of(b, b.apply("broadcast_to", one, shape=(3, 4))) == Scale(one, None)
    assert scale_of(b, b.apply("reshape", b.apply("broadcast_to", s, shape=(3, 4)), shape=(2, 6))) is None
    assert scale_of(b, square) is None


def test_a_scale_that_lies_in_a_row_of_two_dimensions_is_spread_to_the_last_axis() -> None:
    b = GraphBuilder()
    s = b.input("s", (1, 4), "float32")
    assert scale_of(b, b.apply("broadcast_to", s, shape=(3, 4))) == Scale(s, 1)
    wide = b[spread(b, Scale(s, 1), (2, 3, 4))]
    assert (wide.op, wide.shape) == ("broadcast_to", (2, 3, 4))
    assert (b[wide.inputs[0]].op, b[wide.inputs[0]].shape, b[wide.inputs[0]].inputs) == ("reshape", (4,), (s,))
