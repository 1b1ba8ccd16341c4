"""Whole training steps on the CPU: every node right, and several steps as NumPy does them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compiler.models import logistic_step, mlp_step, starting_values
from weft.compiler.check import check_nodes
from weft.compiler.fuzz.subjects import Subject
from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework.device import NumpyDevice
from weft.framework.graph import Graph

STEPS = {
    "mlp": mlp_step((20, 33, 17, 10), 13),
    "mlp of one sample": mlp_step((5, 10), 1),
    "mlp rounded": pipeline.run(mlp_step((20, 33, 10), 13), "accel"),
    "logistic regression": logistic_step(30, 21),
}


@pytest.mark.parametrize("graph", STEPS.values(), ids=STEPS.keys())
def test_every_node_of_a_step_is_right(graph: Graph) -> None:
    cpu = Subject(CpuDevice())
    assert not check_nodes(graph, cpu.observe(graph, starting_values(graph, 1)), cpu.accuracy)


@pytest.mark.parametrize("graph", STEPS.values(), ids=STEPS.keys())
def test_ten_steps_go_as_the_reference_goes(graph: Graph) -> None:
    losses = []
    for device in (CpuDevice(threads=1), NumpyDevice()):
        run, values, seen = device.compile(graph), starting_values(graph, 2), []
        for _ in range(10):
            result = run(values)
            values.update(result.state)
            seen.append(float(result.outputs["loss"]))
        losses.append(seen)
    assert losses[1][-1] < losses[1][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-3, atol=1e-6)


def test_a_step_needs_little_memory_and_few_loops() -> None:
    """Bounds that only fusion and reuse of memory can meet: a value of its own for each node would break both."""
    graph = mlp_step((100, 165, 85, 50), 65)  # large beside packed panels, as wide as vectors are here
    run = CpuDevice(threads=1).compile(graph)  # each thread has panels of its own
    temporaries = sum(n.size * n.dtype.itemsize for n in graph.nodes if n.op not in ("input", "constant"))
    assert run.arena_bytes < temporaries / 3
    assert run.step_count < len(graph.nodes) / 3
