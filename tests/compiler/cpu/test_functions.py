"""The polynomial functions: errors within what is stated, special values as in C."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.functions import MAX_ULP
from weft.framework.builder import GraphBuilder
from weft.framework.primitives.base import Array

NUMPY = {"exp": np.exp, "log": np.log}


def compiled(name: str, x: Array) -> Array:
    b = GraphBuilder()
    graph = b.build({"y": b.apply(name, b.input("x", x.shape, "float32"))})
    return CpuDevice().compile(graph)({"x": x}).outputs["y"]


def samples(name: str) -> Array:
    rng = np.random.default_rng(0)
    if name == "log":  # every exponent, subnormals too, and closely around one
        everywhere = rng.integers(1, 0x7F800000, 200_000).astype(np.uint32).view(np.float32)
        return np.concatenate([everywhere, rng.uniform(0.5, 2, 200_000).astype(np.float32)])
    return np.concatenate([rng.uniform(-87, 88.7, 200_000), rng.normal(0, 1e-3, 200_000)]).astype(np.float32)


@pytest.mark.parametrize("name", MAX_ULP)
def test_error_is_within_the_stated_one(name: str) -> None:
    x = samples(name)
    exact = NUMPY[name](x.astype(np.float64))
    error = np.abs(compiled(name, x) - exact) / np.spacing(np.abs(exact.astype(np.float32))).astype(np.float64)
    assert 0.5 < error.max() <= MAX_ULP[name]


@pytest.mark.parametrize("name", MAX_ULP)
def test_special_values(name: str) -> None:
    x = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, 3e38, -3e38, 88.8, -104, -100], np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(name, x), NUMPY[name](x), rtol=2e-7, atol=1.5e-45)


def test_subnormal_results_are_rounded_once() -> None:
    x = np.linspace(-103, -88, 5001).astype(np.float32)
    assert np.abs(compiled("exp", x) - np.exp(x.astype(np.float64))).max() <= 1.01 * 2.0**-149
