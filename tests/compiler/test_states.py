"""States that read each other change all at once, on every device: the values are those of simultaneous assignment."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import weft
from weft.framework import nn, optim, reference
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.graph import Graph
from weft.framework.nn import functional as F

DEVICES = ("numpy", "cpu", "accel")


def tensor(values: object, device: str, grad: bool = False) -> weft.Tensor:
    return weft.Tensor(np.asarray(values, np.float32), device=device, requires_grad=grad)


@pytest.mark.parametrize("device", DEVICES)
def test_an_update_reads_another_state_that_changes_too(device: str) -> None:
    w, old = tensor([5.0], device), tensor([0.0], device)

    @weft.jit
    def step() -> None:
        old.assign(w)
        w.assign(w - 1)

    for n in range(3):
        step()
        assert (old.tolist(), w.tolist()) == ([5.0 - n], [4.0 - n])


@pytest.mark.parametrize("device", DEVICES)
def test_two_states_are_swapped(device: str) -> None:
    a, b = tensor([1.0, 2.0], device), tensor([3.0, 4.0], device)

    @weft.jit
    def swap() -> None:
        before = a + 0
        a.assign(b)
        b.assign(before)

    swap()
    assert (a.tolist(), b.tolist()) == ([3.0, 4.0], [1.0, 2.0])


@pytest.mark.parametrize("device", DEVICES)
def test_a_weight_is_remembered_before_the_optimiser_changes_it(device: str) -> None:
    with weft.use_device(device):
        model = nn.Linear(2, 2, bias=False)
    model.weight.assign(tensor([[1.0, 2.0], [3.0, 4.0]], device))
    previous = tensor(np.zeros((2, 2)), device)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    x = tensor([[1.0, 2.0]], device)

    @weft.jit
    def step() -> None:
        optimizer.zero_grad()
        model(x).sum().backward()
        previous.assign(model.weight)
        optimizer.step()

    step()
    np.testing.assert_array_equal(previous.numpy(), [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(model.weight.numpy(), [[0.5, 1.0], [2.5, 3.0]])


@pytest.mark.parametrize("device", DEVICES)
def test_a_softmax_of_a_vector_meets_a_matrix(device: str) -> None:
    v, x = tensor([0.0, 1.0, 2.0], device, grad=True), tensor([[0.5, 0.1, 0.1], [0.0, 0.0, 0.9]], device, grad=True)
    F.softmax(v, -1).maximum(x).sum().backward()
    # Both rows take the softmax p at 1, one at 0 and one at 2: the cotangent of p is [1, 2, 1].
    p = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    wanted = p * (np.array([1.0, 2.0, 1.0]) - p @ [1.0, 2.0, 1.0])
    assert v.grad is not None
    assert x.grad is not None
    np.testing.assert_allclose(v.grad.numpy(), wanted, atol=1e-6)
    np.testing.assert_array_equal(x.grad.numpy(), [[1, 0, 0], [0, 0, 1]])


def _moves(sources: tuple[int, ...], reader: int | None) -> Graph:
    """State n takes the old value of state ``sources[n]``, which changes or not; ``reader`` is read by a kernel too."""
    b = GraphBuilder()
    states = [b.input(f"s{n}", (3, 5), "float32", "state") for n in range(len(sources))]
    outputs = {"old": states[0]}
    if reader is not None:
        outputs["read"] = b.apply("exp", states[reader])
    updates = {f"s{n}": states[source] for n, source in enumerate(sources)}
    return b.build(outputs, updates)


@pytest.mark.parametrize("device", DEVICES[1:])
def test_every_way_of_moving_four_states(device: str) -> None:
    """Chains, cycles, fans and all their mixtures: 256 of them on the accelerator, a sample elsewhere."""
    every = list(itertools.product(range(4), repeat=4))
    values = {f"s{n}": np.full((3, 5), n, np.float32) for n in range(4)}
    for number, sources in enumerate(random.Random(1).sample(every, 60 if device == "accel" else 12)):
        graph = _moves(sources, (None, 0, 2)[number % 3])
        got = get_device(device).compile(graph)(values)
        outputs, states = reference.run(graph, values)
        for name, value in states.items():
            np.testing.assert_array_equal(got.state[name], value, f"{sources} {name}")
        np.testing.assert_array_equal(got.outputs["old"], outputs["old"], str(sources))
