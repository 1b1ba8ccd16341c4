"""Mixed precision, scaled losses and accumulated gradients, in jitted functions and outside."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.amp import GradScaler, MixedPrecision
from weft.framework.dtypes import bfloat16, float32
from weft.framework.errors import CheckpointError, DTypeError, FrameworkError
from weft.framework.jit import jit
from weft.framework.nn.functional import mse_loss
from weft.framework.tensor import Tensor, tensor

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(8, 2)).astype(np.float32)


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_scaled_steps_are_torchs(kind: str, jitted: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of GradScaler")
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    one, two = getattr(optim, kind)(ours.parameters(), lr=0.1), getattr(torch.optim, kind)(theirs.parameters(), lr=0.1)
    settings: Any = {"init_scale": 8.0, "growth_interval": 3, "growth_factor": 4.0, "backoff_factor": 0.25}
    scaler, torchs = GradScaler(**settings), torch.amp.GradScaler("cpu", **settings)

    def step(x: Tensor, y: Tensor) -> None:
        one.zero_grad()
        scaler.scale(mse_loss(ours(x), y)).backward()
        scaler.step(one)
        scaler.update()

    run = jit(step) if jitted else step
    for i in range(30):
        spoilt = np.inf if i % 2 else np.nan
        x = X * np.array([1, spoilt if i % 7 == 3 else 1, 1], np.float32)
        run(tensor(x), tensor(Y))
        two.zero_grad()
        torchs.scale(torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(Y))).backward()
        torchs.step(two)
        torchs.update()
        assert scaler.get_scale() == torchs.get_scale()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-5, atol=1e-6)
    assert scaler.state_dict() == torchs.state_dict()
    if kind == "AdamW":
        assert one.state_dict()["state"][0]["step"] == two.state_dict()["state"][0]["step"].item() < 30


def test_unscaled_gradients_can_be_clipped_and_scalers_go_on() -> None:
    w = nn.Parameter([1.0])
    optimizer, scaler = optim.SGD([w], lr=1.0), GradScaler(init_scale=4.0, growth_interval=2)
    scaler.scale((w * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad is not None
    assert w.grad.tolist() == [3]
    with pytest.raises(FrameworkError, match=r"test_amp.py:\d+: unscale_\(\) of this optimizer a second time"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [-2]
    with pytest.raises(FrameworkError, match=r"update\(\) comes after step\(\)"):
        scaler.update()
    other = GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(CheckpointError, match="the state of this GradScaler is scale, growth_factor"):
        other.load_state_dict({})
    off = GradScaler(enabled=False)
    loss = (w * 3).sum()
    assert off.scale(loss) is loss
    assert (off.get_scale(), off.state_dict()) == (1.0, {})


@pytest.mark.parametrize("jitted", [False, True])
def test_a_model_computes_in_bfloat16_with_float32_weights(jitted: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    before = copy.deepcopy(model.state_dict())
    mixed = MixedPrecision(model)
    optimizer = optim.Adam(mixed.parameters(), lr=0.01)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        found = mixed(x)
        assert found.dtype is float32
        loss = mse_loss(found, y)
        loss.backward()
        optimizer.step()
        return loss

    run = jit(step)
    losses = [(run if jitted else step)(tensor(X), tensor(Y)).item() for _ in range(20)]
    assert losses[-1] < losses[0]
    assert run.traces == jitted
    for name, parameter in model.named_parameters():
        assert parameter.dtype is float32
        assert isinstance(parameter, nn.Parameter)
        moved = parameter.numpy()
        assert not np.array_equal(moved, before[name].numpy())
    w = {name: tensor(value).to(bfloat16) for name, value in model.state_dict().items()}
    hidden = (tensor(X).to(bfloat16) @ w["0.weight"].T + w["0.bias"]).sigmoid()
    assert mixed(tensor(X)).tolist() == (hidden @ w["2.weight"].T + w["2.bias"]).to(float32).tolist()
    with pytest.raises(DTypeError, match="a model computes in a float type, not in int32"):
        MixedPrecision(model, "int32")


def test_gradients_accumulate_within_a_jitted_step() -> None:
    model, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    twin.load_state_dict(model.state_dict())
    one, two = optim.AdamW(model.parameters(), lr=0.1), optim.AdamW(twin.parameters(), lr=0.1)

    @jit
    def step(x: Tensor, y: Tensor) -> None:
        one.zero_grad()
        for part in range(4):
            rows = slice(2 * part, 2 * part + 2)
            (mse_loss(model(x[rows]), y[rows]) / 4).backward()
        one.step()

    for _ in range(5):
        step(tensor(X), tensor(Y))
        two.zero_grad()
        mse_loss(twin(tensor(X)), tensor(Y)).backward()
        two.step()
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value, rtol=1e-5, atol=1e-6)
