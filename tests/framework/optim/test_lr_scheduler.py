"""Every schedule, step for step as torch's, with two groups; state in the middle; what is refused."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.framework import checkpoint, nn, optim
from weft.framework.errors import CheckpointError, FrameworkError, TraceError
from weft.framework.jit import jit
from weft.framework.optim import lr_scheduler
from weft.framework.tensor import Tensor

STEPS = 100
UNCHECKED: Any = [1.0, 2.0]
"""What a type checker would find wrong."""
Make = Callable[[Any, Any], Any]
"""A schedule from a library's lr_scheduler module and an optimiser."""


class Falling:
    """A function that is an object, with state of its own."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        return 0.97**epoch + 0.001 * self.calls


CASES: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), Falling()]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9 + 0.01 * (epoch % 7)),
    "step": lambda s, o: s.StepLR(o, 7, 0.5),
    "multi-step": lambda s, o: s.MultiStepLR(o, [30, 10, 30, 77], 0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 9),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.8, 40),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o, 60, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 13, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "equal restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 8),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 7, 5),
    "cyclic 2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], 0.1, 7, mode="triangular2", base_momentum=0.6),
    "cyclic exp": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 9, mode="exp_range", gamma=0.98, cycle_momentum=False),
    "cyclic own": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 9, scale_fn=lambda x: 0.9**x, scale_mode="iterations"),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.1, 0.3], total_steps=STEPS + 1),
    "one cycle 3": lambda s, o: s.OneCycleLR(
        o, 0.1, epochs=11, steps_per_epoch=10, three_phase=True, anneal_strategy="linear", pct_start=0.25
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 8), s.ExponentialLR(o, 0.95), s.CosineAnnealingLR(o, 30)], [8, 50]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.2, 1.0, 10), s.StepLR(o, 11, 0.7)]),
    "nested": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)]), s.PolynomialLR(o, 50)], [20]
    ),
}


def ours(beta: bool = False) -> optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": [nn.Parameter([1.0])]}, {"params": [nn.Parameter([2.0])], "lr": 0.02}]
    return optim.AdamW(groups, lr=0.05) if beta else optim.SGD(groups, lr=0.05, momentum=0.9)


def torchs(beta: bool = False) -> Any:
    torch = pytest.importorskip("torch", reason="torch is the oracle of schedules")
    groups: Any = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(2)]
    groups[1]["lr"] = 0.02
    return torch.optim.AdamW(groups, lr=0.05) if beta else torch.optim.SGD(groups, lr=0.05, momentum=0.9)


def options(optimizer: Any) -> list[tuple[float, ...]]:
    """Learning rates and momenta."""
    found = []
    for group in optimizer.param_groups:
        found.append((group["lr"], *group["betas"]) if "betas" in group else (group["lr"], group["momentum"]))
    return found


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
@pytest.mark.parametrize("beta", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_schedules_are_torchs(name: str, beta: bool) -> None:
    one, two = ours(beta), torchs(beta)
    import torch

    schedule, theirs = CASES[name](lr_scheduler, one), CASES[name](torch.optim.lr_scheduler, two)
    for epoch in range(STEPS):
        np.testing.assert_allclose(options(one), options(two), rtol=1e-12, atol=1e-15, err_msg=f"epoch {epoch}")
        np.testing.assert_allclose(schedule.get_last_lr(), theirs.get_last_lr(), rtol=1e-12, atol=1e-15)
        if hasattr(theirs, "last_epoch"):
            assert schedule.last_epoch == theirs.last_epoch
        schedule.step()
        theirs.step()


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateaus_are_torchs(mode: str, threshold_mode: str) -> None:
    one, two = ours(), torchs()
    import torch

    given: Any = {
        "mode": mode,
        "threshold_mode": threshold_mode,
        "factor": 0.5,
        "patience": 2,
        "cooldown": 3,
        "threshold": 0.05,
        "min_lr": [0.001, 0.003],
    }
    schedule = lr_scheduler.ReduceLROnPlateau(one, **given)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(two, **given)
    rng = np.random.default_rng(1)
    for epoch in range(STEPS):
        measured = float(np.exp(-0.05 * epoch) + 0.1 * rng.normal())
        schedule.step(Tensor(np.float32(measured)) if epoch % 2 else measured)
        theirs.step(torch.tensor(np.float32(measured)) if epoch % 2 else measured)
        assert options(one) == options(two)
        assert (schedule.best, schedule.num_bad_epochs) == (theirs.best, theirs.num_bad_epochs)


@pytest.mark.parametrize("name", CASES)
def test_schedules_go_on_from_a_file(name: str, tmp_path: Path) -> None:
    one = ours()
    schedule = CASES[name](lr_scheduler, one)
    for _ in range(23):
        schedule.step()
    checkpoint.save(tmp_path / "f", {"schedule": schedule.state_dict(), "optimizer": one.state_dict()})
    two = ours()
    other = CASES[name](lr_scheduler, two)
    state = checkpoint.load(tmp_path / "f")
    other.load_state_dict(state["schedule"])
    two.load_state_dict(state["optimizer"])
    for _ in range(40):
        schedule.step()
        other.step()
        assert (options(one), schedule.get_last_lr()) == (options(two), other.get_last_lr())


def test_a_schedule_of_a_jitted_step_compiles_at_most_one_step_more() -> None:
    for beta in (False, True):
        optimizer = ours(beta)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]

        @jit
        def step(x: Tensor, optimizer: Any = optimizer, parameters: Any = parameters) -> None:
            optimizer.zero_grad()
            (parameters[0] * x * parameters[1]).sum().backward()
            optimizer.step()

        schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=30)
        for _ in range(20):
            step(Tensor([0.5]))
            schedule.step()
        assert step.traces <= 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), FrameworkError, "step_size is a positive integer, not 0"),
        (lambda o: lr_scheduler.StepLR(o.param_groups, 3), FrameworkError, "StepLR takes an optimizer, not a list"),
        (lambda o: lr_scheduler.LambdaLR(o, UNCHECKED), FrameworkError, "is a function of the epoch, not a float"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs]), FrameworkError, "lr_lambda has 1 values for 2 parameter groups"),
        (lambda o: lr_scheduler.StepLR(o, 3, last_epoch=4), FrameworkError, "group 0 has no 'initial_lr': load the"),
        (lambda o: lr_scheduler.LinearLR(o, 0.0), FrameworkError, "start_factor lies above 0 to 1; it is 0.0"),
        (lambda o: lr_scheduler.ConstantLR(o, 2.0), FrameworkError, "factor lies from 0 to 1; it is 2.0"),
        (lambda o: lr_scheduler.CyclicLR(o, 1, 2, mode="x"), FrameworkError, "mode is one of triangular, .*, not 'x'"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1), FrameworkError, "OneCycleLR takes total_steps, or epochs and"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1, 5, anneal_strategy="x"), FrameworkError, "'cos' or 'linear', not 'x'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "x"), FrameworkError, "mode is 'min' or 'max', not 'x'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), FrameworkError, "factor is below 1; it is 1"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), FrameworkError, "SequentialLR takes at least one scheduler"),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 3)], [2]),
            FrameworkError,
            "0 between 1, not 1",
        ),
        (lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(o)]), FrameworkError, "needs what is"),
        (lambda o: lr_scheduler.StepLR(o, 3).load_state_dict({"a": 1}), CheckpointError, "the state of a StepLR is"),
        (lambda o: jit(lambda s: s.step())(lr_scheduler.StepLR(o, 3)), TraceError, r"StepLR.step\(\) belongs outside"),
        (
            lambda o: operator.attrgetter("StepLr")(lr_scheduler),
            AttributeError,
            "lr_scheduler has no StepLr; did you mean StepLR",
        ),
        (
            lambda o: lr_scheduler.CyclicLR(optim.Adagrad([nn.Parameter([1.0])]), 1, 2),
            FrameworkError,
            "Adagrad has neither momentum nor betas; give cycle_momentum=False",
        ),
    ],
)
def test_what_schedules_refuse(make: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"test_lr_scheduler.py:\d+: .*{message}"):
        make(ours())
