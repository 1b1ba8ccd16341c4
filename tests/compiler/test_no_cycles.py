"""A step leaves no reference cycles behind, on any device: what nobody holds is freed, and its memory used, at once.

A cycle that holds a step's results keeps them until the garbage collector comes: every step then takes fresh memory
from the operating system, which more than doubled the time of a training step on the CPU.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.device import use_device
from weft.framework.jit import jit
from weft.framework.nn import functional
from weft.framework.tensor import Tensor, tensor

DEVICES = ("numpy", "cpu", "accel")


def training_step() -> Callable[..., dict[str, object]]:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Tensor, labels: Tensor, rate: float) -> dict[str, object]:
        optimizer.zero_grad()
        logits = model(x)
        loss = functional.cross_entropy(logits, labels) * rate
        loss.backward()
        optimizer.step()
        return {"loss": loss, "parts": [logits, (x * 2, rate)]}

    return step


def views_and_writes(x: Tensor) -> float:
    y = x * 1
    row = y[0]
    row += 1
    y[1:3] = row
    return float((y.reshape(8, 5).T.sum() + functional.softmax(x, -1).sum()).item())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("jitted", [False, True])
def test_a_step_leaves_no_cycles(device: str, jitted: bool) -> None:
    with use_device(device):
        step = jit(training_step()) if jitted else training_step()
        x = tensor(np.linspace(-1, 1, 40, dtype=np.float32).reshape(5, 8))
        labels = tensor(np.arange(5, dtype=np.int32) % 4)

        def everything(rate: float) -> None:
            step(x, labels, rate)
            if device != "accel":  # it has no slices
                views_and_writes(x)
            str(x)

        for n in range(3):  # compiling makes cycles of its own, once
            everything(1 + n / 8)
        gc.collect()
        gc.disable()
        try:
            everything(2.5)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [f"{type(one).__name__} {getattr(one, '__qualname__', '')}" for one in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left == []
