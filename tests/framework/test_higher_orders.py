"""Gradients of gradients of gradients are torch's, whatever is differentiated and however its results are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
import weft.nn.functional


def _normalised(m: Any, x: Any, axis: int, function: Callable[[Any], Any]) -> Any:
    """Written out in torch, which takes its layer_norm's and batch_norm's mean for constant from the third order on."""
    if m is weft:
        return function(x)
    spread = x.var(axis, keepdim=True, unbiased=False)
    return (x - x.mean(axis, keepdim=True)) / (spread + 1e-5).sqrt()


def _batch_norm(m: Any, f: Any, x: Any) -> Any:
    return _normalised(m, x.reshape(6, 4), 0, lambda y: f.batch_norm(y, None, None, training=True))


def _layer_norm(m: Any, f: Any, x: Any) -> Any:
    return _normalised(m, x, -1, lambda y: f.layer_norm(y, (4,)))


# Functions of x [2, 3, 4] and w [4, 4]; m: weft or torch, f: its nn.functional.
FUNCTIONS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "sigmoid": lambda m, f, x, w: (x @ w).sigmoid(),
    "gelu": lambda m, f, x, w: f.gelu(x @ w),
    "silu": lambda m, f, x, w: f.silu(x @ w),
    "mish": lambda m, f, x, w: f.mish(x @ w),
    "softplus": lambda m, f, x, w: f.softplus(x @ w),
    "softmax": lambda m, f, x, w: (x @ w).softmax(1),
    "log_softmax": lambda m, f, x, w: (x @ w).log_softmax(-1),
    "logsumexp": lambda m, f, x, w: m.logsumexp(x @ w, 1),
    "layer_norm": lambda m, f, x, w: _layer_norm(m, f, x @ w),
    "batch_norm": lambda m, f, x, w: _batch_norm(m, f, x @ w),
    "group_norm": lambda m, f, x, w: f.group_norm(x @ w, 3),
    "cross_entropy": lambda m, f, x, w: f.cross_entropy((x @ w).reshape(6, 4), m.tensor([0, 1, 2, 3, 0, 1])),
    "attention": lambda m, f, x, w: f.scaled_dot_product_attention(x @ w, x, x.sin()),
    "causal attention": lambda m, f, x, w: f.scaled_dot_product_attention(x @ w, x, x.sin(), is_causal=True),
    "std": lambda m, f, x, w: (x @ w).std(1),
    "norm": lambda m, f, x, w: m.norm(x @ w, dim=-1),
    "prod": lambda m, f, x, w: (x @ w).prod(-1),
    "cumsum": lambda m, f, x, w: (x @ w).cumsum(1),
    "pow": lambda m, f, x, w: ((x @ w) ** 2 + 1) ** (x / 2),
    "conv1d": lambda m, f, x, w: f.conv1d(x.transpose(1, 2), (w @ w).reshape(4, 4, 1)),
    "one after the other": lambda m, f, x, w: f.gelu(_layer_norm(m, f, f.softmax(x @ w, -1) @ w)),
}
# How a result is used: that its gradient reads the result or not, and whether what it was made of is read elsewhere.
USES: dict[str, Callable[[Any, Any], Any]] = {
    "as it is": lambda y, x: y,
    "by itself": lambda y, x: y * y * y,
    "exp": lambda y, x: (y / 4).exp(),
    "beside its operand": lambda y, x: (y * y).sum() * x,
    "doubled": lambda y, x: y * 2,
}


def orders(m: Any, f: Any, function: str, use: str) -> list[np.ndarray]:
    """The first three gradients by x and w."""
    draw = np.random.default_rng(0)
    x, w = (m.tensor(draw.standard_normal(shape), dtype=m.float64).requires_grad_() for shape in ((2, 3, 4), (4, 4)))
    y = USES[use](FUNCTIONS[function](m, f, x, w), x)
    value = (
        y * m.linspace(0.5, 1.5, y.numel(), dtype=m.float64).reshape(y.shape)
    ).sum()  # each element has its own part
    found = []
    for _ in range(3):
        gradients = m.autograd.grad(value, (x, w), create_graph=True)
        found += [g.detach().numpy() for g in gradients]
        value = sum((g * g).sum() for g in gradients)
    return found


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_three_orders(function: str, use: str) -> None:
    expected = orders(torch, torch.nn.functional, function, use)
    for ours, theirs in zip(orders(weft, weft.nn.functional, function, use), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9 * np.abs(theirs).max())
