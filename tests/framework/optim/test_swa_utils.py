"""Means of weights, and the schedule that goes with them, as torch's; jitted and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.errors import FrameworkError
from weft.framework.jit import jit
from weft.framework.optim import swa_utils
from weft.framework.tensor import Tensor, tensor

MEANS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "equal": lambda s: {},
    "ema": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9)},
    "ema of one": lambda s: {"avg_fn": s.get_ema_avg_fn(0.8)},
    "swa": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "swa of all": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "own": lambda s: {"avg_fn": lambda mean, weights, count: mean * 0.5 + weights * 0.25},
}


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", MEANS)
def test_means_are_torchs(name: str, jitted: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of means")
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    mean = swa_utils.AveragedModel(ours, **MEANS[name](swa_utils))
    expected = torch.optim.swa_utils.AveragedModel(theirs, **MEANS[name](torch.optim.swa_utils))
    update = jit(lambda: mean.update_parameters(ours)) if jitted else lambda: mean.update_parameters(ours)
    rng = np.random.default_rng(4)
    for _ in range(100):
        values = {name: rng.normal(size=value.shape).astype(np.float32) for name, value in ours.state_dict().items()}
        ours.load_state_dict(values)
        theirs.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
        update()
        expected.update_parameters(theirs)
    assert mean.n_averaged.item() == expected.n_averaged.item() == 100
    for key, value in expected.state_dict().items():
        np.testing.assert_allclose(mean.state_dict()[key], value.numpy(), rtol=2e-6, atol=3e-7)
    x = rng.normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_allclose(
        mean(tensor(x)).numpy(), expected(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_a_mean_is_part_of_a_jitted_step_and_goes_on_from_a_state() -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    mean = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))

    @jit
    def step(x: Tensor) -> None:
        optimizer.zero_grad()
        (model(x) * model(x)).sum().backward()
        optimizer.step()
        mean.update_parameters(model)

    expected: Any = None
    for _ in range(4):
        step(tensor([[1.0, 2.0]]))
        now = model.state_dict()["weight"].numpy().astype(np.float64)
        expected = now if expected is None else 0.5 * expected + 0.5 * now
    assert step.traces == 1
    np.testing.assert_allclose(mean.state_dict()["module.weight"], expected, rtol=1e-6)
    twin = swa_utils.AveragedModel(model)
    twin.load_state_dict(mean.state_dict())
    assert twin.n_averaged.item() == 4


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 10])
def test_swalr_is_torchs(strategy: str, epochs: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of schedules")
    groups: list[dict[str, Any]] = [{"params": [nn.Parameter([1.0])]}, {"params": [nn.Parameter([1.0])], "lr": 0.5}]
    one = optim.SGD(groups, lr=0.1)
    two = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))]}, {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}],
        lr=0.1,
    )
    ours = swa_utils.SWALR(one, [0.01, 0.02], epochs, strategy)
    theirs = torch.optim.swa_utils.SWALR(two, [0.01, 0.02], epochs, strategy)
    for _ in range(20):
        np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-12)
        ours.step()
        theirs.step()


def test_what_is_refused() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(FrameworkError, match=r"test_swa_utils.py:\d+: decay lies from 0 to 1; it is 2.0"):
        swa_utils.get_ema_avg_fn(2)
    with pytest.raises(FrameworkError, match="AveragedModel takes avg_fn or multi_avg_fn, not both"):
        swa_utils.AveragedModel(model, None, swa_utils.get_swa_avg_fn(), swa_utils.get_swa_multi_avg_fn())
    with pytest.raises(FrameworkError, match="this Linear is not the model that was copied"):
        swa_utils.AveragedModel(model).update_parameters(nn.Linear(3, 1))
    swa_utils.update_bn([], model)  # without batch norm there is nothing to do
