"""Tests of the accelerator as a device: it trains, keeps its last run and its state, and compiles a graph once."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tests.compiler.models import mlp_step, starting_values
from weft.compiler.targets.accel.device import AccelDevice, AccelExecutable
from weft.compiler.targets.accel.dram import DramArray
from weft.framework import nn, optim
from weft.framework.builder import GraphBuilder
from weft.framework.device import Device, compiled
from weft.framework.jit import JitFunction, jit
from weft.framework.nn import functional
from weft.framework.random import manual_seed
from weft.framework.tensor import Tensor
from weft.isa.errors import DeadlockError


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


def running() -> tuple[AccelDevice, Tensor, Tensor, JitFunction[[Tensor], Tensor]]:
    """A device, two states of it, and a step that changes one of them and returns its sum."""
    device = AccelDevice("nano", tune=False)
    total, rate = (Tensor(np.full((3, 5), n, np.float32), device=device) for n in (0, 2))

    @jit
    def step(x: Tensor) -> Tensor:
        total.assign(total + rate * x)
        return total.sum()

    return device, total, rate, step


def test_state_stays_in_dram_between_steps() -> None:
    _, total, rate, step = running()
    x = Tensor(np.ones((3, 5), np.float32))
    memory = compiled_step(step, x).memory
    losses = [step(x).item() for _ in range(3)]
    assert losses == [30, 60, 90]
    assert memory.host_writes == 3, "each input once"
    assert isinstance(total._expr.value, DramArray)
    assert total._expr.value.lies_in_dram
    step(Tensor(np.zeros((3, 5), np.float32)))
    assert memory.host_writes == 4, "the new argument alone"
    rate.assign(total * 0 + 1)  # made by another program
    step(x)
    assert (memory.host_writes, memory.device_copies) == (5, 1), "the argument, and a copy from region to region"
    np.testing.assert_array_equal(total.numpy(), np.full((3, 5), 7))
    total.assign(np.zeros((3, 5), np.float32))
    assert step(x).item() == 15


def test_what_is_still_held_outlives_the_state_that_changes() -> None:
    _, total, _, step = running()
    x = Tensor(np.ones((3, 5), np.float32))
    before, kept, losses = total.detach() + 0, [], []
    for _ in range(5):
        losses.append(step(x))
        kept.append(Tensor(total))
    assert [float(t.numpy()[0, 0]) for t in (before, *kept)] == [0, 2, 4, 6, 8, 10]
    assert [loss.item() for loss in losses] == [30, 60, 90, 120, 150]
    handles = [loss._expr.value for loss in losses]
    assert [h.lies_in_dram for h in handles if isinstance(h, DramArray)] == [False] * 3 + [True] * 2, "two images"


def test_an_array_that_its_owner_changes_is_read_anew() -> None:
    b = GraphBuilder()
    x = b.input("x", (3, 5), "float32")
    run, given = AccelDevice("nano").compile(b.build({"y": b.apply("add", x, x)})), np.ones((3, 5), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(run({"x": given}).outputs["y"], 2 * given)
        given += 1


def test_an_error_leaves_the_state_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    device, total, _, step = running()
    x = Tensor(np.ones((3, 5), np.float32))
    step(x)
    with monkeypatch.context() as broken:
        broken.setattr(device.engine, "run", functools.partial(device.engine.run, max_cycles=1))
        with pytest.raises(DeadlockError):
            step(Tensor(np.full((3, 5), 9, np.float32)))
    assert total.numpy()[0, 0] == 2
    assert step(x).item() == 60


def compiled_step(step: JitFunction[[Tensor], Tensor], x: Tensor) -> AccelExecutable:
    recording = step.trace(x)
    executable = compiled(recording.device, recording.graph)
    assert isinstance(executable, AccelExecutable)
    return executable
