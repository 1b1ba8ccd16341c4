"""L-BFGS step for step as torch's in float64, its state, its limits and mistakes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn, optim
from weft.framework.errors import CheckpointError, FrameworkError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4))
Y = np.sin(X @ RNG.normal(size=(4, 2)))
WEIGHTS = [RNG.normal(size=shape) * 0.5 for shape in ((4, 6), (6,), (6, 2))]
OPTIONS: list[dict[str, Any]] = [
    {**steps, **search}
    for steps in ({}, {"lr": 0.3}, {"max_iter": 4, "history_size": 2}, {"max_eval": 7, "tolerance_grad": 1e-3},
                  {"tolerance_change": 1e-3, "lr": 0.1})
    for search in ({}, {"line_search_fn": "strong_wolfe"})
]  # fmt: skip


class Run:
    """A network, or Rosenbrock's valley, under either library; the losses of all evaluations."""

    def __init__(self, of: Any, problem: str, **options: Any) -> None:
        values = WEIGHTS if problem == "network" else [np.array([-1.2, 1.0])]
        self.of, self.problem = of, problem
        self.params = [of.nn.Parameter(of.tensor(value, dtype=of.float64)) for value in values]
        self.x, self.y = (of.tensor(array, dtype=of.float64) for array in (X, Y))
        self.optimizer, self.losses = of.optim.LBFGS(self.params, **options), list[float]()

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        p = self.params
        if self.problem == "network":
            loss = (((self.x @ p[0] + p[1]).tanh() @ p[2] - self.y) ** 2).mean()
        else:
            loss = 100 * (p[0][1] - p[0][0] ** 2) ** 2 + (1 - p[0][0]) ** 2
        loss.backward()
        self.losses.append(float(loss.detach()))
        return loss

    def go(self, calls: int) -> Run:
        for _ in range(calls):
            self.optimizer.step(self.closure)
        return self


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("problem", ["network", "valley"])
def test_as_in_torch(problem: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    if problem == "valley" and "line_search_fn" not in options:
        options = {**options, "lr": 1e-3}
    theirs, ours = (Run(of, problem, **options).go(4) for of in (torch, weft))
    assert len(ours.losses) == len(theirs.losses)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-6, atol=1e-12)
    for p, q in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_a_state_goes_on(tmp_path: Path) -> None:
    whole = Run(weft, "network", line_search_fn="strong_wolfe").go(3)
    first = Run(weft, "network", line_search_fn="strong_wolfe").go(2)
    weft.save(tmp_path / "state.safetensors", first.optimizer.state_dict())
    second = Run(weft, "network", line_search_fn="strong_wolfe")
    for p, q in zip(second.params, first.params, strict=True):
        p.assign(q.detach())
    second.optimizer.load_state_dict(weft.load(tmp_path / "state.safetensors"))
    second.go(1)
    assert [*first.losses, *second.losses] == whole.losses


def test_the_closure_may_be_jitted() -> None:
    model, x, y = nn.Linear(4, 2), weft.tensor(X), weft.tensor(Y)
    optimizer = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=50)

    @weft.jit
    def computed() -> Any:
        model.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        return loss, [p.grad for p in model.parameters()]

    def closure() -> Any:
        loss, gradients = computed()
        for p, gradient in zip(model.parameters(), gradients, strict=True):
            p.grad = gradient
        return loss

    for _, _ in itertools.product(range(2), range(2)):
        optimizer.step(closure)
    ones = np.c_[X, np.ones(20)]
    best = np.linalg.lstsq(ones, Y, rcond=None)[0]
    np.testing.assert_allclose(closure().item(), ((ones @ best - Y) ** 2).mean(), rtol=1e-4)


W = nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.LBFGS([W]).step(), r"LBFGS needs a closure, step\(closure\)"),
        (lambda: optim.LBFGS([W], line_search_fn="armijo"), "line_search_fn is 'strong_wolfe' or None, not 'armijo'"),
        (lambda: optim.LBFGS([{"params": [W]}, {"params": [nn.Parameter([2.0])]}]), "LBFGS takes one group"),
        (lambda: optim.LBFGS([W], history_size=0), "history_size is an integer above 0, not 0"),
        (lambda: weft.jit(lambda: optim.LBFGS([W]).step(lambda: W.sum()))(), "LBFGS decides by the loss, so step"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_lbfgs.py:\d+: .*{message}"):
        call()


def test_a_state_of_another_optimiser() -> None:
    state = Run(weft, "valley", lr=1e-3).go(1).optimizer.state_dict()
    with pytest.raises(CheckpointError, match="d has \\[2\\] in the state, but the parameters have 1 elements"):
        optim.LBFGS([W]).load_state_dict(state)
    state["state"][0]["exp_avg"] = np.zeros(2)
    with pytest.raises(CheckpointError, match="does not belong to this LBFGS: unknown exp_avg"):
        Run(weft, "valley").optimizer.load_state_dict(state)
