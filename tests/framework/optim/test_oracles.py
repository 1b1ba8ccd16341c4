"""Lion and Muon against what their papers say, written anew in NumPy, with all their options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.jit import jit
from weft.framework.tensor import Tensor

STEPS = 100
RNG = np.random.default_rng(2)
START, GRADIENTS = RNG.normal(size=(4, 6)), RNG.normal(size=(STEPS, 4, 6))


def lion(options: dict[str, Any]) -> Any:
    """Chen and others 2023, algorithm 2, in double precision."""
    lr, (b1, b2), decay = options.get("lr", 1e-4), options.get("betas", (0.9, 0.99)), options.get("weight_decay", 0.0)
    p, m = START.copy(), np.zeros_like(START)
    for g in GRADIENTS if not options.get("maximize") else -GRADIENTS:
        p -= lr * (np.sign(b1 * m + (1 - b1) * g) + decay * p)
        m = b2 * m + (1 - b2) * g
    return p


def muon(options: dict[str, Any]) -> Any:
    """Jordan and others 2024, with the polar factor itself in place of five steps towards it."""
    lr, decay, momentum = options.get("lr", 1e-3), options.get("weight_decay", 0.1), options.get("momentum", 0.95)
    p, m = START.copy(), np.zeros_like(START)
    for g in GRADIENTS:
        m = momentum * m + (1 - momentum) * g
        d = momentum * m + (1 - momentum) * g if options.get("nesterov", True) else m
        u, _, v = np.linalg.svd(d, full_matrices=False)
        p = p * (1 - lr * decay) - lr * max(1, p.shape[0] / p.shape[1]) ** 0.5 * (u @ v)
    return p


def ours(kind: str, options: dict[str, Any], jitted: bool) -> Any:
    p = nn.Parameter(START)
    optimizer = getattr(optim, kind)([p], **options)

    def step(g: Tensor) -> None:
        optimizer.zero_grad()
        (p * g).sum().backward()
        optimizer.step()

    run = jit(step) if jitted else step
    for g in GRADIENTS:
        run(Tensor(g))
    return p.numpy().astype(np.float64)


LION: list[dict[str, Any]] = [
    {}, {"lr": 0.01}, {"lr": 0.01, "betas": (0.5, 0.8)}, {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "maximize": True, "weight_decay": 0.02},
]  # fmt: skip
MUON: list[dict[str, Any]] = [
    {"lr": 0.02}, {"lr": 0.02, "nesterov": False}, {"lr": 0.02, "weight_decay": 0.0, "momentum": 0.5},
]


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("options", LION, ids=str)
def test_lion_is_the_papers(options: dict[str, Any], jitted: bool) -> None:
    np.testing.assert_allclose(ours("Lion", options, jitted), lion(options), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", MUON, ids=str)
def test_muon_goes_along_the_polar_factor(options: dict[str, Any]) -> None:
    """Its five steps leave singular values between about 0.7 and 1.2, so it goes the same way about as far."""
    moved, exact = (end - START * (1 - options["lr"] * options.get("weight_decay", 0.1)) ** STEPS for end in (
        ours("Muon", options, True), muon(options)))  # fmt: skip
    cosine = (moved * exact).sum() / np.linalg.norm(moved) / np.linalg.norm(exact)
    assert cosine > 0.97
    assert 0.7 < np.linalg.norm(moved) / np.linalg.norm(exact) < 1.3
