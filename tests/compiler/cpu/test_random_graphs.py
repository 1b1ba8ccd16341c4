"""Random graphs over every primitive: each node right, and fusion and memory planning changing nothing."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.passes.precision import precision
from compiler.targets.cpu import executable
from compiler.targets.cpu.device import CpuDevice
from framework.primitives import PRIMITIVES
from tests.compiler.judge import bits, check_nodes, observed
from tests.compiler.random_graphs import random_graph, random_values

SEEDS = range(40)


def test_the_seeds_cover_every_primitive() -> None:
    seen = {node.op for seed in SEEDS for node in random_graph(seed).nodes}
    assert seen == set(PRIMITIVES)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_node_is_right_and_fusing_changes_no_bit(seed: int) -> None:
    graph = random_graph(seed)
    values = random_values(graph, seed)
    single = CpuDevice().compile(observed(graph))(values).outputs
    check_nodes(graph, dict(single))
    fused = CpuDevice().compile(graph)(values)
    # How a float sum is split depends on what else its loop reads.
    if any(node.op == "sum" and node.dtype.is_float for node in graph.nodes):
        return
    for name, i in graph.outputs:
        assert bits(fused.outputs[name]) == bits(single[f"%{i}"]), f"{name}\n{graph}"
    for name, i in graph.updates:
        assert bits(fused.state[name]) == bits(single[f"%{i}"]), f"{name}\n{graph}"


@pytest.mark.parametrize("seed", SEEDS)
def test_rounded_products_are_right(seed: int) -> None:
    graph = precision(random_graph(seed))
    if any(node.op == "matmul" for node in graph.nodes):
        check_nodes(graph, dict(CpuDevice().compile(observed(graph))(random_values(graph, seed)).outputs))


@pytest.mark.parametrize("seed", SEEDS)
def test_products_without_a_blas_are_right(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "find_sgemm", lambda: None)
    graph = random_graph(seed)
    if any(node.op == "matmul" for node in graph.nodes):
        check_nodes(graph, dict(CpuDevice().compile(observed(graph))(random_values(graph, seed)).outputs))


def test_the_bound_refuses_a_wrong_node() -> None:
    graph = random_graph(3)
    values = {k: v.copy() for k, v in CpuDevice().compile(observed(graph))(random_values(graph, 3)).outputs.items()}
    index = next(i for i, n in enumerate(graph.nodes) if n.op not in ("input", "constant") and n.dtype.is_float)
    values[f"%{index}"] = np.nextafter(values[f"%{index}"].astype(np.float32) * 1.01 + 1, np.float32(9)).astype(
        values[f"%{index}"].dtype
    )
    with pytest.raises(AssertionError, match=rf"%{index} = "):
        check_nodes(graph, values)
