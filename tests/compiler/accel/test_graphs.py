"""Tests of graphs on the accelerator: every node against float64, state, views, and what is refused."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from tests.compiler.accel.support import image, judged, observe, results, sound
from tests.compiler.models import logistic_step, mlp_step, starting_values
from tests.sampling import sampled
from weft.compiler.accuracy import ACCEL
from weft.compiler.check import check_nodes
from weft.compiler.errors import CompileError
from weft.compiler.targets.accel.compile import compile, prepared
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.origin import Origin
from weft.isa.machine import Machine, from_dict, load
from weft.sim.engines import get_engine


def _odd() -> Machine:
    """A machine with unusual numbers: few banks are large, queues are short, the loop buffer is tiny."""
    return from_dict(
        {
            "name": "odd", "dim": 8, "types": ["bf16", "int8"], "scratchpad": {"bytes": 16384},
            "accumulator": {"bytes": 16384, "banks": 8}, "bus": {"bytes": 4, "burst": 16}, "dram": {"latency": 37},
            "queues": {"load": 2, "matrix": 2, "vector": 2, "store": 2, "outstanding": 2, "loop": 4},
            "pipeline": {"mac": 2, "accumulate": 3, "vector": 7, "reduce": 5},
        }
    )  # fmt: skip


@pytest.mark.parametrize("seed", sampled(range(50), 15))
def test_random_networks_train_right_node_by_node(seed: int) -> None:
    rng = random.Random(seed)
    widths = [rng.randint(1, 70) for _ in range(rng.randint(1, 4) + 1)]
    graph = mlp_step(widths, rng.randint(1, 65))
    machine = (load("nano"), load("edu"), _odd())[seed % 3]
    assert judged(graph, machine, starting_values(graph, seed)) > 20


@pytest.mark.parametrize("bus", [8, 16])
def test_random_networks_train_right_where_a_beat_is_more_than_the_array_is_wide(bus: int) -> None:
    machine = load("nano", {"bus.bytes": bus})
    for seed in range(100, 106):
        rng = random.Random(seed)
        graph = mlp_step([rng.randint(1, 70) for _ in range(rng.randint(2, 4))], rng.randint(1, 65))
        assert judged(graph, machine, starting_values(graph, seed)) > 20


@pytest.mark.parametrize("machine", ["nano", "edu"])
def test_logistic_regression_trains_right_node_by_node(machine: str) -> None:
    for features, batch in ((13, 33), (1, 1), (64, 8)):
        graph = logistic_step(features, batch)
        judged(graph, load(machine), starting_values(graph, 1))


def test_fused_programs_give_what_the_graph_means() -> None:
    for graph, machine in ((mlp_step((12, 20, 7), 19), "nano"), (mlp_step((64, 40, 10), 30), "edu")):
        labels = np.arange(graph.nodes[graph.input_names["y"]].size, dtype=np.int32) % 7
        values = starting_values(graph, 3) | {"y": labels}
        outputs, states = reference.run(prepared(graph), values)
        for name, value in results(graph, load(machine), values).items():
            wanted = {**outputs, **states}[name]
            # Sums in another order may round a bfloat16 operand the other way.
            np.testing.assert_allclose(value, wanted, atol=2.0**-8 * max(np.abs(wanted).max(), 2.0**-8), err_msg=name)


def test_the_plain_interpreter_computes_the_same_bytes() -> None:
    graph = mlp_step((6, 9, 4), 5)
    program = sound(compile(graph, load("nano")))
    dram = image(program, starting_values(graph, 2) | {"y": np.array([0, 1, 2, 3, 0], np.int32)})
    a, b = (get_engine(name).run(program, dram) for name in ("fast", "interp"))
    np.testing.assert_array_equal(a.dram, b.dram)
    np.testing.assert_array_equal(a.accumulator, b.accumulator)


def test_a_wrong_value_is_found() -> None:
    graph = mlp_step((6, 9, 4), 5)
    values = observe(graph, load("nano"), starting_values(graph, 2))
    for index, node in enumerate(prepared(graph).nodes):
        if index in values and node.op in ("exp", "matmul", "sum", "cast", "mul"):
            wrong = values[index].astype(np.float64) * (1 + 2.0**-6) + 2.0**-6
            errors = check_nodes(prepared(graph), values | {index: wrong.astype(node.dtype.numpy)}, ACCEL)
            assert any(e.index == index and e.ratio > 1 and f"%{index} = {node.op}" in e.text for e in errors)


def _awkward(build: str) -> Graph:
    """Values that one kernel would need in two roles, or at two times."""
    b = GraphBuilder()
    v, x = b.input("v", (9,), "float32"), b.input("x", (9, 9), "float32")

    def over(op: str, index: int) -> int:
        axes = tuple(range(len(b.shape(index))))
        return b.apply("broadcast_to", b.apply(op, index, axes=axes, keepdims=True), shape=b.shape(index))

    def outer(a: int, c: int) -> int:
        column = b.apply("broadcast_to", b.apply("reshape", a, shape=(9, 1)), shape=(9, 9))
        return b.apply("add", column, b.apply("broadcast_to", c, shape=(9, 9)))

    made = {
        "a value as row and as column": lambda: outer(b.apply("exp", v), b.apply("exp", v)),
        "one value as row and as column": lambda: outer(*[b.apply("exp", v)] * 2),
        "a maximum of maxima": lambda: over("max", over("max", x)),
        "a sum of sums": lambda: over("sum", over("sum", v)),
        "a softmax beside a matrix": lambda: b.apply(
            "maximum", x, b.apply("broadcast_to", b.apply("div", b.apply("exp", v), over("sum", v)), shape=(9, 9))
        ),
    }[build]
    return b.build({"y": made()})


@pytest.mark.parametrize("machine", ["nano", "edu"])
@pytest.mark.parametrize(
    "build",
    ["a value as row and as column", "one value as row and as column", "a maximum of maxima", "a sum of sums",
     "a softmax beside a matrix"],
)  # fmt: skip
def test_what_does_not_fit_one_kernel_takes_several(build: str, machine: str) -> None:
    graph = _awkward(build)
    rng = np.random.default_rng(0)
    judged(graph, load(machine), {"v": rng.random(9, np.float32), "x": rng.random((9, 9), np.float32)})


def _two_states(update: str) -> Graph:
    b = GraphBuilder()
    one, two = (b.input(name, (5, 9), "float32", "state") for name in ("one", "two"))
    new = {
        "swapped": {"one": two, "two": one},
        "same": {"one": b.apply("add", one, two), "two": b.apply("add", one, two)},
        "crossed": {"one": b.apply("add", one, two), "two": b.apply("sub", one, two)},
    }[update]
    return b.build({"old": one, "new": new["one"]}, new)


@pytest.mark.parametrize("update", ["swapped", "same", "crossed"])
def test_states_change_all_at_once(update: str) -> None:
    graph = _two_states(update)
    rng = np.random.default_rng(0)
    values = {name: rng.integers(-9, 9, (5, 9)).astype(np.float32) for name in ("one", "two")}
    outputs, states = reference.run(graph, values)
    found = results(graph, load("nano"), values)
    for name, value in {**outputs, **states}.items():
        np.testing.assert_array_equal(found[name], value, name)


def test_a_state_is_rewritten_in_place_without_a_copy() -> None:
    b = GraphBuilder()
    w = b.input("w", (64, 64), "float32", "state")
    program = compile(b.build({}, {"w": b.apply("mul", w, w)}), load("edu"))
    moved = [i for i in program.instructions if i.name in ("load", "store")]
    assert {"load", "store"} == {i.name for i in moved}
    assert sum(i["bytes"] * i["count0"] for i in moved) == 2 * 64 * 64 * 4


def _refused(build: str) -> Graph:
    b = GraphBuilder()
    x = b.input("x", (4, 6), "float32")
    i = b.input("i", (4, 6), "int8")
    cube = b.input("c", (2, 4, 6), "float32")
    made = {
        "permute": lambda: b.apply("permute", x, order=(1, 0)),
        "reshape": lambda: b.apply("reshape", x, shape=(24,)),
        "axis": lambda: b.apply("sum", cube, axes=(1,), keepdims=False),
        "part": lambda: b.apply("slice", b.apply("exp", x), starts=(1, 2), stops=(2, 3), steps=(1, 1)),
        "rows": lambda: b.apply("sum", cube, axes=(2,), keepdims=False),
        "turned": lambda: b.apply("permute", b.input("t", (8, 6, 1), "float32"), order=(1, 0, 2)),
        "wrap": lambda: b.apply("add", i, i),
        "batch": lambda: b.apply("matmul", cube, cube, transpose_a=False, transpose_b=True, accumulate="float32"),
        "wide": lambda: b.apply("sum", b.apply("cast", i, dtype="int64"), axes=(0, 1), keepdims=False),
        "slice": lambda: b.apply("slice", x, starts=(0, 0), stops=(2, 2), steps=(1, 1)),
    }[build]
    with b.origin(Origin("model.py:3", "block", "Linear")):
        return b.build({"y": made()})


@pytest.mark.parametrize(
    ("build", "text"),
    [
        ("permute", "[4, 6] to [6, 4] would move elements; nearest: a reshape that keeps the last axis, or"),
        ("reshape", "[4, 6] to [24] would move elements"),
        ("axis", "it reduces axes [1] of [2, 4, 6]; nearest: the last axis, all the others, or all axes"),
        ("part", "the vector unit has no slice of float32"),
        ("rows", "one value for each row of [2, 4, 6] would be moved into rows of [2, 4]; nearest: keepdims=True"),
        ("turned", "[8, 6, 1] to [6, 8, 1] would move elements"),
        ("wrap", "int8 results would saturate, not wrap; nearest: a cast to int32 first"),
        ("batch", "it has batch axes; nearest: a product of two matrices"),
        ("slice", "the vector unit has no slice of float32"),
        ("wide", "32 bits, so it has no int64; nearest: int32 (x.int()), or for a sum float32 (x.float().sum()"),
    ],
)
def test_what_cannot_run_is_refused_with_node_reason_and_remedy(build: str, text: str) -> None:
    with pytest.raises(CompileError, match=re.escape(text)) as caught:
        compile(_refused(build), load("edu"))
    assert re.match(r"%\d+ = \w+ \(\w+\[.*\], model\.py:3 in block \(Linear\)\)", str(caught.value))


def test_a_row_that_does_not_fit_says_what_it_needs() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 300), "float32")
    graph = b.build({"y": b.apply("max", x, axes=(1,), keepdims=False)})
    text = "its smallest tile of [2, 300] (it needs whole rows at once) still needs 1200 bytes more in one bank"
    with pytest.raises(CompileError, match=re.escape(text)) as caught:
        compile(graph, load("nano"))
    assert "'nano' has 4 banks of 1024 bytes (accumulator.bytes = 4096)" in str(caught.value)


def test_values_that_do_not_fit_in_dram_say_so() -> None:
    b = GraphBuilder()
    x = b.input("x", (2048, 2048), "float32")
    graph = b.build({"y": b.apply("neg", x)})
    text = "does not fit: it needs 33554432 bytes of DRAM (the largest: x float32[2048, 2048] 16777216, y float32"
    with pytest.raises(CompileError, match=re.escape(text)) as caught:
        compile(graph, load("nano"))
    assert "'nano' has 16777216 (dram.bytes)" in str(caught.value)


def test_a_machine_without_bfloat16_says_so() -> None:
    with pytest.raises(CompileError, match="'edge-int8' multiplies int8 only; nearest: int8 operands"):
        compile(mlp_step((4, 3), 2), load("edge-int8"))
