"""The small IR that the first labs share, and the recorded step of lab 2 against the tracer of lab 1."""

from __future__ import annotations

import importlib
import itertools
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LABS = Path(__file__).parents[2] / "labs"
FOLDERS = ("common", "1-autodiff", "2-passes")
MODULES = ("ir", "tracer", "autodiff", "data", "train", "sample", "passes", "algebra", "manager")


@pytest.fixture(scope="module")
def lab() -> Iterator[types.SimpleNamespace]:
    """The labs' modules, imported from their folders, and forgotten afterwards."""
    folders = [str(LABS / folder) for folder in FOLDERS]
    kept = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    sys.path[:0] = folders
    try:
        yield types.SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        del sys.path[: len(folders)]
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def test_a_graph_is_built_printed_and_evaluated(lab: Any) -> None:
    b = lab.ir.Builder()
    x = b.input("x", (3,), "float32")
    total = b.apply("sum", b.apply("mul", x, b.constant([2, 3, 4], "float32")), axes=(0,))
    graph = b.build(total, x)
    assert str(graph).splitlines() == [
        "%0 = input(name='x') : float32[3]",
        "%1 = constant([2., 3., 4.]) : float32[3]",
        "%2 = mul(%0, %1) : float32[3]",
        "%3 = sum(%2, axes=(0,)) : float32[]",
        "output %3, %0",
    ]
    value, same = lab.ir.evaluate(graph, {"x": [1, 10, 100]})
    assert (value, value.dtype, same.tolist()) == (432.0, np.float32, [1, 10, 100])
    lab.ir.validate(graph)


@pytest.mark.parametrize(
    ("op", "shapes", "attrs", "text"),
    [
        ("add", [(2, 3), (3,)], {}, "add cannot take float64[2, 3] and float64[3]"),
        ("matmul", [(2, 3), (2, 3)], {}, "matmul cannot take float64[2, 3] and float64[2, 3]"),
        ("sum", [(2,)], {"axes": (1,)}, "sum cannot take float64[2], axes=(1,)"),
        ("broadcast", [(2,)], {"shape": (2, 3)}, "broadcast cannot take float64[2], shape=(2, 3)"),
        ("reshape", [(2,)], {"shape": (3,)}, "reshape cannot take float64[2], shape=(3,)"),
        ("exp", [(2,), (2,)], {}, "exp cannot take float64[2] and float64[2]"),
        ("sum", [(2,)], {}, "sum cannot take float64[2]"),
        ("tanh", [(2,)], {}, "tanh cannot take float64[2]"),
    ],
)
def test_what_does_not_fit_is_refused(lab: Any, op: str, shapes: Any, attrs: Any, text: str) -> None:
    b = lab.ir.Builder()
    operands = [b.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    with pytest.raises(lab.ir.GraphError) as caught:
        b.apply(op, *operands, **attrs)
    assert str(caught.value) == text


def test_different_dtypes_are_refused(lab: Any) -> None:
    b = lab.ir.Builder()
    with pytest.raises(lab.ir.GraphError, match=r"^add cannot take float32\[\] and float64\[\]$"):
        b.apply("add", b.input("x", (), "float32"), b.input("y"))


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "exp", "log", "relu", "step", "matmul", "transpose"])
def test_shapes_and_dtypes_are_what_numpy_gives(lab: Any, op: str) -> None:
    binary = [(2, 3), (3, 4)] if op == "matmul" else [(2, 3), (2, 3)]
    shapes = binary if op in ("add", "sub", "mul", "div", "matmul") else [(2, 3)]
    arrays = [np.full(shape, 2, np.float32) for shape in shapes]
    value = lab.ir.compute(op, arrays)
    assert (value.shape, str(value.dtype)) == lab.ir.infer(op, arrays, {})
    assert value.flags.c_contiguous


def test_an_illegal_graph_is_named(lab: Any) -> None:
    b = lab.ir.Builder()
    x = b.input("x", (2,))
    e = b.apply("exp", x)
    nodes = list(b.nodes)
    loop = lab.ir.Graph((nodes[0], lab.ir.Node("exp", (1,), (), (2,), "float64")), (1,))
    with pytest.raises(lab.ir.GraphError, match=r"^%1 = exp reads \(1,\), which are not all earlier nodes$"):
        lab.ir.validate(loop)
    wrong = lab.ir.Graph((nodes[0], lab.ir.Node("exp", (0,), (), (3,), "float64")), (1,))
    with pytest.raises(lab.ir.GraphError, match=r"^%1 = exp is declared float64\(3,\), but its operands make it"):
        lab.ir.validate(wrong)
    with pytest.raises(lab.ir.GraphError, match=r"^outputs \(2,\) are not all among the 2 nodes$"):
        lab.ir.validate(b.build(e + 1))


def test_the_sample_of_lab_2_is_what_lab_1_records(lab: Any) -> None:
    parameters = lab.train.initial((6, 5, 3))
    x, y = (lab.tracer.tensor(np.zeros(shape), "float32") for shape in ((4, 6), (4, 3)))
    loss = lab.train.cross_entropy(lab.train.logits(parameters, x), y)
    slopes = lab.autodiff.gradients(loss, parameters)
    updated = [p - 0.1 * g for p, g in zip(parameters, slopes, strict=True)]
    names = dict(zip(("w0", "b0", "w1", "b1"), parameters, strict=True))
    assert lab.tracer.to_graph(loss, *updated, x=x, y=y, **names) == lab.sample.training_step()


def test_one_round_of_passes_is_enough_only_if_dead_code_follows_folding(lab: Any) -> None:
    """What lab 2 says about the 24 orders of its passes."""
    fold, clear = lab.passes.constant_folding, lab.passes.dead_code
    every = (lab.passes.common_subexpressions, fold, lab.algebra.algebra, clear)
    for order in itertools.permutations(every):
        graph = lab.sample.training_step()
        for optimise in order:
            graph = optimise(graph)
        assert len(graph.nodes) == (53 if order.index(clear) > order.index(fold) else 60)
        assert len(lab.manager.run_passes(graph, order)[0].nodes) == 53


def test_two_orders_of_exp_x_need_two_rounds_and_one(lab: Any) -> None:
    """Lab 2's exp(1.0·x) + exp(x): merging comes too early in the manager's order; after algebra it does not."""
    b = lab.ir.Builder()
    x = b.input("x")
    e = b.apply("exp", b.apply("mul", b.constant(1.0), x))
    graph = b.build(b.apply("add", e, b.apply("exp", x)))
    merge, fold = lab.passes.common_subexpressions, lab.passes.constant_folding
    for order, nodes in (
        ((merge, fold, lab.algebra.algebra, lab.passes.dead_code), 4),
        ((fold, lab.algebra.algebra, merge, lab.passes.dead_code), 3),
    ):
        once = graph
        for optimise in order:
            once = optimise(once)
        assert len(once.nodes) == nodes
        assert len(lab.manager.run_passes(graph, order)[0].nodes) == 3
