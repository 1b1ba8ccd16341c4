"""Every optimiser with its options, two groups, step for step as torch has it, jitted and not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.jit import jit
from weft.framework.nn.functional import mse_loss
from weft.framework.tensor import Tensor

STEPS = 100
ULP = 2.0**-23
Options = dict[str, Any]

CASES: dict[str, tuple[str, Options, Options]] = {
    "sgd": ("SGD", {"lr": 0.05}, {"lr": 0.02}),
    "sgd momentum": ("SGD", {"lr": 0.02, "momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1}),
    "sgd dampening": ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}, {"dampening": 0.0}),
    "sgd nesterov": ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, {"nesterov": False}),
    "sgd maximize": ("SGD", {"lr": 0.001, "maximize": True}, {"maximize": False, "lr": 0.02}),
    "adam": ("Adam", {"lr": 0.02}, {"lr": 0.01, "betas": (0.8, 0.9)}),
    "adam amsgrad": ("Adam", {"lr": 0.02, "amsgrad": True, "eps": 1e-3}, {"amsgrad": False}),
    "adam decay": ("Adam", {"lr": 0.02, "weight_decay": 0.1}, {"weight_decay": 0.0}),
    "adam beta 0": ("Adam", {"lr": 0.02, "betas": (0.0, 0.99)}, {"lr": 0.03}),
    "adam maximize": ("Adam", {"lr": 0.001, "maximize": True}, {"maximize": False}),
    "adamw": ("AdamW", {"lr": 0.02}, {"weight_decay": 0.2, "lr": 0.05}),
    "adamw amsgrad": ("AdamW", {"lr": 0.02, "amsgrad": True}, {"betas": (0.5, 0.8)}),
    "adagrad": ("Adagrad", {"lr": 0.1}, {"lr": 0.2}),
    "adagrad decay": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.2},
        {"weight_decay": 0.1, "eps": 1e-3},
    ),
    "adadelta": ("Adadelta", {}, {"lr": 0.5, "rho": 0.8}),
    "adadelta decay": (
        "Adadelta",
        {"weight_decay": 0.1, "eps": 1e-4},
        {"weight_decay": 0.0, "maximize": True, "lr": 0.01},
    ),
    "adamax": ("Adamax", {"lr": 0.02}, {"betas": (0.7, 0.9), "weight_decay": 0.1}),
    "nadam": ("NAdam", {"lr": 0.02}, {"betas": (0.8, 0.95), "momentum_decay": 0.1}),
    "nadam decoupled": (
        "NAdam",
        {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"decoupled_weight_decay": False},
    ),
    "radam": ("RAdam", {"lr": 0.02}, {"betas": (0.8, 0.9)}),
    "radam decoupled": (
        "RAdam",
        {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.9, 0.5)},
    ),
    "rmsprop": ("RMSprop", {"lr": 0.01}, {"alpha": 0.9, "lr": 0.02}),
    "rmsprop centered": (
        "RMSprop",
        {"lr": 0.01, "centered": True, "momentum": 0.8, "eps": 1e-3},
        {"centered": False, "momentum": 0.0},
    ),
    "rprop": ("Rprop", {"lr": 0.01}, {"etas": (0.3, 1.1), "step_sizes": (1e-4, 0.05)}),
    "asgd": ("ASGD", {"lr": 0.05, "t0": 20.0}, {"lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1}),
}
"""Name → optimiser, its options, and those that the second group has of its own."""
MATRICES: dict[str, tuple[str, Options, Options]] = {
    "muon": ("Muon", {"lr": 0.02}, {"nesterov": False, "weight_decay": 0.0}),
    "muon adjusted": ("Muon", {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw"}, {"momentum": 0.5, "ns_steps": 3}),
}


def batches(seed: int = 3) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(6, 4))
    for _ in range(STEPS):
        x = rng.normal(size=(16, 6))
        yield x.astype(np.float32), (x @ true + 0.1 * rng.normal(size=(16, 4))).astype(np.float32)


Model = dict[str, Any]


def torch_run(case: tuple[str, Options, Options], dtype: str, before: Callable[[int, Any], None]) -> tuple[Any, Any]:
    """A little network after all steps in torch, its layers in two groups, and its optimiser."""
    torch = pytest.importorskip("torch", reason="torch is the oracle of optimisers")
    torch.set_num_threads(1)
    kind, options, second = case
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 4)).to(
        getattr(torch, dtype)
    )
    model.load_state_dict({name: torch.tensor(value) for name, value in weights().items()})
    optimizer = getattr(torch.optim, kind)(groups(model, kind, second), **options)
    for i, (x, y) in enumerate(batches()):
        before(i, optimizer)
        optimizer.zero_grad()
        given, wanted = (torch.tensor(array).to(getattr(torch, dtype)) for array in (x, y))
        torch.nn.functional.mse_loss(model(given), wanted).backward()
        forget(i, model)
        optimizer.step()
    return model, optimizer


def our_run(
    case: tuple[str, Options, Options], jitted: bool, before: Callable[[int, Any], None]
) -> tuple[nn.Module, optim.Optimizer, int]:
    """The same here, and how often the step was traced."""
    kind, options, second = case
    model = nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 4))
    model.load_state_dict(weights())
    optimizer = getattr(optim, kind)(groups(model, kind, second), **options)

    def step(x: Tensor, y: Tensor, whole: bool) -> None:
        optimizer.zero_grad()
        mse_loss(model(x), y).backward()
        forget(0 if whole else 1, model)
        optimizer.step()

    jit_step = jit(step)
    for i, (x, y) in enumerate(batches()):
        before(i, optimizer)
        (jit_step if jitted else step)(Tensor(x), Tensor(y), i % PERIOD != 1)
    return model, optimizer, jit_step.traces


PERIOD = 10
"""At every so manyth step one parameter has no gradient."""


def forget(i: int, model: Any) -> None:
    if i % PERIOD == 1:
        model[2].weight.grad = None


def weights() -> dict[str, Any]:
    rng, shapes = np.random.default_rng(5), {"0.weight": (8, 6), "0.bias": (8,), "2.weight": (4, 8), "2.bias": (4,)}
    return {name: (0.5 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def groups(model: Any, kind: str, second: Options) -> list[Options]:
    """The layers' parameters in two groups; Muon takes matrices only."""
    chosen = [[layer.weight] if kind == "Muon" else list(layer.parameters()) for layer in (model[0], model[2])]
    return [{"params": chosen[0]}, {"params": chosen[1], **second}]


def distance(model: Any, exact: Any) -> float:
    """The largest difference of a parameter from the float64 run's over its largest element, in float32 ulps."""
    worst = 0.0
    for (_, p), (_, e) in zip(model.named_parameters(), exact.named_parameters(), strict=True):
        found, right = (np.asarray(t.detach().numpy(), np.float64) for t in (p, e))
        worst = max(worst, float(np.abs(found - right).max() / np.abs(right).max()))
    return worst / ULP


def unchanged(i: int, optimizer: Any) -> None:
    """Options stay."""


def schedule(i: int, optimizer: Any) -> None:
    """Another learning rate at every step, and now and then other options, as a script writes them."""
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.99
        if i % 30 == 29 and "betas" in group:
            group["betas"] = (group["betas"][0] * 0.9, group["betas"][1])
        if i % 30 == 29 and "momentum" in group:
            group["momentum"] = group["momentum"] * 0.9


@pytest.mark.filterwarnings("ignore::weft.framework.jit.RetraceWarning")
@pytest.mark.parametrize("before", [unchanged, schedule])
@pytest.mark.parametrize("name", CASES)
def test_optimisers_are_torchs(name: str, before: Callable[[int, Any], None]) -> None:
    """No farther from the steps in float64 than twice torch's own float32, jitted and not, and traced seldom."""
    case = CASES[name]
    exact, single = (torch_run(case, dtype, before)[0] for dtype in ("float64", "float32"))
    allowed = 2 * distance(single, exact) + 16
    for jitted in (True, False):
        model, _, traces = our_run(case, jitted, before)
        found = distance(model, exact)
        assert found < allowed, f"{'jitted' if jitted else 'not jitted'}: {found} ulp, torch {distance(single, exact)}"
        assert traces <= 6


@pytest.mark.parametrize("name", MATRICES)
def test_muon_is_torchs_as_far_as_bfloat16_goes(name: str) -> None:
    case = MATRICES[name]
    single, _ = torch_run(case, "float32", unchanged)
    for jitted in (True, False):
        assert distance(our_run(case, jitted, unchanged)[0], single) * ULP < 0.03
