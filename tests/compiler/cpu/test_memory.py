"""Views without copies, the memory plan, and results in the place of operands."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from weft.compiler.errors import InternalError
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu import buffers
from weft.compiler.targets.cpu.buffers import place_temporaries, update_in_place
from weft.compiler.targets.cpu.contents import check_contents
from weft.compiler.targets.cpu.loops import LoopNest
from weft.compiler.targets.cpu.lower import Lowered, lower
from weft.compiler.targets.cpu.memory import ALIGNMENT, MemoryPlan, TemporaryLiveRange, plan_memory
from weft.compiler.targets.cpu.program import Gemm
from weft.compiler.targets.cpu.views import contiguous, reshaped
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}


@pytest.mark.parametrize("seed", range(30))
def test_no_two_living_buffers_share_a_byte(seed: int) -> None:
    rng = random.Random(seed)
    lives = {}
    for buffer in range(40):
        first = rng.randrange(50)
        lives[buffer] = TemporaryLiveRange(rng.choice((0, 4, 100, 4096)), first, first + rng.randrange(12))
    plan = plan_memory(lives)
    for a in lives:
        assert plan.offsets[a] % ALIGNMENT == 0
        assert plan.offsets[a] + lives[a].size <= plan.size
        for b in lives:
            if a < b and lives[a].meets(lives[b]):
                apart = plan.offsets[a] + lives[a].size <= plan.offsets[b]
                assert apart or plan.offsets[b] + lives[b].size <= plan.offsets[a]


def test_a_chain_needs_two_buffers() -> None:
    plan = plan_memory({n: TemporaryLiveRange(1024, n, n + 1) for n in range(20)})
    assert plan.size == 2048


@pytest.mark.parametrize(
    ("shape", "order", "wanted", "copies"),
    [
        ((2, 3, 4), (0, 1, 2), (6, 4), False),
        ((2, 3, 4), (0, 1, 2), (2, 12), False),
        ((2, 3, 4), (2, 0, 1), (4, 6), False),
        ((2, 3, 4), (2, 0, 1), (4, 1, 2, 3), False),
        ((2, 3, 4), (1, 0, 2), (6, 4), True),
        ((6, 4), (1, 0), (4, 2, 3), False),
        ((6, 4), (1, 0), (24,), True),
        ((1, 1), (0, 1), (), False),
    ],
)
def test_reshape_by_strides(
    shape: tuple[int, ...], order: tuple[int, ...], wanted: tuple[int, ...], copies: bool
) -> None:
    x = np.arange(int(np.prod(shape))).reshape(shape)
    strides = tuple(contiguous(shape)[axis] for axis in order)
    found = reshaped(tuple(shape[axis] for axis in order), strides, wanted)
    assert (found is None) == copies
    if found is not None:
        seen = np.lib.stride_tricks.as_strided(x, wanted, [s * x.itemsize for s in found])
        np.testing.assert_array_equal(seen, x.transpose(order).reshape(wanted))


def lowered(graph: Graph) -> Lowered:
    return update_in_place(lower(graph, has_sgemm=True))


def test_a_gradient_is_made_where_the_new_momentum_will_lie() -> None:
    b = GraphBuilder()
    x, v = b.input("x", (4, 4), "float32"), b.input("v", (4, 4), "float32", "state")
    g = b.apply("matmul", x, x, **PRODUCT)
    product, loop = lowered(b.build(updates={"v": b.apply("add", v, g)})).steps
    assert isinstance(product, Gemm)
    assert isinstance(loop, LoopNest)
    assert product.out.buffer == loop.stores[0].window.buffer


def test_an_operand_read_again_later_is_not_overwritten() -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 4), "float32")
    g = b.apply("matmul", x, x, **PRODUCT)
    first, loop, _ = lowered(b.build({"y": b.apply("matmul", b.apply("exp", g), g, **PRODUCT)})).steps
    assert isinstance(first, Gemm)
    assert isinstance(loop, LoopNest)
    assert first.out.buffer != loop.stores[0].window.buffer


def test_an_operand_read_transposed_is_not_overwritten() -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 4), "float32")
    g = b.apply("matmul", x, x, **PRODUCT)
    first, loop = lowered(b.build({"y": b.apply("add", g, b.apply("permute", g, order=(1, 0)))})).steps
    assert isinstance(first, Gemm)
    assert isinstance(loop, LoopNest)
    assert first.out.buffer != loop.stores[0].window.buffer


def test_transposed_products_copy_nothing() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (3, 5), "float32"), b.input("w", (7, 3), "float32")
    y = b.apply("matmul", x, w, transpose_a=True, transpose_b=True, accumulate="float32")
    (step,) = lowered(b.build({"y": y})).steps
    assert isinstance(step, Gemm)


def _checked(seed: int) -> None:
    single = lower(pipeline.run(random_graph(seed, 24), ["barriers"]), has_sgemm=True)
    shared = update_in_place(single)
    check_contents(single, shared, place_temporaries(shared))


def _found(seeds: range) -> int:
    """For how many graphs the check finds a value that is lost."""
    found = 0
    for seed in seeds:
        try:
            _checked(seed)
        except InternalError as error:
            found += "memory: " in str(error)
    return found


def test_shared_memory_holds_every_value_until_its_last_reader() -> None:
    assert _found(range(200)) == 0


def test_an_operand_overwritten_in_another_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "same_place", lambda a, b: True)
    assert _found(range(600, 800)) > 0


def test_living_buffers_in_one_place_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "plan_memory", lambda lives: MemoryPlan(dict.fromkeys(lives, 0), 1 << 20))
    assert _found(range(50)) > 10


def test_an_operand_overwritten_before_its_last_reader_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = buffers._spans

    def shortened(lowered: Lowered) -> dict[int, buffers._Span]:
        return {buffer: replace(span, last=span.first + 1) for buffer, span in whole(lowered).items()}

    monkeypatch.setattr(buffers, "_spans", shortened)
    assert _found(range(50)) > 10
