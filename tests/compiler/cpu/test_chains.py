"""Steps that are walked together: what becomes one walk over rows, that it is right, and what may not be joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from weft.compiler.fuzz.subjects import Subject
from weft.compiler.fuzz.trial import judge
from weft.compiler.fuzz.values import random_values
from weft.compiler.targets.cpu import threads
from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.chaining import chained
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.lower import Lowered, lower
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.jit import trace
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor

Function = Callable[..., Tensor]
Shape = tuple[int, ...]


def with_gradients(function: Function) -> Callable[..., tuple[Tensor | None, ...]]:
    """The gradients of a sum of squares of what a function gives."""

    def run(*inputs: Tensor) -> tuple[Tensor | None, ...]:
        leaves = [x.detach().requires_grad_() for x in inputs]
        y = function(*leaves)
        (y * y).sum().backward()
        return tuple(x.grad for x in leaves)

    return run


def graph_of(function: Callable[..., object], shapes: Sequence[Shape]) -> Graph:
    return trace(function, *(tensor(np.ones(shape, np.float32)) for shape in shapes))


def prepared(graph: Graph) -> Graph:
    return CpuDevice(threads=1).prepared(graph)


def io_bytes(graph: Graph) -> int:
    return sum(graph.nodes[i].size * graph.nodes[i].dtype.itemsize for i in (*graph.inputs, *graph.results))


LABELS = tensor(np.arange(60, dtype=np.int32) % 37)
ROWS: list[Shape] = [(60, 37)]
NORM: list[Shape] = [(3, 21, 50), (50,), (50,)]
HEADS: list[Shape] = [(3, 4, 33, 16)] * 3

ONE_WALK: dict[str, tuple[Function, list[Shape]]] = {
    "softmax": (lambda x: F.softmax(x, -1), ROWS),
    "log_softmax": (lambda x: F.log_softmax(x, -1), ROWS),
    "softmax of work on rows": (lambda x: F.softmax(F.relu(x * 3.0 - 1.0), -1) * 2.0 + x, ROWS),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (50,), w, b), NORM),
    "rms_norm": (lambda x, w: F.rms_norm(x, (50,), w), NORM[:2]),
    "group_norm": (lambda x, w, b: F.group_norm(x, 4, w, b), [(3, 16, 5, 7), (16,), (16,)]),
    "attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v), HEADS),
    "attention with more keys": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v), [(3, 4, 9, 16), (3, 4, 70, 16), (3, 4, 70, 8)],
    ),
    "attention with a mask": (
        lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, attn_mask=mask), [*HEADS, (33, 33)],
    ),
}  # fmt: skip
"""What is one kernel that touches its inputs and results alone."""
WITH_GRADIENTS = ("softmax", "log_softmax", "softmax of work on rows", "attention", "attention with more keys")
"""Those whose gradients are too; the weights of a norm need a sum over all rows besides."""
SUMS_OVER_ROWS = {"layer_norm": 2, "rms_norm": 2, "group_norm": 2, "attention with a mask": 2}


@pytest.mark.parametrize("name", ONE_WALK)
def test_one_walk_over_rows(name: str) -> None:
    """One kernel; of all that lies between its inputs and its results nothing is written to memory."""
    graph = graph_of(*ONE_WALK[name])
    found = CpuDevice(threads=1).compile(graph).counts
    assert (found.kernels, found.bytes) == (1, io_bytes(prepared(graph)))
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 1), 1).problem is None


@pytest.mark.parametrize("name", ONE_WALK)
def test_one_walk_over_rows_with_gradients(name: str) -> None:
    function, shapes = ONE_WALK[name]
    graph = graph_of(with_gradients(function), shapes)
    found = CpuDevice(threads=1).compile(graph).counts
    assert found.kernels == 1 + SUMS_OVER_ROWS.get(name, 0)
    if name in WITH_GRADIENTS:
        assert found.bytes == io_bytes(prepared(graph))
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 1), 1).problem is None


def test_the_loss_of_a_classifier() -> None:
    """Logarithms of probabilities, what is picked of them and its sum of a row are one walk; so is the gradient."""

    def loss(x: Tensor) -> tuple[Tensor, Tensor | None]:
        leaf = x.detach().requires_grad_()
        value = F.cross_entropy(leaf, LABELS)
        value.backward()
        return value, leaf.grad

    graph = graph_of(loss, ROWS)
    found = CpuDevice(threads=1).compile(graph).counts
    assert found.kernels <= 4
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 1), 1).problem is None


@pytest.mark.parametrize(("gradients", "times"), [(False, 1.5), (True, 4.0)])
@pytest.mark.parametrize("shape", [(16, 8, 12, 12), (5, 3, 40)])
def test_statistics_of_channels_are_one_walk_over_channels(shape: Shape, gradients: bool, times: float) -> None:
    """Channels are not outermost, so what lies between is written where images lie; but it is read from the cache."""

    def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, weight, bias, training=True)

    shapes = [shape, shape[1:2], shape[1:2]]
    graph = graph_of(with_gradients(norm) if gradients else norm, shapes)
    found = CpuDevice(threads=1).compile(graph).counts
    assert found.kernels == 1
    assert found.bytes <= times * io_bytes(prepared(graph))
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 1), 1).problem is None


@pytest.mark.parametrize("gradients", [False, True])
def test_a_causal_mask_is_made_before_the_walk_that_reads_it(gradients: bool) -> None:
    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    graph = graph_of(with_gradients(attention) if gradients else attention, HEADS)
    found = CpuDevice(threads=1).compile(graph).counts
    assert found.kernels == 2
    assert found.bytes <= io_bytes(prepared(graph)) + 2 * 4 * 33 * 33
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 1), 1).problem is None


@pytest.mark.parametrize("seed", range(40))
def test_random_rows(seed: int) -> None:
    """Elementwise work, sums and maxima over either axis, transposes and products, one after the other at random: each
    node judged, and the whole against the judged values, alone and in parts."""
    numbers = np.random.default_rng(seed)
    rows, columns = (int(n) for n in numbers.integers(2, 40, 2))
    b = GraphBuilder()
    values = [b.input(f"x{n}", (4, rows, columns), "float32") for n in range(2)]

    def spread(x: int, op: str, axes: tuple[int, ...]) -> int:
        return b.apply("broadcast_to", b.apply(op, x, axes=axes, keepdims=True), shape=(4, rows, columns))

    for _ in range(12):
        x, y = (values[int(n)] for n in numbers.integers(max(0, len(values) - 4), len(values), 2))
        kind = numbers.integers(7)
        axes = ((2,), (1, 2), (1,), (0,), (0, 2))[int(numbers.integers(5))]
        if kind < 3:
            made = b.apply(("add", "sub", "maximum")[kind], x, spread(y, "max" if kind == 1 else "sum", axes))
            made = b.apply("tanh", made)
        elif kind == 3:
            made = b.apply("neg", b.apply("abs", b.apply("sub", x, y)))
        elif kind == 4:
            made = b.apply("reshape", b.apply("permute", x, order=(0, 2, 1)), shape=(4, rows, columns))
        else:
            square = b.apply("matmul", x, y, transpose_a=False, transpose_b=True, accumulate="float32")
            made = b.apply("matmul", b.apply("tanh", square), x, transpose_a=kind == 5, transpose_b=False,
                           accumulate="float32")  # fmt: skip
        values.append(made)
    graph = b.build({"y": values[-1], "z": values[-3]})
    assert judge(Subject(CpuDevice()), graph, random_values(graph, seed), 1).problem is None


def _walked(graph: Graph) -> list[Chain]:
    return [step for step in _chained(graph).steps if isinstance(step, Chain)]


def _chained(graph: Graph) -> Lowered:
    return chained(lower(graph, True), 1)


def _sum(b: GraphBuilder, x: int, *axes: int) -> int:
    return b.apply("broadcast_to", b.apply("sum", x, axes=axes, keepdims=True), shape=b.shape(x))


def test_a_value_that_others_read_too_is_in_memory() -> None:
    """A result, and what a sum over all rows reads: written once, and read in the walk where it was made."""
    b = GraphBuilder()
    x = b.input("x", (500, 40), "float32")
    y = b.apply("exp", x)
    z = b.apply("div", y, _sum(b, y, 1))
    w = b.apply("tanh", _sum(b, z, 1))
    total = b.apply("sum", b.apply("reshape", y, shape=(20_000,)), axes=(0,), keepdims=True)
    graph = b.build({"y": y, "w": w, "all": total})
    (chain,) = _walked(graph)
    assert len(chain.steps) == 3
    size = 4 * 500 * 40
    assert CpuDevice(threads=1).compile(graph).counts.bytes == 4 * size + 4
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 0), 1).problem is None


def test_sums_over_rows_end_a_walk() -> None:
    """What needs all rows comes after them."""
    b = GraphBuilder()
    x = b.input("x", (50, 40), "float32")
    y = b.apply("div", x, _sum(b, x, 1))
    z = b.apply("sub", y, _sum(b, y, 0))
    graph = b.build({"w": b.apply("div", z, _sum(b, z, 1))})
    assert [len(chain.steps) for chain in _walked(graph)] == [2]
    assert CpuDevice(threads=1).compile(graph).counts.kernels == 3
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 0), 1).problem is None


def test_what_is_read_across_rows_is_not_joined() -> None:
    b = GraphBuilder()
    x = b.input("x", (50, 50), "float32")
    y = b.apply("div", x, _sum(b, x, 1))
    graph = b.build({"z": b.apply("sub", y, b.apply("exp", b.apply("permute", y, order=(1, 0))))})
    assert [len(chain.steps) for chain in _walked(graph)] == [2]
    assert judge(Subject(CpuDevice()), graph, random_values(graph, 0), 1).problem is None


def test_attention_needs_memory_for_a_few_heads_alone() -> None:
    """However many heads there are: their scores have memory for one of them, and each thread."""
    needed = set()
    for heads in (8, 32):
        function, _ = ONE_WALK["attention"]
        graph = graph_of(function, [(2, heads, 64, 32)] * 3)
        needed.add(CpuDevice(threads=1).compile(graph).arena_bytes)
    assert len(needed) == 1
    assert needed.pop() < 4 * 4 * 64 * 64


@pytest.mark.parametrize("name", ["softmax", "layer_norm", "attention"])
def test_walks_give_the_same_bits_for_any_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 5)
    shapes: dict[str, list[Shape]] = {
        "softmax": [(3000, 37)], "layer_norm": [(7, 201, 50), (50,), (50,)], "attention": [(3, 7, 65, 16)] * 3
    }  # fmt: skip
    graph = graph_of(with_gradients(ONE_WALK[name][0]), shapes[name])
    values = random_values(graph, 0)
    found = set()
    for number in (1, 2, 3, 5):
        executable = CpuDevice(threads=number).compile(graph)
        assert (executable.divided > 0) == (number > 1)
        found |= {b"".join(array.tobytes() for array in executable(values).outputs.values()) for _ in range(4)}
    assert len(found) == 1
