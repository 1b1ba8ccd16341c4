"""What a process holds after many steps is what it held after few: expressions, and all that is kept by structure."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import backward, device, nn, operations, optim, realising, remembering
from weft.framework.jit import jit
from weft.framework.lazy import Expr
from weft.framework.nn.functional import cross_entropy
from weft.framework.recent import Recent
from weft.framework.tensor import Tensor, tensor


def live() -> int:
    """Expressions that somebody holds."""
    gc.collect()
    return sum(type(o) is Expr for o in gc.get_objects())


def kept() -> list[int]:
    """The entries of every table by structure."""
    tables: list[Any] = [
        operations._OPERATIONS, operations._TYPES, realising._PROGRAMS, backward._PLANS, remembering._LEARNED,
        device._EXECUTABLES,
    ]  # fmt: skip
    return [len(table) for table in tables]


def training(kind: str = "SGD", jitted: bool = False, **options: Any) -> Callable[[], Tensor]:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = getattr(optim, kind)(model.parameters(), lr=0.1, **options)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)).astype(np.float32), rng.integers(0, 2, 8)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = jit(step) if jitted else step
    return lambda: run(tensor(x), tensor(y))


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize(("kind", "options"), [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {})])
def test_steps_leave_nothing_behind(kind: str, options: dict[str, Any], jitted: bool) -> None:
    step = training(kind, jitted, **options)
    for _ in range(10):
        step()
    before = live(), kept()
    for _ in range(300):
        step()
    assert (live(), kept()) == before


def test_a_kept_loss_costs_one_expression() -> None:
    step, losses = training(), []
    for _ in range(10):
        losses.append(step())
    before = live(), kept()
    for _ in range(200):
        losses.append(step())
    assert (live() - 200, kept()) == before


def test_losses_that_are_only_read_leave_nothing_behind() -> None:
    step = training()
    for _ in range(10):
        step().item()
    before = live(), kept()
    for _ in range(100):
        step().item()
    assert (live(), kept()) == before


def test_inference_that_nobody_reads_is_bounded() -> None:
    model, x = nn.Linear(4, 4), tensor(np.ones((2, 4), np.float32))
    state = x
    most = 0
    for k in range(3000):
        state = model(state).detach()
        most = max(most, live()) if k % 500 == 499 else most
    assert most - live() < 10_000
    assert state.shape == (2, 4)


def test_tables_by_structure_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many shapes there are: small bounds in place of the real ones."""
    small: list[tuple[Any, str]] = [
        (realising, "_PROGRAMS"), (backward, "_PLANS"), (remembering, "_LEARNED"), (device, "_EXECUTABLES")
    ]  # fmt: skip
    for module, name in small:
        monkeypatch.setattr(module, name, Recent(6, 2**30, lambda made: 1))
    monkeypatch.setattr(operations, "MOST", 40)
    before = live()
    for n in range(1, 60):
        x = tensor(np.ones((n, 2), np.float32)).requires_grad_()
        nn.functional.gelu(x).sum().backward()
        assert x.grad is not None
        assert x.grad.numpy().shape == (n, 2)
    assert all(len(getattr(module, name)) <= 6 for module, name in small)
    assert len(operations._OPERATIONS) <= 40
    assert len(operations._TYPES) <= 40
    assert live() - before < 200
