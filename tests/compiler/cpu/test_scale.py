"""Very large graphs: groups are capped, kernels shared, work grows linearly, and the values stay right.

Work is counted in calls, which do not depend on the machine.
"""

from __future__ import annotations

import functools
import gc
import random
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest

from tests.work import calls
from weft.compiler.passes.algebra import algebra
from weft.compiler.passes.constant_folding import constant_folding
from weft.compiler.passes.fusion import MAX_NODES, fusion_groups
from weft.compiler.targets.cpu import code_limits, program
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.driver import native_driver
from weft.framework.builder import GraphBuilder
from weft.framework.device import NumpyDevice
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.tensor import Tensor

SHAPE = (4, 4)


def chain(n: int) -> Graph:
    """Each operation reads the one before."""
    b, rng = GraphBuilder(), random.Random(0)
    y = x = b.input("x", SHAPE, "float32")
    for _ in range(n):
        y = b.apply(rng.choice(("add", "maximum", "minimum", "sub")), y, x)
    return b.build({"y": y})


def mixed(n: int) -> Graph:
    """Operations of all kinds on some of the last values."""
    b, rng = GraphBuilder(), random.Random(0)
    pool = [b.input("x", SHAPE, "float32")]
    while len(b) < n:
        y, z = rng.choice(pool[-20:]), pool[-1] if rng.random() < 0.5 else rng.choice(pool[-20:])
        match rng.randrange(8):
            case 0:
                v = b.apply("matmul", y, z, transpose_a=False, transpose_b=True, accumulate="float32")
                v = b.apply("mul", v, b.full(0.125, like=v))
            case 1:
                s = b.apply("max", y, axes=(rng.randrange(2),), keepdims=False)
                v = b.apply("broadcast_to", s, shape=SHAPE)
            case 2:
                v = b.apply("permute", y, order=(1, 0))
            case 3:
                v = b.apply("mul", y, b.full(rng.random(), like=y))
            case 4:
                v = b.apply("select", b.apply("lt", y, z), y, z)
            case 5:
                v = b.apply("reshape", b.apply("reshape", y, shape=(16,)), shape=SHAPE)
            case 6:
                v = b.apply("exp", b.apply("minimum", b.apply("neg", y), b.full(0.5, like=y)))
            case _:
                v = b.apply("maximum", y, b.apply("neg", z))
        pool.append(v)
    return b.build({f"y{i}": v for i, v in enumerate(pool[-20:])})


def wide(n: int) -> Graph:
    """Outputs that have nothing in common but their input."""
    b = GraphBuilder()
    x = b.input("x", SHAPE, "float32")
    return b.build({f"y{i}": b.apply("mul", x, b.full(1.5 + i, like=x)) for i in range(n)})


def living(n: int) -> Graph:
    """Products that all live until they are summed up in the order in which they were made."""
    b = GraphBuilder()
    x = b.input("x", SHAPE, "float32")
    flags = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}
    products = [b.apply("matmul", x, b.apply("mul", x, b.full(1.5 + i, like=x)), **flags) for i in range(n)]
    total = products[0]
    for product in products[1:]:
        total = b.apply("matmul", b.apply("minimum", total, product), x, **flags)
    return b.build({"y": total})


def ladder(n: int) -> Graph:
    """Moves of moves, each of which something reads."""
    b = GraphBuilder()
    step, total = b.full(2.5, like=b.input("x", SHAPE, "float32")), 0
    for i in range(n):
        step = b.apply("reshape", step, shape=SHAPE if i % 2 else (16, 1))
        total = b.apply("add", b.apply("reshape", step, shape=SHAPE), total)
    return b.build({"y": total})


def rows(n: int) -> Graph:
    """Every row of a matrix on its own."""
    b = GraphBuilder()
    x = b.input("x", (n, 4), "float32")
    taken = [b.apply("slice", x, starts=(i, 0), stops=(i + 1, 4), steps=(1, 1)) for i in range(n)]
    return b.build({f"y{i}": b.apply("add", row, row) for i, row in enumerate(taken)})


GRAPHS = {f.__name__: f for f in (chain, mixed, wide, living, ladder, rows)}


def inputs(graph: Graph) -> dict[str, Any]:
    shape = graph.nodes[graph.input_names["x"]].shape
    return {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.float32(0.25)}


class NoCode:
    """Stands in for machine code that is never run."""

    def address(self, name: str) -> int:
        return 0


@pytest.mark.parametrize("kind", GRAPHS)
def test_the_work_of_compiling_grows_linearly(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LLVM, whose work is that of the kernels: those are counted."""
    native_driver()
    monkeypatch.setattr(program, "native_module", lambda *made_from, make, provide: (make(), NoCode())[1])
    monkeypatch.setattr(program, "_KERNELS", WeakValueDictionary())
    monkeypatch.setattr(code_limits, "FUSED_WORK", 100)
    kernels: list[int] = []

    def work(size: int) -> int:
        return calls(lambda: kernels.append(CpuDevice().compile(GRAPHS[kind](size)).kernel_count))

    first, second, third = work(150), work(300), work(450)
    assert third - second < 1.25 * (second - first)
    assert kernels[2] < 1.5 * kernels[1] + 20


@pytest.mark.parametrize("simplify", [constant_folding, algebra])
def test_a_long_chain_of_moves_is_walked_once_however_many_read_it(simplify: Callable[[Graph], Graph]) -> None:
    def stairs(n: int) -> Graph:
        b = GraphBuilder()
        step = total = b.input("x", (1,), "float32")
        for i in range(n):
            step = b.apply("broadcast_to" if i % 2 else "reshape", step, shape=(1,) * (i % 2 + 1))
            step = b.apply("reshape", step, shape=(1,))
            total = b.apply("add", total, step)
        return b.build({"y": total})

    first, second = (calls(functools.partial(simplify, stairs(n))) for n in (400, 800))
    assert second < 2.2 * first


@pytest.mark.parametrize("kind", GRAPHS)
def test_large_graphs_have_the_values_of_numpy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_limits, "FUSED_WORK", 300)
    graph = GRAPHS[kind](400)
    found, wanted = (device.compile(graph)(inputs(graph)).outputs for device in (CpuDevice(), NumpyDevice()))
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_groups_are_capped_and_a_chain_makes_as_few_as_can_be() -> None:
    graph = chain(10 * MAX_NODES)
    groups = [group for group in fusion_groups(graph) if group.space is not None]
    assert [len(group.nodes) for group in groups] == [MAX_NODES] * 10
    assert all(len(group.nodes) <= MAX_NODES for group in fusion_groups(mixed(3000)))


def test_steps_that_differ_only_in_their_operands_share_a_kernel() -> None:
    executable = CpuDevice().compile(rows(50))
    assert executable.step_count == 50
    assert executable.kernel_count == 1


def test_numbers_go_to_memory_where_too_many_loops_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_limits, "FUSED_WORK", 10 * (code_limits.LOOP_WORK + 1))
    executable = CpuDevice().compile(wide(500))
    assert (executable.step_count, executable.kernel_count) == (500, 11)


def test_kernels_go_with_the_last_executable_that_has_them() -> None:
    gc.collect()
    before = len(program._KERNELS)
    first, second = CpuDevice().compile(chain(40)), CpuDevice().compile(chain(40))
    gc.collect()
    made = len(program._KERNELS)
    assert made == before + 1
    del first
    assert len(program._KERNELS) == made
    del second
    assert len(program._KERNELS) == before


def test_a_deep_step_is_differentiated_and_compiled_without_recursion() -> None:
    @jit
    def step(x: Tensor) -> Tensor:
        w = x.detach().requires_grad_()
        y = w
        for _ in range(1000):
            y = y * 0.5 + w
        y.sum().backward()
        assert w.grad is not None
        return w.grad

    assert step(Tensor(np.ones(3))).tolist() == [2.0] * 3
