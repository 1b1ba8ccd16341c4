"""The CPU device as its callers meet it: results that belong to them, odd inputs, threads, errors."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.threads import available_cores
from weft.framework.builder import GraphBuilder
from weft.framework.device import Device
from weft.framework.errors import DeviceError, GraphError, ShapeError
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

LARGE = (100, 100)


def doubled(shape: tuple[int, ...]) -> Graph:
    b = GraphBuilder()
    x = b.input("x", shape, "float32")
    return b.build({"y": b.apply("add", x, x)})


def test_it_is_a_device() -> None:
    assert isinstance(CpuDevice(), Device)
    assert repr(CpuDevice(threads=1)) == "cpu(threads=1)"


def test_results_belong_to_the_caller() -> None:
    run = CpuDevice().compile(doubled(LARGE))
    kept = [run({"x": np.full(LARGE, n, np.float32)}).outputs["y"] for n in range(6)]
    row = run({"x": np.full(LARGE, 9, np.float32)}).outputs["y"][3]  # a view keeps its array from being used again
    run({"x": np.zeros(LARGE, np.float32)})
    assert [float(y[0, 0]) for y in kept] == [0, 2, 4, 6, 8, 10]
    assert (row == 18).all()


def test_memory_of_forgotten_results_is_used_again() -> None:
    run = CpuDevice().compile(doubled(LARGE))
    x = np.zeros(LARGE, np.float32)
    assert len({run({"x": x}).outputs["y"].ctypes.data for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "x",
    [
        np.arange(12, dtype=np.float32).reshape(4, 3).T,
        np.arange(24, dtype=np.float32).reshape(3, 8)[:, ::2],
        np.arange(12, dtype=np.float64).reshape(3, 4),
        np.frombuffer(b"\0" + np.arange(12, dtype=np.float32).tobytes(), np.float32, offset=1).reshape(3, 4),
    ],
    ids=["transposed", "strided", "float64", "unaligned"],
)
def test_any_array_is_taken(x: Array) -> None:
    before = x.copy()
    np.testing.assert_array_equal(CpuDevice().compile(doubled((3, 4)))({"x": x}).outputs["y"], 2 * before)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1, 1, 1)])
def test_scalars_and_empty_arrays(shape: tuple[int, ...]) -> None:
    b = GraphBuilder()
    x = b.input("x", shape, "float32")
    axes = tuple(range(len(shape)))
    graph = b.build({"y": b.apply("neg", x), "sum": b.apply("sum", x, axes=axes, keepdims=False)})
    outputs = CpuDevice().compile(graph)({"x": np.ones(shape, np.float32)}).outputs
    assert outputs["y"].shape == shape
    assert outputs["sum"] == np.prod(shape)


def test_a_product_over_nothing_is_zero() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (2, 0), "float32"), b.input("w", (0, 3), "float32")
    y = b.apply("matmul", x, w, transpose_a=False, transpose_b=False, accumulate="float32")
    run = CpuDevice().compile(b.build({"y": y}))
    result = run({"x": np.ones((2, 0), np.float32), "w": np.ones((0, 3), np.float32)}).outputs["y"]
    np.testing.assert_array_equal(result, np.zeros((2, 3)))


def test_an_input_or_one_value_can_be_several_results() -> None:
    b = GraphBuilder()
    x, s = b.input("x", (2,), "float32"), b.input("s", (2,), "float32", "state")
    y = b.apply("neg", x)
    result = CpuDevice().compile(b.build({"a": x, "b": y, "c": y}, {"s": y}))(
        {"x": np.array([1, 2], np.float32), "s": np.zeros(2, np.float32)}
    )
    assert {k: v.tolist() for k, v in result.outputs.items()} == {"a": [1, 2], "b": [-1, -2], "c": [-1, -2]}
    assert result.state["s"].tolist() == [-1, -2]
    result.outputs["b"][:] = 7
    assert result.outputs["c"].tolist() == [-1, -2]
    assert s == 1


def test_calls_from_many_threads_do_not_mix() -> None:
    run = CpuDevice().compile(doubled(LARGE))
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(50):
            y = run({"x": np.full(LARGE, n, np.float32)}).outputs["y"]
            if not (y == 2 * n).all():
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_wrong_inputs_are_named() -> None:
    run = CpuDevice().compile(doubled((3, 4)))
    with pytest.raises(GraphError, match=r"no value was given for input 'x' \(float32\[3, 4\]\)"):
        run({})
    with pytest.raises(ShapeError, match=r"input 'x' is \[3, 4\], but its value is \[4, 3\]"):
        run({"x": np.ones((4, 3), np.float32)})


def test_a_thread_budget_beyond_the_cores_is_refused() -> None:
    cores = available_cores()
    with pytest.raises(DeviceError, match=rf"threads={cores + 1}: the budget must be 1 to {cores}, the cores"):
        CpuDevice(threads=cores + 1)
    with pytest.raises(DeviceError, match=r"threads=0: the budget must be 1 to"):
        CpuDevice(threads=0)


def test_the_accelerators_precision_is_there_for_the_asking() -> None:
    b = GraphBuilder()
    x = b.input("x", (1, 1), "float32")
    y = b.apply("matmul", x, x, transpose_a=False, transpose_b=False, accumulate="float32")
    graph, value = b.build({"y": y}), {"x": np.array([[1 + 2**-9]], np.float32)}
    assert CpuDevice().compile(graph)(value).outputs["y"] > 1
    assert CpuDevice(precision="bf16").compile(graph)(value).outputs["y"] == 1
    with pytest.raises(DeviceError, match=r"cpu: precision is 'own' or 'bf16', not 'int4'"):
        CpuDevice(precision="int4")


def test_the_number_of_blas_threads_is_put_back() -> None:
    import threadpoolctl

    def numbers() -> list[int]:
        return [info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"]

    before = numbers()
    budget = CpuDevice(threads=1)._budget
    with budget, budget:
        assert set(numbers()) <= {1}
    assert numbers() == before
