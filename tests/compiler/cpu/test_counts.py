"""What one run does is counted, and bounded for measured models: a worse compiler shows without a clock."""

from __future__ import annotations

import pytest

from weft.compiler.targets.cpu.counts import counts
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.executable import CpuExecutable
from weft.compiler.targets.cpu.lower import lower
from weft.framework.builder import GraphBuilder
from weft.framework.device import use_device
from weft.framework.graph import Graph
from weft.reports.frameworks import with_weft


def test_of_a_loop_and_of_a_product() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (20, 30), "float32"), b.input("w", (30, 40), "float32")
    y = b.apply("matmul", x, w, transpose_a=False, transpose_b=False, accumulate="float32")
    graph = b.build(
        {"y": b.apply("maximum", y, b.full(0.0, like=y)), "s": b.apply("sum", x, axes=(1,), keepdims=False)}
    )
    found = counts(lower(graph, True).steps)
    assert (found.kernels, found.products) == (2, 1)
    assert found.bytes == 4 * (20 * 30 + 30 * 40 + 20 * 40) + 4 * (20 * 30 + 20)
    assert found.flops == 2 * 20 * 30 * 40 + 20 * 40 + 20 * 30


def of_row(name: str, monkeypatch: pytest.MonkeyPatch) -> CpuExecutable:
    """The largest graph that a row of the benchmark compiles, for one thread."""
    made: list[CpuExecutable] = []
    compiled = CpuDevice.compile

    def compile(self: CpuDevice, graph: Graph) -> CpuExecutable:
        made.append(compiled(self, graph))
        return made[-1]

    monkeypatch.setattr(CpuDevice, "compile", compile)
    with use_device(CpuDevice(threads=1)):
        with_weft.finish(with_weft.STEPS[name]()())
    return max(made, key=lambda executable: executable.counts.flops)


def test_the_perceptrons_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight products with all that follows them, and little besides: its operations are those of the products, and the
    bytes at most twice what weights, momenta and activations take once each way."""
    found = of_row("mlp", monkeypatch).counts
    weights = 784 * 512 + 512 * 512 + 512 * 10
    products = 2 * 64 * (3 * weights - 784 * 512)
    assert found.products == 8
    assert found.kernels <= 17
    assert products < found.flops < 1.03 * products
    assert found.bytes < 2 * 4 * (4 * weights + 8 * 64 * 512)


def test_the_transformer_blocks_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of_row("transformer", monkeypatch).counts
    assert found.products == 18
    assert found.kernels <= 46
    assert found.bytes < 42e6
