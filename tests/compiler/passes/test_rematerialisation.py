"""Cheap values are computed anew instead of being kept: which are, that no bit changes, and that memory is spared."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.compiler.residual import training_step
from weft.compiler.passes.fusion import fusion_groups
from weft.compiler.passes.pipeline import PIPELINES, run
from weft.compiler.passes.rematerialisation import LARGE, LONGEST, SMALLEST, rematerialise
from weft.compiler.targets.cpu.executable import CpuExecutable
from weft.compiler.targets.cpu.listing import planned
from weft.compiler.targets.cpu.threads import ThreadBudget
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.reference import evaluate

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}
WITHOUT = tuple(name for name in PIPELINES["cpu"] if name != "rematerialise")


def network(size: int, cheap: int = 1, op: str = "neg", reader: str = "loop") -> Graph:
    """y = op(x·w), ``cheap`` times; then a long way, at whose end y and x·w are read again."""
    b = GraphBuilder()
    x, w = b.input("x", (size, size), "float32"), b.input("w", (size, size), "float32")
    made = b.apply("matmul", x, w, **PRODUCT)
    y = made
    for _ in range(cheap):
        y = b.apply(op, y)
    z = b.apply("matmul", y, w, **PRODUCT)
    for _ in range(12):
        z = b.apply("matmul", b.apply("exp", b.apply("neg", b.apply("mul", z, z))), w, **PRODUCT)
    last = b.apply("mul", z, y) if reader == "loop" else b.apply("matmul", z, y, **PRODUCT)
    return b.build({"out": b.apply("sum", b.apply("add", last, b.apply("exp", made)), axes=(0, 1), keepdims=False)})


def stored(graph: Graph, op: str) -> int:
    """How many nodes of a primitive are kept for another loop."""
    return sum(graph.nodes[i].op == op for group in fusion_groups(graph) for i in group.stored)


@pytest.mark.parametrize(
    ("graph", "again"),
    [
        (network(100, reader="product"), False),  # stored anyway, and too small to be stored twice
        (network(512, reader="product"), True),
        (network(512, LONGEST, reader="product"), True),
        (network(512, LONGEST + 1, reader="product"), False),  # too much to do twice
        (network(512, op="exp", reader="product"), False),  # too dear
        (network(512, op="sigmoid", reader="product"), False),
        (network(512), True),
        (network(64), False),
    ],
)
def test_what_is_computed_anew(graph: Graph, again: bool) -> None:
    assert 64 * 64 * 4 < SMALLEST <= 100 * 100 * 4 < LARGE <= 512 * 512 * 4
    after = rematerialise(graph)
    assert (len(after.nodes) > len(graph.nodes)) == again
    assert (after is graph) == (not again)


def test_a_value_that_only_loops_read_is_not_kept_at_all() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (128, 128), "float32"), b.input("w", (128, 128), "float32")
    made = b.apply("matmul", x, w, **PRODUCT)
    centred = b.apply("sub", made, x)
    scaled = b.apply("mul", centred, centred)
    positive = b.apply("maximum", b.apply("add", scaled, x), x)
    z = b.apply("matmul", positive, w, **PRODUCT)
    graph = b.build({"a": b.apply("mul", z, scaled), "b": b.apply("mul", z, centred), "c": b.apply("exp", centred)})
    after = rematerialise(graph)
    assert (stored(graph, "mul"), stored(after, "mul")) == (3, 2)  # two are results
    assert stored(after, "sub") == stored(graph, "sub") == 1
    inputs = {name: np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32) for name in "xw"}
    before, then = evaluate(graph, inputs), evaluate(after, inputs)
    for (name, i), (same, j) in zip(graph.outputs, after.outputs, strict=True):
        assert name == same
        np.testing.assert_array_equal(before[i], then[j])


def test_it_is_deterministic_and_does_the_same_once_only() -> None:
    once = rematerialise(network(512))
    assert once.digest() == rematerialise(network(512)).digest()


@pytest.mark.parametrize("depth", [1, 2])
def test_a_step_needs_less_memory_and_does_the_same(depth: int) -> None:
    weft.manual_seed(0)
    _, step = training_step(weft.nn, weft.optim, "cpu", depth)
    images, labels = weft.rand(8, 3, 32, 32).to("cpu"), weft.tensor(np.arange(8) % 10).to("cpu")
    graph = weft.jit(step).lower(images, labels)
    plain, spared = (planned(run(graph, names)) for names in (WITHOUT, PIPELINES["cpu"]))
    assert spared.peak_bytes < 0.85 * plain.peak_bytes
    rng = np.random.default_rng(1)
    inputs = {
        node.attr("name"): (
            rng.integers(0, 10, node.shape) if node.dtype.kind == "int" else abs(rng.normal(size=node.shape)) + 0.1
        ).astype(node.dtype.numpy)
        for node in (graph.nodes[i] for i in graph.inputs)
    }
    budget = ThreadBudget(1)
    one, two = (CpuExecutable(run(graph, names), budget)(inputs) for names in (WITHOUT, PIPELINES["cpu"]))
    for name, value in {**one.outputs, **one.state}.items():  # sums go over the elements in another order
        np.testing.assert_allclose({**two.outputs, **two.state}[name], value, rtol=0, atol=3e-6 * abs(value).max())
