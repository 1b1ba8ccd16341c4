"""Values that users compute by hand, through the front door on every device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework.device import use_device
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor

DEVICES = ("numpy", "cpu", "accel")
NAN, INF = float("nan"), float("inf")


def value_and_gradient(device: str, f: Callable[[Tensor], Tensor], x: object) -> tuple[np.ndarray, np.ndarray]:
    with use_device(device):
        t = Tensor(np.asarray(x, np.float32), requires_grad=True)
        y = f(t)
        y.sum().backward()
        assert t.grad is not None
        return y.numpy().astype(np.float64), t.grad.numpy().astype(np.float64)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("f", "x", "value", "gradient"),
    [
        (F.sigmoid, [-80.0, -89.0, -200.0, 200.0], [1.8048513878e-35, 0, 0, 1], [1.8048513878e-35, 0, 0, 0]),
        (F.tanh, [-44.5, 1e-8, 1e-6, 5.0], [-1, 1e-8, 1e-6, 0.99990920426], [0, 1, 1, 1.815832309e-4]),
        (lambda x: F.binary_cross_entropy_with_logits(x, Tensor([1.0, 0.0])), [20.0, -20.0],
         2.0611536181902e-9, [-1.0305768090951e-9, 1.0305768090951e-9]),
        (F.logsigmoid, [20.0, -100.0], [-2.0611536181902e-9, -100], [2.0611536181902e-9, 1]),
        (lambda x: x.abs(), [0.0, -0.0, -2.0, NAN], [0, 0, 2, NAN], [0, 0, -1, NAN]),
        (lambda x: x ** 0, [NAN, 0.0, INF], [1, 1, 1], [0, 0, 0]),
        (lambda x: x.amax(), [1.0, NAN, 2.0], NAN, [NAN, NAN, NAN]),
        (lambda x: x.amin(), [1.0, NAN, 2.0], NAN, [NAN, NAN, NAN]),
        (lambda x: x.amin(), [3.0, 1.0, 1.0], 1, [0, 0.5, 0.5]),
        (F.relu, [NAN, 0.0, -1.0, 2.0], [NAN, 0, 0, 2], [1, 0, 0, 1]),
        (lambda x: x / x, [3e38, 1.5e-38], [1, 1], [0, 0]),
        (lambda x: x / 1e38, [3e38, -1e38], [3, -1], [1e-38, 1e-38]),
        (lambda x: x.abs().reciprocal(), [-0.0, 0.0], [INF, INF], [NAN, NAN]),
    ],
)  # fmt: skip
def test_value_and_gradient(
    device: str, f: Callable[[Tensor], Tensor], x: list[float], value: Any, gradient: list[float]
) -> None:
    found, slope = value_and_gradient(device, f, x)
    np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(slope, gradient, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("device", DEVICES)
def test_small_bfloat16(device: str) -> None:
    with use_device(device):
        x = Tensor(np.array([0.001, -0.001], np.float32)).to("bfloat16")
        np.testing.assert_array_equal(x.tanh().numpy(), x.numpy())


@pytest.mark.parametrize("device", DEVICES)
def test_division_of_subnormal_numbers(device: str) -> None:
    """The accelerator counts them as zeros of their sign; the others do not."""
    with use_device(device):
        a, b = Tensor([1e-38, -1e-38, 2e-38, 1e-39]), Tensor([2e-38, 2e-38, 1e-39, 1e-39])
        found = (a / b).numpy()
    exact = [0.5, -0.5, 20, 1] if device != "accel" else [0, -0.0, INF, NAN]
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    assert np.signbit(found[:2]).tolist() == [False, True]


@pytest.mark.parametrize("device", DEVICES)
def test_zeros_are_ordered(device: str) -> None:
    with use_device(device):
        a, b = Tensor([0.0, -0.0, -0.0]), Tensor([-0.0, 0.0, -0.0])
        assert np.signbit(a.maximum(b).numpy()).tolist() == [False, False, True]
        assert np.signbit(a.minimum(b).numpy()).tolist() == [True, True, True]
        assert np.signbit((-a).relu().numpy()).tolist() == [False, False, False]


@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_smallest_of_integers(dtype: str) -> None:
    info = np.iinfo(dtype)
    x = Tensor(np.array([[info.min, 5], [info.max, 7]], dtype))
    assert x.amin(1).tolist() == [info.min, 7]
