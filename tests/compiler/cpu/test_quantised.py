"""Quantised models on the CPU give what the graph says as NumPy computes it, however large their integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import nn
from weft.framework.device import Device, NumpyDevice
from weft.framework.jit import jit
from weft.framework.primitives.base import Array
from weft.framework.quantisation import quantise
from weft.framework.tensor import Tensor


class Sums(nn.Module):
    """What ``combine`` makes of a Linear layer with small weights and a bias far beyond them, and of its input."""

    def __init__(self, combine: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.layer.load_state_dict(
            {"weight": np.full((4, 4), 1e-3, np.float32), "bias": np.array([500, -500, 0.5, 0], np.float32)}
        )
        self.combine = combine

    def forward(self, x: Tensor) -> Tensor:
        return self.combine(self.layer, x)


def result(combine: Callable[[nn.Module, Tensor], Tensor], device: Device) -> Array:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    model = quantise(Sums(combine), x).to(device)
    found: Tensor = jit(model)(Tensor(x, device=device))
    return found.numpy()


@pytest.mark.parametrize(
    "combine",
    [
        lambda layer, x: layer(x),
        lambda layer, x: layer(x) + layer(x),
        lambda layer, x: layer(x) + layer(x * 0.5),
        lambda layer, x: layer(x) + layer(x[:1]),
        lambda layer, x: layer(x) + layer(x) + layer(x),
    ],
)
def test_sums_with_a_large_bias(combine: Callable[[nn.Module, Tensor], Tensor]) -> None:
    np.testing.assert_allclose(result(combine, CpuDevice()), result(combine, NumpyDevice()), rtol=1e-5, atol=1e-3)
