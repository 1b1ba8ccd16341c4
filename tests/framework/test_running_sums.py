"""A running sum, and its gradient, is right to the last place however long it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from weft.framework.device import get_device
from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor

LENGTH = 100_003


def _summed(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    total = x.cumsum(axis)
    (total * 0.01).sum().backward()
    assert x.grad is not None
    return total, x.grad


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize("shape", [(LENGTH,), (LENGTH, 2), (2, LENGTH)], ids=str)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_long_sum_is_that_of_float64(shape: tuple[int, ...], device: str, compiled: bool) -> None:
    axis = shape.index(LENGTH)
    values = np.random.default_rng(0).uniform(0.005, 0.015, shape).astype(np.float32)
    x = tensor(values).to(get_device(device)).requires_grad_()
    total, gradient = (jit(_summed) if compiled else _summed)(x, axis)
    exact = values.astype(np.float64).cumsum(axis)
    np.testing.assert_allclose(total.numpy(), exact, rtol=2**-24)
    places = np.arange(LENGTH, 0, -1, dtype=np.float64).reshape([-1 if d == axis else 1 for d in range(len(shape))])
    np.testing.assert_allclose(gradient.numpy(), np.broadcast_to(float(np.float32(0.01)) * places, shape), rtol=2**-23)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize(
    "values", [[3e38, 3e38, -3e38], [float("inf"), 1.0, -float("inf"), 2.0], [1.0, float("nan"), 3.0], []]
)
def test_what_is_not_finite_or_no_number_at_all(values: list[float], device: str) -> None:
    found = tensor(np.array(values, np.float32)).to(get_device(device)).cumsum(0).numpy()
    expected = torch.tensor(values).cumsum(0).numpy()
    np.testing.assert_array_equal(found, expected)
