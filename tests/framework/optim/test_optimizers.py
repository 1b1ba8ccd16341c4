"""Every optimiser with its options, two groups, step for step as torch has it, jitted and not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.functional import mse_loss
from weft.framework.jit import jit
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
        "Adagrad", {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.2}, {"weight_decay": 0.1, "eps": 1e-3},
    ),
    "adadelta": ("Adadelta", {}, {"lr": 0.5, "rho": 0.8}),
    "adadelta decay": ("Adadelta", {"weight_decay": 0.1, "eps": 1e-4}, {"weight_decay": 0.0, "maximize": True, "lr": 0.01}),
    "adamax": ("Adamax", {"lr": 0.02}, {"betas": (0.7, 0.9), "weight_decay": 0.1}),
    "nadam": ("NAdam", {"lr": 0.02}, {"betas": (0.8, 0.95), "momentum_decay": 0.1}),
    "nadam decoupled": ("NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}, {"decoupled_weight_decay": False}),
    "radam": ("RAdam", {"lr": 0.02}, {"betas": (0.8, 0.9)}),
    "radam decoupled": ("RAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}, {"betas": (0.9, 0.5)}),
    "rmsprop": ("RMSprop", {"lr": 0.01}, {"alpha": 0.9, "lr": 0.02}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.8, "eps": 1e-3}, {"centered": False, "momentum": 0.0}),
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


class Pair:
    """The same little network here and in torch, its layers in two groups, under one optimiser."""

    def __init__(self, kind: str, options: Options, second: Options, dtype: str = "float32") -> None:
        torch = pytest.importorskip("torch", reason="torch is the oracle of optimisers")
        rng = np.random.default_rng(5)
        self.dtype = getattr(torch, dtype)
        self.ours = nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 4, bias=kind != "Muon"))
        self.theirs = torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 4, bias=kind != "Muon")
        )
        values = {name: rng.normal(size=p.shape).astype(np.float32) * 0.5 for name, p in self.ours.named_parameters()}
        self.ours.load_state_dict(values)
        self.theirs.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
        self.theirs.to(self.dtype)
        self.optimizer = getattr(optim, kind)(self.groups(self.ours, kind, second), **options)
        self.torchs = getattr(torch.optim, kind)(self.groups(self.theirs, kind, second), **options)
        self.step = self.our_step

    @staticmethod
    def groups(model: Any, kind: str, second: Options) -> list[Options]:
        of = (lambda layer: [layer.weight]) if kind == "Muon" else (lambda layer: list(layer.parameters()))
        return [{"params": of(model[0])}, {"params": of(model[2]), **second}]

    def our_step(self, x: Tensor, y: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = mse_loss(self.ours(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def torch_step(self, x: Any, y: Any) -> None:
        import torch

        self.torchs.zero_grad()
        torch.nn.functional.mse_loss(self.theirs(torch.tensor(x).to(self.dtype)), torch.tensor(y).to(self.dtype)).backward()
        self.torchs.step()

    def error(self, exact: Pair) -> float:
        """The largest relative difference of a parameter, or of the optimiser's state, in units in the last place."""
        worst = 0.0
        for name, p in exact.theirs.named_parameters():
            e = p.detach().double().numpy()
            found = self.ours.state_dict()[name]
            worst = max(worst, float(np.abs(found - e).max() / np.abs(e).max()))
        return worst / ULP


def compare(case: tuple[str, Options, Options], jitted: bool, change: Callable[[Any, int], None]) -> float:
    import torch

    pair = Pair(*case)
    exact = Pair(*case, dtype="float64")
    step = jit(pair.our_step) if jitted else pair.our_step
    theirs = 0.0
    for i, (x, y) in enumerate(batches()):
        step(Tensor(x), Tensor(y))
        pair.torch_step(x, y)
        exact.torch_step(x, y)
        for optimizer in (pair.optimizer, pair.torchs, exact.torchs):
            change(optimizer, i)
    for name, p in exact.theirs.named_parameters():
        e = p.detach().numpy()
        single = dict(pair.theirs.named_parameters())[name].detach().double().numpy()
        theirs = max(theirs, float(np.abs(single - e).max() / np.abs(e).max()) / ULP)
    ours = pair.error(exact)
    print(case[0], jitted, "ours", ours, "torch", theirs, getattr(step, "traces", None))
    return ours


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", CASES | MATRICES)
def test_optimisers_are_torchs(name: str, jitted: bool) -> None:
    error = compare((CASES | MATRICES)[name], jitted, lambda optimizer, i: None)
    assert error < 100
