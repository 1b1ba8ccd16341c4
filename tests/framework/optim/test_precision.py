"""A float64 model trains in float64: no number that its step meets is rounded to float32 on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.framework.optim.test_optimizers import CASES, groups, weights
from weft.framework import nn, optim
from weft.framework.jit import jit
from weft.framework.nn.functional import mse_loss
from weft.framework.nn.utils import clip_grad_norm_
from weft.framework.tensor import Tensor

SCALE, MOST = 0.3, 0.7
"""A number of the loss, and the norm that gradients are clipped to: neither is a float32."""


def batches() -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(3)
    for _ in range(12):
        yield rng.normal(size=(16, 6)), rng.normal(size=(16, 4))


def our_run(name: str, dtype: str, jitted: bool, late: bool = False) -> list[Any]:
    """The parameters after all steps. late: the model is converted when the optimiser is there already."""
    kind, options, second = CASES[name]
    model = nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 4))
    model.load_state_dict(weights())
    if not late:
        model.to(dtype)
    optimizer = getattr(optim, kind)(groups(model, kind, second), **options)
    model.to(dtype)

    def step(x: Tensor, y: Tensor, scale: float) -> None:
        optimizer.zero_grad()
        (mse_loss(model(x), y) * scale).backward()
        clip_grad_norm_(model.parameters(), MOST)
        optimizer.step()

    run = jit(step) if jitted else step
    for x, y in batches():
        run(Tensor(x, dtype=dtype), Tensor(y, dtype=dtype), SCALE)
    return [p.numpy().astype(np.float64) for p in model.parameters()]


def torch_run(name: str) -> list[Any]:
    torch = pytest.importorskip("torch", reason="torch is the oracle of optimisers")
    kind, options, second = CASES[name]
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # which its optimisers keep their scalars in
    try:
        model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 4))
        model.load_state_dict({name: torch.tensor(value).double() for name, value in weights().items()})
        optimizer = getattr(torch.optim, kind)(groups(model, kind, second), **options)
        for x, y in batches():
            optimizer.zero_grad()
            (torch.nn.functional.mse_loss(model(torch.tensor(x)), torch.tensor(y)) * SCALE).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MOST)
            optimizer.step()
    finally:
        torch.set_default_dtype(default)
    return [p.detach().numpy() for p in model.parameters()]


def apart(a: list[Any], b: list[Any]) -> float:
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_float64_is_kept_jitted_and_not(name: str) -> None:
    exact = torch_run(name)
    for jitted in (True, False):
        for late in (True, False):
            found = apart(our_run(name, "float64", jitted, late), exact)
            assert found < 1e-13, f"{'jitted' if jitted else 'not jitted'}, {'late' if late else 'early'}: {found}"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_a_jitted_step_rounds_as_one_that_is_not(name: str, dtype: str) -> None:
    room = {"float32": 1e-5, "bfloat16": 0.1}[dtype]
    assert apart(our_run(name, dtype, jitted=True), our_run(name, dtype, jitted=False)) < room
