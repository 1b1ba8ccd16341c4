"""What the accelerator lacks is written in what it has, and divisions are scaled where they must be, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.compiler.models import mlp_step
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.fuzz.values import random_values
from weft.compiler.passes.machine_functions import FORMS, machine_functions
from weft.compiler.passes.magnitude import Magnitudes
from weft.compiler.targets.accel.capabilities import CAPABILITIES
from weft.compiler.targets.accel.expand import ELEMENTWISE
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.nn import functional as F
from weft.framework.primitives import PRIMITIVES
from weft.framework.reference import evaluate
from weft.framework.tensor import Tensor


def lowered(f: Callable[..., Any], *shapes: tuple[int, ...]) -> Graph:
    return machine_functions(jit(f).lower(*(Tensor(np.ones(shape, np.float32)) for shape in shapes)))


def ops(graph: Graph) -> set[str]:
    return {node.op for node in graph.nodes}


def test_every_elementwise_primitive_has_an_instruction_or_a_form() -> None:
    written = {op for op, _ in ELEMENTWISE} | set(FORMS) | {"cast"}
    lacking = {"atan2", "cos", "floor", "int_div", "pow", "rem", "round", "shift_left", "shift_right", "sin", "xor"}
    assert {name for name, p in PRIMITIVES.items() if p.group == "elementwise"} == written | lacking
    assert not lacking & set(CAPABILITIES.table)
    assert written <= set(CAPABILITIES.table)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("op", FORMS)
def test_forms_hold_no_form_and_compute_in_float32(op: str, dtype: str) -> None:
    b = GraphBuilder()
    graph = machine_functions(b.build({"y": b.apply(op, b.input("x", (2, 3), dtype))}))
    assert not ops(graph) & {*FORMS, "div"}
    assert graph.nodes[graph.outputs[0][1]].dtype.name == dtype
    computed = [n for n in graph.nodes if n.op not in ("input", "cast", "constant", "broadcast_to")]
    assert {n.dtype.name for n in computed} <= {"float32", "bool"}


@pytest.mark.parametrize(
    ("f", "shapes", "scaled"),
    [
        (lambda a, b: a / b, ((2, 3), (2, 3)), True),
        (lambda a, b: a / (b + 1), ((2, 3), (2, 3)), True),
        (lambda a, b: a / (b.sqrt() + 1e-8), ((2, 3), (2, 3)), False),
        (lambda a, b: a / (b.sigmoid() + 1), ((2, 3), (2, 3)), False),
        (lambda a, b: a / ((-b.abs()).exp() + 1), ((2, 3), (2, 3)), False),
        (lambda a, b: a / 3, ((2, 3), (2, 3)), False),
        (lambda a, b: a / 1e38, ((2, 3), (2, 3)), True),
        (lambda a: F.softmax(a, 1), ((2, 3),), False),
        (lambda a: F.softmax(a, 0), ((2, 3),), False),
        (lambda a: a.exp() / a.exp().sum(), ((2, 3),), True),
    ],
)
def test_only_a_divisor_that_may_be_huge_is_scaled(
    f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], scaled: bool
) -> None:
    graph = lowered(f, *shapes)
    assert ("div" not in ops(graph)) == scaled


def test_the_divisions_of_a_training_step_stay() -> None:
    graph = mlp_step((6, 9, 4), 5)
    assert "div" in ops(graph)
    assert machine_functions(graph).digest() == graph.digest()


def test_no_value_exceeds_its_magnitude() -> None:
    finite = 0
    for seed in range(150):
        graph = random_graph(seed)
        bounds = Magnitudes(graph.nodes)
        for index, value in enumerate(evaluate(graph, random_values(graph, seed))):
            bound = bounds.of(index)
            finite += np.isfinite(bound) and graph.nodes[index].op not in ("constant", "broadcast_to")
            with np.errstate(all="ignore"):
                size = np.abs(value.astype(np.float64))
                assert not (size[np.isfinite(size)] > bound).any(), f"seed {seed}: %{index} of\n{graph}"
    assert finite > 100


def test_a_magnitude_is_found_in_little_time_however_often_a_node_is_used() -> None:
    b = GraphBuilder()
    x = b.apply("sigmoid", b.input("x", (2,), "float32"))
    for _ in range(2000):
        x = b.apply("add", x, x)
    assert Magnitudes(b.nodes).of(x) == np.inf
