"""What a primitive refuses when a node is made of it: the name of the primitive, what it was given, what it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from weft.framework.autodiff import with_gradients
from weft.framework.builder import GraphBuilder
from weft.framework.errors import FrameworkError, GraphError
from weft.framework.reference import reference_node, run

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}

REFUSED: dict[str, Callable[[GraphBuilder], int]] = {
    "quantise: takes float32 values and multipliers, not int8 and float32": lambda b: b.apply(
        "quantise", b.input("x", (2,), "int8"), b.input("m", (2,), "float32")
    ),
    "dequantise: takes int8 or int32 values and float32 scales, not float32 and float32": lambda b: b.apply(
        "dequantise", b.input("x", (2,), "float32"), b.input("m", (2,), "float32")
    ),
    "input: shape [-1] has a negative extent": lambda b: b.input("x", (-1,), "int8"),
    "iota: axis 1 is outside shape [2]": lambda b: b.apply("iota", shape=(2,), axis=1),
    "matmul: operands [2, 3] and [3] need two axes and equal batch axes in front": lambda b: b.apply(
        "matmul", b.input("x", (2, 3), "float32"), b.input("y", (3,), "float32"), **PRODUCT
    ),
    "add: dtypes int8, float32 differ; insert cast": lambda b: b.apply(
        "add", b.input("x", (2,), "int8"), b.input("y", (2,), "float32")
    ),
    "exp: takes float values, not int8": lambda b: b.apply("exp", b.input("x", (2,), "int8")),
    "add: shapes [2] and [3] differ; insert broadcast_to": lambda b: b.apply(
        "add", b.input("x", (2,), "int8"), b.input("y", (3,), "int8")
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_node_that_cannot_be_is_refused_in_words(message: str) -> None:
    with pytest.raises(FrameworkError) as error:
        REFUSED[message](GraphBuilder())
    assert str(error.value) == message


def test_an_input_has_no_meaning_but_its_value() -> None:
    b = GraphBuilder()
    b.input("x", (), "float32")
    graph = b.build({"x": 0})
    with pytest.raises(GraphError, match=r"^%0 is input 'x': it has no meaning but the value given$"):
        reference_node(graph, 0, [])


@pytest.mark.parametrize("op", ["tanh", "sigmoid", "erf"])
def test_a_function_of_bfloat16_has_a_gradient_of_bfloat16(op: str) -> None:
    """Its slope is computed in float32: the two gradients are one number, rounded once."""
    gradients = []
    for dtype in ("float32", "bfloat16"):
        b = GraphBuilder()
        x = b.input("x", (), dtype)
        graph = with_gradients(b.build({"y": b.apply(op, x)}), "y", ["x"])
        gradient = run(graph, {"x": np.asarray(0.5, graph.nodes[0].dtype.numpy)})[0]["d.x"]
        assert gradient.dtype == graph.nodes[0].dtype.numpy
        gradients.append(float(gradient))
    assert gradients[1] == pytest.approx(gradients[0], rel=2**-7)
