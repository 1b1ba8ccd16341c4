"""Initialisers by what their numbers are like: mean, spread, bounds, orthogonality; fans and gains are torch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework.nn import init
from weft.framework.tensor import Tensor, tensor

torch = pytest.importorskip("torch")
SHAPES = {"a matrix": (300, 200), "kernels": (60, 40, 5, 5)}
FANS = {"a matrix": (200, 300), "kernels": (40 * 25, 60 * 25)}
"""Shape → the number of inputs of an output, and of outputs of an input."""
GAINS = {"linear": 1.0, "relu": math.sqrt(2), "tanh": 5 / 3, "sigmoid": 1.0, "selu": 0.75, "leaky_relu": math.sqrt(2)}
Fill = Callable[[Any, Any], Any]


def filled(call: Fill, shape: str) -> Any:
    made = tensor(np.zeros(SHAPES[shape]))
    assert call(init, made) is made
    return made.numpy().astype(np.float64)


UNIFORM: dict[str, tuple[Fill, Callable[[int, int], float]]] = {
    "xavier": (lambda i, w: i.xavier_uniform_(w), lambda a, b: math.sqrt(6 / (a + b))),
    "xavier with gain": (lambda i, w: i.xavier_uniform_(w, gain=2.0), lambda a, b: 2 * math.sqrt(6 / (a + b))),
    "kaiming": (lambda i, w: i.kaiming_uniform_(w, nonlinearity="relu"), lambda a, b: math.sqrt(6 / a)),
    "kaiming of outputs": (
        lambda i, w: i.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"), lambda a, b: math.sqrt(6 / b)
    ),
    "kaiming of a slope": (lambda i, w: i.kaiming_uniform_(w, a=math.sqrt(5)), lambda a, b: math.sqrt(1 / a)),
    "uniform": (lambda i, w: i.uniform_(w, -0.5, 0.5), lambda a, b: 0.5),
}  # fmt: skip
NORMAL: dict[str, tuple[Fill, Callable[[int, int], float]]] = {
    "xavier": (lambda i, w: i.xavier_normal_(w), lambda a, b: math.sqrt(2 / (a + b))),
    "xavier with gain": (lambda i, w: i.xavier_normal_(w, gain=5 / 3), lambda a, b: 5 / 3 * math.sqrt(2 / (a + b))),
    "kaiming": (lambda i, w: i.kaiming_normal_(w, nonlinearity="relu"), lambda a, b: math.sqrt(2 / a)),
    "kaiming of outputs": (
        lambda i, w: i.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"), lambda a, b: 5 / 3 / math.sqrt(b)
    ),
    "normal": (lambda i, w: i.normal_(w, 0.0, 0.3), lambda a, b: 0.3),
}  # fmt: skip
"""Name → how a tensor is filled, and what bound or deviation fans give."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_ones_fill_their_bounds_evenly(name: str, shape: str) -> None:
    call, bound = UNIFORM[name]
    values, most = filled(call, shape), bound(*FANS[shape])
    assert abs(values).max() <= most * (1 + 1e-6)
    counts, _ = np.histogram(values, 20, (-most, most))
    expected = values.size / 20
    assert abs(counts - expected).max() < 5 * math.sqrt(expected)  # five standard deviations of a count


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NORMAL)
def test_normal_ones_have_their_deviation_and_tails(name: str, shape: str) -> None:
    call, deviation = NORMAL[name]
    values, sigma = filled(call, shape), deviation(*FANS[shape])
    n = values.size
    assert abs(values.mean()) < 5 * sigma / math.sqrt(n)
    assert abs(values.std() / sigma - 1) < 5 / math.sqrt(2 * n)
    for limit, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
        beyond = (abs(values) > limit * sigma).mean()
        assert abs(beyond - share) < 5 * math.sqrt(share / n)


@pytest.mark.parametrize(("mean", "std", "low", "high"), [(0, 1, -2, 2), (1, 0.5, 0, 1.2), (0, 1, 0.5, 3)])
def test_truncated_ones_stay_within_their_bounds(mean: float, std: float, low: float, high: float) -> None:
    """Mean and deviation are those of the truncated distribution, from its density summed finely."""
    values = init.trunc_normal_(tensor(np.zeros(60_000)), mean, std, low, high).numpy().astype(np.float64)
    grid = np.linspace(low, high, 20_001)
    density = np.exp(-(((grid - mean) / std) ** 2) / 2)
    density /= density.sum()
    middle = (grid * density).sum()
    spread = math.sqrt(((grid - middle) ** 2 * density).sum())
    assert low <= values.min() < values.max() <= high
    assert abs(values.mean() - middle) < 5 * spread / math.sqrt(values.size)
    assert abs(values.std() / spread - 1) < 0.02


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (5, 2, 3), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...], gain: float) -> None:
    matrix = init.orthogonal_(tensor(np.zeros(shape)), gain).numpy().reshape(shape[0], -1).astype(np.float64)
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(small @ small.T, gain**2 * np.eye(len(small)), atol=1e-5 * gain**2)


def test_orthogonal_matrices_are_turned_every_way() -> None:
    """No sign is preferred: the corner of many has mean 0."""
    corners = [init.orthogonal_(tensor(np.zeros((3, 3)))).numpy()[0, 0] for _ in range(400)]
    assert abs(np.mean(corners)) < 5 / math.sqrt(3 * 400)


@pytest.mark.parametrize("name", GAINS)
def test_gains_are_torchs(name: str) -> None:
    options = {"leaky_relu": (0,)}.get(name, ())
    assert init.calculate_gain(name, *options) == pytest.approx(torch.nn.init.calculate_gain(name, *options))
    assert init.calculate_gain(name, *options) == pytest.approx(GAINS[name])


FIXED: dict[str, tuple[Fill, tuple[int, ...]]] = {
    "constant": (lambda i, w: i.constant_(w, 0.3), (3, 2)), "ones": (lambda i, w: i.ones_(w), (3,)),
    "zeros": (lambda i, w: i.zeros_(w), (3,)), "eye": (lambda i, w: i.eye_(w), (3, 5)),
    "dirac": (lambda i, w: i.dirac_(w), (4, 3, 3, 3)), "dirac of groups": (lambda i, w: i.dirac_(w, 2), (4, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_those_that_draw_nothing_are_torchs(name: str) -> None:
    call, shape = FIXED[name]
    mine, theirs = Tensor(np.full(shape, 7.0)), torch.full(shape, 7.0)
    np.testing.assert_array_equal(call(init, mine).numpy(), call(torch.nn.init, theirs).numpy())
