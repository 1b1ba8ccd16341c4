"""Tests of the accelerator as a device: it trains, keeps its last run, and compiles a graph once."""

from __future__ import annotations

import numpy as np

from tests.compiler.models import mlp_step, starting_values
from weft.compiler.targets.accel.device import AccelDevice
from weft.framework import nn, optim
from weft.framework.builder import GraphBuilder
from weft.framework.device import Device
from weft.framework.jit import jit
from weft.framework.nn import functional
from weft.framework.random import manual_seed
from weft.framework.tensor import Tensor


def test_a_graph_is_compiled_once_and_the_last_run_kept() -> None:
    device = AccelDevice("nano", tune=False)
    assert isinstance(device, Device)
    graph = mlp_step((5, 4), 3)
    values = starting_values(graph, 0) | {"y": np.array([0, 3, 1], np.int32)}
    first = device.compile(graph)(values)
    assert device.compile(mlp_step((5, 4), 3)) is device.compile(graph)
    assert device.last_run is not None
    assert device.last_run.cycles == device.total_cycles > 0
    again = device.compile(graph)({**values, **first.state})
    assert again.outputs["loss"] < first.outputs["loss"]
    assert device.total_cycles == 2 * device.last_run.cycles


def test_bools_go_in_and_come_out() -> None:
    b = GraphBuilder()
    p, q = b.input("p", (3, 5), "bool"), b.input("q", (3, 5), "bool")
    graph = b.build({"y": b.apply("and", p, b.apply("not", q))})
    rng = np.random.default_rng(0)
    values = {name: rng.random((3, 5)) < 0.5 for name in "pq"}
    y = AccelDevice("nano").compile(graph)(values).outputs["y"]
    assert y.dtype == np.bool_
    np.testing.assert_array_equal(y, values["p"] & ~values["q"])


def test_tuning_is_never_slower_and_computes_the_same_thing() -> None:
    graph = mlp_step((20, 30, 10), 16)
    values = starting_values(graph, 0)
    plain, tuned = AccelDevice("edu", tune=False), AccelDevice("edu")
    a, b = plain.compile(graph)(values), tuned.compile(graph)(values)
    assert tuned.total_cycles <= plain.total_cycles
    np.testing.assert_allclose(a.outputs["loss"], b.outputs["loss"], rtol=1e-5)


def test_a_model_trains_on_the_device() -> None:
    manual_seed(0)
    device = AccelDevice("edu", tune=False)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 32).astype(np.int32)
    x = (rng.standard_normal((32, 8)) + 2 * np.eye(8)[y]).astype(np.float32)

    @jit
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    inputs = Tensor(x).to(device), Tensor(y).to(device)
    losses = [step(*inputs).item() for _ in range(25)]
    assert losses[-1] < losses[0] / 3
    assert step.traces == 1
