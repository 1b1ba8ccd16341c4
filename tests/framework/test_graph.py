"""The graph IR: inference, identity, text, rewriting, and depth without recursion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.work import calls
from weft.framework.autodiff import with_gradients
from weft.framework.builder import GraphBuilder, constant_value, prune, rewrite
from weft.framework.dtypes import float32
from weft.framework.errors import DTypeError, GradientError, GraphError, ShapeError
from weft.framework.graph import Graph, Node
from weft.framework.origin import Origin
from weft.framework.reference import evaluate, reference_node, run


def small() -> Graph:
    b = GraphBuilder()
    x = b.input("x", (2, 3), "float32")
    w = b.input("w", (3,), "float32", "state")
    with b.origin(Origin("net.py:7")):
        y = b.apply("mul", x, b.apply("broadcast_to", w, shape=[2, 3]))
    s = b.apply("sum", y, axes=(0, 1), keepdims=False)
    return b.build({"s": s}, {"w": b.apply("mul", w, b.full(2, like=w))})


def test_text() -> None:
    assert (
        str(small())
        == """graph {
  %0 = input(kind='input', name='x') : float32[2, 3]
  %1 = input(kind='state', name='w') : float32[3]
  %2 = broadcast_to(%1) : float32[2, 3]  # net.py:7
  %3 = mul(%0, %2) : float32[2, 3]  # net.py:7
  %4 = sum(%3, axes=(0, 1), keepdims=False) : float32[]
  %5 = constant(value=2.0) : float32[]
  %6 = broadcast_to(%5) : float32[3]
  %7 = mul(%1, %6) : float32[3]
  output s = %4
  update w = %7
}"""
    )


def test_digest_ignores_origins_and_nothing_else() -> None:
    graph = small()
    moved = Graph(tuple(replace(n, origin=Origin("elsewhere.py:1")) for n in graph.nodes), graph.outputs, graph.updates)
    assert moved.digest() == graph.digest() == small().digest()
    assert replace(graph, outputs=(("t", 4),)).digest() != graph.digest()
    assert replace(graph, updates=()).digest() != graph.digest()
    node = replace(graph.nodes[4], attrs=(("axes", (0, 1)), ("keepdims", True)), shape=(1, 1))
    assert replace(graph, nodes=(*graph.nodes[:4], node, *graph.nodes[5:])).digest() != graph.digest()


def test_uses_and_live_nodes() -> None:
    graph = small()
    assert graph.uses[1] == (2, 7)
    assert graph.live == frozenset(range(8))
    outputs_only = replace(graph, updates=())
    assert outputs_only.live == frozenset(range(5))
    pruned = prune(outputs_only)
    assert [n.op for n in pruned.nodes] == ["input", "input", "broadcast_to", "mul", "sum"]
    pruned.validate()


def test_prune_keeps_the_signature() -> None:
    b = GraphBuilder()
    b.input("unused", (4,), "int32")
    graph = prune(b.build({"y": b.constant(1.0, "float32")}))
    assert list(graph.input_names) == ["unused"]


def test_rewrite_replaces_and_keeps_origins() -> None:
    def double_instead_of_multiplying(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
        return b.apply("add", inputs[0], inputs[0]) if node.op == "mul" else None

    graph = small()
    changed = rewrite(graph, double_instead_of_multiplying)
    changed.validate()
    assert changed.nodes[3].op == "add"
    assert changed.nodes[3].origin == Origin("net.py:7")
    assert rewrite(graph, lambda b, node, inputs: None).digest() == graph.digest()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            lambda g: replace(g, nodes=(g.nodes[3],)),
            r"%0 = mul \(net.py:7\): inputs \[0, 2\] are not all earlier nodes",
        ),
        (
            lambda g: replace(g, nodes=(*g.nodes[:3], replace(g.nodes[3], shape=(3, 2)), *g.nodes[4:])),
            r"%3 = mul \(net.py:7\): is declared float32\[3, 2\], but its rules give float32\[2, 3\]",
        ),
        (lambda g: replace(g, outputs=(("s", 99),)), "outputs: 's' names node %99 of 8"),
        (lambda g: replace(g, updates=(("x", 7),)), "update of 'x', which is no state"),
        (lambda g: replace(g, updates=(("w", 4),)), r"state 'w' is float32\[3\], its update %4 is float32\[\]"),
        (lambda g: replace(g, nodes=(g.nodes[0], *g.nodes)), r"shapes \[2, 3\] and \[3\] differ"),
        (lambda g: replace(g, nodes=(*g.nodes, g.nodes[0])), "two inputs have the same name"),
        (lambda g: replace(g, outputs=(("s", 1), ("s", 2))), "two outputs have the same name"),
    ],
)
def test_validation(broken: Callable[[Graph], Graph], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        broken(small()).validate()


def test_builder_refuses_what_does_not_fit() -> None:
    b = GraphBuilder()
    x, y = b.input("x", (2, 3), "float32"), b.input("y", (4, 5), "float32")
    flags = {"transpose_a": False, "transpose_b": False}
    with (
        b.origin(Origin("net.py:9")),
        pytest.raises(
            ShapeError,
            match=r"net.py:9: matmul: cannot multiply \[2, 3\] by \[4, 5\]: the inner extents 3 and 4 differ",
        ),
    ):
        b.apply("matmul", x, y, **flags, accumulate="float32")
    with pytest.raises(ShapeError, match=r"add: shapes \[2, 3\] and \[4, 5\] differ; insert broadcast_to"):
        b.apply("add", x, y)
    with pytest.raises(DTypeError, match=r"no product float32·float32 → int32; there are float32·float32 → float32"):
        b.apply("matmul", x, x, transpose_a=False, transpose_b=True, accumulate="int32")
    with pytest.raises(DTypeError, match="exp: takes float values, not int32"):
        b.apply("exp", b.constant(1, "int32"))
    with pytest.raises(GraphError, match="unknown primitive 'blur'; known: input, constant"):
        b.apply("blur", x)
    with pytest.raises(GraphError, match=r"sum takes attributes \['axes', 'keepdims'\], not \['axes'\]"):
        b.apply("sum", x, axes=(0,))
    with pytest.raises(GraphError, match="add takes 2 inputs, not 1"):
        b.apply("add", x)


def test_evaluation_at_the_nodes_dtype_and_in_float64() -> None:
    b = GraphBuilder()
    x = b.input("x", (2,), "bfloat16")
    y = b.apply("add", x, x)
    z = b.apply("cast", b.apply("exp", b.apply("cast", y, dtype="float32")), dtype="bfloat16")
    graph = b.build({"z": z})
    values = {"x": np.array([0.1, 1.7])}
    rounded, exact = evaluate(graph, values), evaluate(graph, values, float64=True)
    assert rounded[y].dtype == graph.nodes[y].dtype.numpy
    assert exact[y].dtype == np.float64
    # Both start from the bfloat16 nearest to 0.1, and both round at the cast.
    assert np.array_equal(exact[x], rounded[x].astype(np.float64))
    assert np.array_equal(exact[z], exact[z].astype(graph.nodes[z].dtype.numpy).astype(np.float64))
    node = reference_node(graph, y, [rounded[x], rounded[x]])
    assert np.array_equal(node, 2 * exact[x])
    with pytest.raises(GraphError, match="no value was given for input 'x'"):
        evaluate(graph, {})
    with pytest.raises(ShapeError, match=r"input 'x' is \[2\], but its value is \[3\]"):
        evaluate(graph, {"x": np.zeros(3)})


def test_gradient_names_are_checked() -> None:
    with pytest.raises(GradientError, match=r"no input 'v'; outputs \['s'\], inputs \['w', 'x'\]"):
        with_gradients(small(), "s", ["v"])
    with pytest.raises(GradientError, match=r"no output 'loss'"):
        with_gradients(small(), "loss", ["w"])


def test_scalar_constants_are_shared_and_readable() -> None:
    b = GraphBuilder()
    assert b.constant(0.5, "float32") == b.constant(0.5, "float32")
    assert b.constant(-0.0, "float32") != b.constant(0.0, "float32")
    node = b[b.constant([1, 2], "int8")]
    assert constant_value(node).tolist() == [1, 2]


def deep(rounds: int) -> Graph:
    """Two nodes a round, each needing the one before."""
    b = GraphBuilder()
    x = b.input("x", (), "float32")
    y, half = x, b.constant(0.5, "float32")
    for _ in range(rounds):
        y = b.apply("mul", b.apply("add", y, x), half)
    return b.build({"y": y})


def test_a_hundred_thousand_nodes() -> None:
    graph = deep(50_000)
    assert len(graph.nodes) > 100_000
    backward = prune(with_gradients(graph, "y", ["x"]))
    outputs, _ = run(backward, {"x": np.float32(1)})
    assert outputs["y"] == pytest.approx(1)
    assert outputs["d.x"] == pytest.approx(1)
    assert len(backward.digest()) == 64
    assert len(str(rewrite(graph, lambda b, node, inputs: None)).splitlines()) == len(graph.nodes) + 3
    assert graph.nodes[0].dtype is float32


def test_work_grows_with_the_nodes_and_no_faster() -> None:
    def work(graph: Graph) -> None:
        backward = prune(with_gradients(graph, "y", ["x"]))
        run(backward, {"x": np.float32(1)})
        rewrite(backward, lambda b, node, inputs: None).digest()

    one, two = (calls(partial(work, deep(rounds))) for rounds in (200, 400))
    assert 1.5 * one < two < 2.1 * one
