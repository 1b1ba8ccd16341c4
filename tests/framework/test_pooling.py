"""Pooling functions: values, indices and gradients of torch, NaN and ties included, and what is said of a mistake."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from weft.framework.errors import FrameworkError
from weft.framework.tensor import Tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of pooling")


def drawn(name: str, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """An input with many ties (every third with NaN and infinities), and options."""
    rng, axes = random.Random(seed), int(name[-2])
    numbers = np.random.default_rng(seed)

    def each(least: int, most: list[int]) -> Any:
        drawn = tuple(rng.randint(least, n) for n in most)
        return drawn if rng.random() < 0.6 else (min(drawn),) * axes

    extents = [rng.choice((5, 6, 8, 9)) for _ in range(axes)]
    options: dict[str, Any] = {}
    if name.startswith("adaptive"):
        options["output_size"] = each(1, [n + 1 for n in extents])
        if axes == 2 and rng.random() < 0.2:
            options["output_size"] = (None, options["output_size"][1])
    else:
        kernel = each(1, [3] * axes)
        options |= {"kernel_size": kernel, "padding": each(0, [k // 2 for k in kernel])}
        if rng.random() < 0.6:
            options["stride"] = each(1, [4] * axes)
        options["ceil_mode"] = rng.random() < 0.5
        if name.startswith("max"):
            options["dilation"] = each(1, [2] * axes)
        elif rng.random() < 0.5:
            options["count_include_pad"] = False
        if name == "avg_pool2d" and rng.random() < 0.3:
            options["divisor_override"] = 3
    lead = [rng.choice((1, 2, 3))] if rng.random() < 0.8 else []
    x = numbers.integers(-4, 5, (*lead, 2, *extents)).astype(np.float32)
    if "max" in name and seed % 3 == 0:
        x = np.where(numbers.random(x.shape) < 0.3, numbers.choice([math.nan, -math.inf, math.inf], x.shape), x)
    return x.astype(np.float32), options


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("name", [f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg")
                                  for n in (1, 2)])  # fmt: skip
def test_values_indices_and_gradients_are_those_of_torch(name: str, seed: int) -> None:
    x, options = drawn(name, seed)
    theirs, ours = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    wanted, made = getattr(torch.nn.functional, name)(theirs, **options), getattr(F, name)(ours, **options)
    np.testing.assert_allclose(made.numpy(), wanted.detach().numpy(), rtol=1e-6)
    weights = np.random.default_rng(seed).integers(1, 5, made.shape).astype(np.float32)
    (wanted * torch.tensor(weights)).sum().backward()
    (made * weights).sum().backward()
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5)
    if "max" in name:
        _, wanted = getattr(torch.nn.functional, name)(theirs, **options, return_indices=True)
        again, indices = getattr(F, name)(ours, **options, return_indices=True)
        np.testing.assert_array_equal(again.numpy(), made.numpy())
        assert indices.dtype is weft.int32
        np.testing.assert_array_equal(indices.numpy(), wanted.numpy())


def test_integers_and_bfloat16() -> None:
    x = weft.arange(9).reshape(1, 1, 3, 3)
    assert F.max_pool2d(x, 2).numpy().tolist() == [[[[4]]]]
    assert F.adaptive_max_pool2d(x - 9, 2).numpy().tolist() == [[[[-5, -4], [-2, -1]]]]
    narrow = F.avg_pool2d(Tensor(np.full((1, 1, 16, 16), 1.0)).to(weft.bfloat16), 16)
    assert (narrow.dtype, narrow.item()) == (weft.bfloat16, 1.0)


def test_pooling_within_jit() -> None:
    """What is laid out apart and counted is the same in a trace."""

    @weft.jit
    def pooled(x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, 3) + F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)

    x = Tensor(np.random.default_rng(0).normal(size=(2, 1, 5, 5)))
    wanted = F.adaptive_avg_pool2d(x, 3) + F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    for _ in range(3):
        np.testing.assert_array_equal(pooled(x).numpy(), wanted.numpy())


X = weft.ones(1, 2, 5, 5)
FRACTION: Any = 1.5
WRONG: dict[str, Any] = {
    "max_pool2d takes [N, channels, height, width] or the same without N, not [5, 5]": (
        lambda: F.max_pool2d(X[0, 0], 2)
    ),
    "max_pool2d: the kernel reaches over [6, 6], but the padded input has [5, 5]": lambda: F.max_pool2d(X, 6),
    "max_pool2d: padding [2, 2] is more than half the kernel's [3, 3]": lambda: F.max_pool2d(X, 3, padding=2),
    "avg_pool2d: kernel_size is at least 1, not [0, 0]": lambda: F.avg_pool2d(X, 0),
    "avg_pool2d: kernel_size is one number or 2, not [1, 2, 3]": lambda: F.avg_pool2d(X, (1, 2, 3)),
    "avg_pool2d: divisor_override must not be 0": lambda: F.avg_pool2d(X, 2, divisor_override=0),
    "avg_pool2d takes floats, not int32; use .float() first": lambda: F.avg_pool2d(X.to(weft.int32), 2),
    "max_pool2d takes floats or integers, not bool": lambda: F.max_pool2d(X > 0, 2),
    "adaptive_avg_pool2d: output_size is one number or 2, not [1, 2, 3]": (
        lambda: F.adaptive_avg_pool2d(X, (1, 2, 3))
    ),
    "adaptive_avg_pool2d: output_size is at least 0": lambda: F.adaptive_avg_pool2d(X, -1),
    "adaptive_max_pool2d: output_size is an integer, not 1.5": (
        lambda: F.adaptive_max_pool2d(X, FRACTION)
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_said_at_the_users_line(message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"^tests/framework/test_pooling.py:\d+: {re.escape(message)}"):
        WRONG[message]()
