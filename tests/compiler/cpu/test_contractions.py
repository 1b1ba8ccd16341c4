"""Products of the CPU's own code: every shape, stride and way round, in parts, and with what is fused into them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from llvmlite import ir

from weft.compiler.targets.cpu.contraction import Contraction, plan
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.emit import i64
from weft.compiler.targets.cpu.emit_contraction import emit_contraction
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.lower import lower
from weft.compiler.targets.cpu.native import compile_module, new_module
from weft.compiler.targets.cpu.orientation import tile_window
from weft.compiler.targets.cpu.views import contiguous
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

Floats = npt.NDArray[np.float32]
Shape = tuple[int, ...]


def window(buffer: int, shape: Shape, strides: Shape) -> AccessWindow:
    return AccessWindow(buffer, "float32", shape, strides)


def computed(batch: Shape, m: Shape, n: Shape, k: Shape, a: tuple[Floats, Shape], b: tuple[Floats, Shape],
             parts: int) -> Floats:  # fmt: skip
    """The product of windows on two arrays, in so many parts, by code made for it; contiguous."""
    space = (*batch, math.prod(m), math.prod(n))
    operands = window(0, (*batch, *m, *k), a[1]), window(1, (*batch, *k, *n), b[1])
    scratch = plan(batch, m, n, k, *operands).scratch
    step = Contraction(
        batch, m, n, k, *operands,
        LoopNest(space, (tile_window(space),), (), (Store(0, window(2, space, contiguous(space))),)),
        window(3, (scratch,), (1,)),
    )  # fmt: skip
    module = new_module("test")
    function = emit_contraction(module, "inner", step, 4)
    pointer = ir.IntType(8).as_pointer()
    outer = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer] * 4), "outer")
    builder = ir.IRBuilder(outer.append_basic_block("entry"))
    for part in range(parts):
        builder.call(function, [*outer.args, i64(part), i64(parts)])
    builder.ret_void()
    native = compile_module(module)
    out = np.full(space, np.nan, np.float32)
    memory = np.full(scratch * parts, np.nan, np.float32)
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(native.address("outer"))
    run(*(array.ctypes.data for array in (a[0], b[0], out, memory)))
    return out


def numbers(*shape: int) -> Floats:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def close(found: Floats, wanted: npt.NDArray[np.float64], depth: int) -> bool:
    return bool(np.abs(found - wanted).max(initial=0) <= 1e-6 * depth)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("extents", [(1, 1, 1), (13, 37, 5), (6, 16, 64), (50, 8, 3), (7, 300, 70), (9, 17, 2500)])
def test_matrices(extents: tuple[int, int, int], transposed: tuple[bool, bool], parts: int) -> None:
    m, n, k = extents
    left, right = numbers(m, k), numbers(k, n)
    a = (np.ascontiguousarray(left.T), (1, m)) if transposed[0] else (left, (k, 1))
    b = (np.ascontiguousarray(right.T), (1, k)) if transposed[1] else (right, (n, 1))
    found = computed((), (m,), (n,), (k,), a, b, parts)
    assert close(found, left.astype(np.float64) @ right.astype(np.float64), k)
    assert np.array_equal(found, computed((), (m,), (n,), (k,), a, b, 1)), "the same bits in any number of parts"


@pytest.mark.parametrize("shared", [False, True])
def test_batches(shared: bool) -> None:
    """Of one second operand for all, or of one each; more of them than there are parts, and fewer."""
    for batch in ((3,), (2, 5), (11,)):
        left, right = numbers(*batch, 9, 20), numbers(*(() if shared else batch), 20, 21)
        strides = (0,) * len(batch) + (21, 1) if shared else contiguous(right.shape)
        found = computed(batch, (9,), (21,), (20,), (left, contiguous(left.shape)), (right, strides), 4)
        assert close(found, left.astype(np.float64) @ right.astype(np.float64), 20)


def test_operands_that_repeat_themselves() -> None:
    """Stride 0 along the summed axis, and along that of the result."""
    left, right = numbers(9), numbers(21)
    found = computed((), (9,), (21,), (20,), (left, (1, 0)), (right, (0, 1)), 1)
    assert close(found, 20 * np.outer(left, right).astype(np.float64), 20)
    found = computed((), (9,), (21,), (20,), (left, (0, 0)), (right, (1, 0)), 1)
    assert close(found, np.full((9, 21), left[0] * right[:20].astype(np.float64).sum()), 20)


@pytest.mark.parametrize("turned", [False, True])
def test_a_convolution_reads_its_image_where_it_lies(turned: bool) -> None:
    """Several axes in m, n and k, of strides that are no one stride, as either operand."""
    image, weights = numbers(2, 3, 9, 12), numbers(5, 3, 3, 4)
    channels, rows, columns = 3, 7, 9
    patches = np.lib.stride_tricks.sliding_window_view(image, (3, 4), (2, 3)).astype(np.float64)
    wanted = np.einsum("bcxyij,ocij->boxy", patches, weights)
    k, places = (channels, 3, 4), (rows, columns)
    across, down = (108, 12, 1), (12, 1)
    of_weights = (weights, (0, 36, 12, 4, 1))
    if turned:
        of_image, of_weights = (image, (324, *down, *across)), (weights, (0, 12, 4, 1, 36))
        found = computed((2,), places, (5,), k, of_image, of_weights, 2).transpose(0, 2, 1)
    else:
        found = computed((2,), (5,), places, k, of_weights, (image, (324, *across, *down)), 2)
    assert close(found.reshape(wanted.shape), wanted, 36)


def linear(activation: Callable[[GraphBuilder, int], int], m: int, k: int, n: int, reshape: bool = False) -> Graph:
    b = GraphBuilder()
    x, w, bias = b.input("x", (m, k), "float32"), b.input("w", (n, k), "float32"), b.input("b", (n,), "float32")
    y = b.apply("matmul", x, w, transpose_a=False, transpose_b=True, accumulate="float32")
    shape: tuple[int, ...] = (m, n)
    if reshape:
        shape = (2, m // 2, n)
        y = b.apply("reshape", y, shape=shape)
    spread = b.apply("broadcast_to", bias, shape=shape)
    return b.build({"y": activation(b, b.apply("add", y, spread))})


def relu(b: GraphBuilder, x: int) -> int:
    return b.apply("maximum", x, b.full(0.0, like=x))


@pytest.mark.parametrize("reshape", [False, True])
def test_bias_and_activation_are_part_of_the_product(reshape: bool) -> None:
    graph = linear(relu, 34, 60, 47, reshape)
    (step,) = lower(graph, True).steps
    assert isinstance(step, Contraction)
    inputs = {"x": numbers(34, 60), "w": numbers(47, 60), "b": numbers(47)}
    found = CpuDevice().compile(graph)(inputs).outputs["y"]
    exact = {name: array.astype(np.float64) for name, array in inputs.items()}
    wanted = np.maximum(exact["x"] @ exact["w"].T + exact["b"], 0)
    assert close(found, wanted.reshape(found.shape), 60)


def test_a_product_that_others_read_too_is_not_swallowed() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (20, 30), "float32"), b.input("w", (30, 20), "float32")
    y = b.apply("matmul", x, w, transpose_a=False, transpose_b=False, accumulate="float32")
    graph = b.build({"z": relu(b, y), "t": b.apply("permute", y, order=(1, 0))})
    assert len(lower(graph, True).steps) == 3
    inputs = {"x": numbers(20, 30), "w": numbers(30, 20)}
    result = CpuDevice().compile(graph)(inputs).outputs
    assert np.array_equal(np.maximum(result["t"].T, 0), result["z"])


def test_an_update_is_made_in_the_memory_of_what_it_updates() -> None:
    """A weight less its gradient's share: one step, and no memory but packed panels."""
    b = GraphBuilder()
    x, g = b.input("x", (16, 40), "float32"), b.input("g", (16, 30), "float32")
    w = b.input("w", (30, 40), "float32", kind="state")
    d = b.apply("matmul", g, x, transpose_a=True, transpose_b=False, accumulate="float32")
    new = b.apply("sub", w, b.apply("mul", d, b.full(0.5, like=d)))
    graph = b.build({}, {"w": new})
    lowered = lower(graph, True)
    (step,) = lowered.steps
    assert isinstance(step, Contraction)
    assert [slot.size for slot in lowered.buffers if slot.kind == "temporary"] == [4 * step.scratch.shape[0]]
    inputs = {"x": numbers(16, 40), "g": numbers(16, 30), "w": numbers(30, 40)}
    wanted = inputs["w"] - 0.5 * inputs["g"].astype(np.float64).T @ inputs["x"]
    assert close(CpuDevice().compile(graph)(inputs).state["w"], wanted, 16)
