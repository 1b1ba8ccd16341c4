"""Random graphs on the CPU in forms that the fuzzer does not take: rounded products, products without a BLAS."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.check import check_nodes
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.fuzz.subjects import Subject
from weft.compiler.fuzz.trial import judge
from weft.compiler.fuzz.values import random_values
from weft.compiler.targets.cpu import executable
from weft.compiler.targets.cpu.device import CpuDevice

PRODUCTS = [seed for seed in range(120) if any(node.op == "matmul" for node in random_graph(seed).nodes)][:25]


@pytest.mark.parametrize("seed", PRODUCTS)
def test_rounded_products_are_right(seed: int) -> None:
    graph = random_graph(seed)
    assert judge(Subject(CpuDevice(precision="bf16")), graph, random_values(graph, seed), 1).problem is None


@pytest.mark.parametrize("seed", PRODUCTS)
def test_products_without_a_blas_are_right(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executable, "find_sgemm", lambda: None)
    graph = random_graph(seed)
    assert judge(Subject(CpuDevice()), graph, random_values(graph, seed), 1).problem is None


def test_the_bound_refuses_a_wrong_node() -> None:
    graph = random_graph(3)
    subject = Subject(CpuDevice())
    prepared = subject.prepared(graph)
    values = subject.observe(prepared, random_values(graph, 3))
    assert not check_nodes(prepared, values, subject.accuracy)
    index = next(i for i in values if prepared.nodes[i].op != "input" and prepared.nodes[i].dtype.is_float)
    wrong = np.nextafter(values[index].astype(np.float32) * 1.01 + 1, np.float32(9)).astype(values[index].dtype)
    errors = check_nodes(prepared, values | {index: wrong}, subject.accuracy)
    assert any(e.index == index and f"%{index} = " in e.text for e in errors)
