"""Layout: what moves in front of a transposition, and what stays behind it because something else reads it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from weft.compiler.passes import pipeline
from weft.compiler.passes.layout import layout
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}


def _clean(graph: Graph) -> Graph:
    return pipeline.run(graph, "cpu")


def _permutes(graph: Graph) -> int:
    return sum(node.op == "permute" for node in graph.nodes)


def test_work_on_a_transposed_operand_of_a_product_leaves_a_flag() -> None:
    b = GraphBuilder()
    w, x = b.input("w", (4, 3), "float32"), b.input("x", (4, 5), "float32")
    turned = b.apply("permute", w, order=(1, 0))
    scaled = b.apply("mul", b.apply("maximum", turned, b.full(0, like=turned)), b.full(3, like=turned))
    graph = _clean(b.build({"y": b.apply("matmul", scaled, x, **PRODUCT)}))
    assert _permutes(graph) == 0
    (product,) = [node for node in graph.nodes if node.op == "matmul"]
    assert product.attr("transpose_a")


def test_a_transposition_is_undone_behind_elementwise_work_on_several_operands() -> None:
    b = GraphBuilder()
    x, y = b.input("x", (2, 3, 4), "float32"), b.input("y", (2, 3, 4), "float32")
    order, back = (2, 0, 1), (1, 2, 0)
    s, t = (b.apply("permute", i, order=order) for i in (x, y))
    total = b.apply("add", b.apply("exp", s), t)
    chosen = b.apply("select", b.apply("lt", s, t), total, b.full(1, like=total))
    graph = b.build({"z": b.apply("permute", chosen, order=back)})
    assert _permutes(graph) == 3
    assert _permutes(_clean(graph)) == 0


@pytest.mark.parametrize("reader", ["a result", "a reshape", "a sum", "another order", "with one that is as it was"])
def test_it_stays_where_something_else_reads_it(reader: str) -> None:
    b = GraphBuilder()
    x, y = b.input("x", (3, 4), "float32"), b.input("y", (4, 3), "float32")
    turned = b.apply("permute", x, order=(1, 0))
    made = b.apply("exp", turned)
    outputs = {"back": b.apply("permute", made, order=(1, 0))}
    if reader == "a result":
        outputs["made"] = made
    elif reader == "a reshape":
        outputs["flat"] = b.apply("reshape", made, shape=(12,))
    elif reader == "a sum":
        outputs["sum"] = b.apply("sum", made, axes=(1,), keepdims=False)
    elif reader == "another order":
        outputs["square"] = b.apply("add", made, b.apply("permute", y, order=(0, 1)))
    else:
        outputs["both"] = b.apply("add", made, y)
    graph = b.build(outputs)
    assert layout(graph) is graph


def test_a_product_takes_no_other_transposition_than_that_of_its_last_axes() -> None:
    b = GraphBuilder()
    x = b.input("x", (3, 2, 4), "float32")
    made = b.apply("exp", b.apply("permute", x, order=(1, 0, 2)))
    graph = b.build({"y": b.apply("matmul", made, b.input("w", (2, 4, 5), "float32"), **PRODUCT)})
    assert layout(graph) is graph


@pytest.mark.parametrize("seed", range(60))
def test_random_work_between_transpositions_keeps_its_bits(seed: int) -> None:
    """Chains and trees of elementwise work over operands that are transposed, mostly in one way, and often undone."""
    rng = random.Random(seed)
    b, shape, order, back = GraphBuilder(), (2, 3, 4), (2, 0, 1), (1, 2, 0)
    inputs = [b.input(f"x{n}", shape, "float32") for n in range(3)]
    plain = b.input("plain", (4, 2, 3), "float32")
    pool = [b.apply("permute", i, order=order) for i in inputs]
    for _ in range(rng.randint(2, 9)):
        op = rng.choice(("neg", "exp", "add", "mul", "maximum", "select"))
        operands = [rng.choice(pool) if rng.random() < 0.9 else plain for _ in range(2)]
        if rng.random() < 0.2:
            operands[1] = b.full(2, like=operands[0])
        if op in ("neg", "exp"):
            operands = operands[:1]
        elif op == "select":
            operands = [b.apply("lt", *operands), *operands]
        pool.append(b.apply(op, *operands))
    outputs = {f"y{n}": b.apply("permute", i, order=back) for n, i in enumerate(pool[3:]) if rng.random() < 0.8}
    if rng.random() < 0.5 or not outputs:
        outputs["kept"] = rng.choice(pool)
    graph = b.build(outputs)
    values = {
        node.attr("name"): np.random.default_rng(seed + n).normal(size=node.shape).astype(np.float32)
        for n, node in enumerate(graph.nodes[i] for i in graph.inputs)
    }
    after = pipeline.run(graph, ["dead_code", "layout"])
    for name, value in reference.run(graph, values)[0].items():
        assert reference.run(after, values)[0][name].tobytes() == value.tobytes()
    assert _permutes(_clean(graph)) <= _permutes(pipeline.run(graph, ["dead_code", "algebra"]))
