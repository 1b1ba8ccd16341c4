"""A step run again takes the short way, and gives what the long way gives, whatever happened in between."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.framework.small_model import X, Y, make, train_step
from weft.framework import nn
from weft.framework.errors import FrameworkError, TraceError
from weft.framework.guard_code import GuardCheck
from weft.framework.jit import JitFunction, jit
from weft.framework.lazy import no_grad
from weft.framework.tensor import Tensor, tensor


@pytest.fixture
def long_ways(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every call that took the long way."""
    taken: list[int] = []
    original = JitFunction._find

    def find(self: Any, *given: Any) -> Any:
        taken.append(1)
        return original(self, *given)

    monkeypatch.setattr(JitFunction, "_find", find)
    return taken


def test_training_takes_the_short_way_from_the_third_call_on(long_ways: list[int]) -> None:
    (model, optimizer), (twin, twin_optimizer) = make(), make()
    twin.load_state_dict(model.state_dict())
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    for i in range(8):
        if i == 5:
            optimizer.lr = twin_optimizer.lr = 0.02
        loss = train_step(twin, twin_optimizer, tensor(X), tensor(Y)).item()
        assert step(X, Y).item() == pytest.approx(loss, rel=1e-6)
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value, rtol=1e-6, atol=1e-7)
    assert len(long_ways) == 2


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (lambda x: x * 2, (tensor([1.0]),), {}),
        (lambda x, k: x * k, (np.ones(3, np.float32), 2), {}),
        (lambda x, scale: {"a": x * scale, "b": [x, (scale, 3)]}, (tensor([1.0]),), {"scale": 0.5}),
        (lambda x, mode, other=None: x if mode == "a" else -x, (tensor([2]), "b"), {}),
        (lambda: None, (), {}),
    ],
)
def test_arguments_of_every_kind(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], long_ways: list[int]
) -> None:
    step = jit(function)
    results = [repr(step(*args, **kwargs)) for _ in range(5)]
    assert len(set(results)) == 1
    assert len(long_ways) == 2


@pytest.mark.filterwarnings("ignore::weft.framework.jit.RetraceWarning")
def test_every_difference_is_seen(long_ways: list[int]) -> None:
    @jit
    def f(x: Tensor, scale: float, power: int) -> Tensor:
        return x**power * scale

    for _ in range(4):
        assert f(tensor([2.0]), 3.0, 2).tolist() == [12]
    assert f(tensor([2.0]), 0.5, 2).tolist() == [2], "a float is an input"
    assert len(long_ways) == 2
    assert f(tensor([2.0]), 0.5, 3).tolist() == [4]
    assert f(tensor([2.0]), 0.5, True).tolist() == [1], "True is not 1"
    assert f(tensor([2.0, 3.0]), 1.0, 2).tolist() == [4, 9]
    assert f(tensor([2.0]).to("bfloat16"), 1.0, 2).dtype.name == "bfloat16"
    with no_grad():
        assert f(tensor([2.0]), 3.0, 2).tolist() == [12]
    assert f(tensor([2.0]), 3.0, 2).tolist() == [12]
    assert f.traces == 6


def test_an_argument_may_be_pending(long_ways: list[int]) -> None:
    f = jit(lambda x: x + 1)
    assert [f(tensor([float(n)]) * 2).item() for n in range(5)] == [1, 3, 5, 7, 9]
    assert len(long_ways) == 2


def test_what_others_hold_of_the_state_keeps_its_value(long_ways: list[int]) -> None:
    w = tensor([1.0])

    @jit
    def step() -> Tensor:
        w.assign(w * 2)
        return w

    returned, copies, pending, views = [], [], [], []
    for _ in range(5):
        pending.append(w + 0)
        copies.append(Tensor(w))
        views.append(w.reshape(1, 1))
        returned.append(step())
    assert [t.item() for t in pending] == [t.item() for t in copies] == [1, 2, 4, 8, 16]
    assert [t.item() for t in returned] == [2, 4, 8, 16, 32]
    assert [t.item() for t in views] == [32] * 5
    w.assign([100.0])
    assert step().item() == 200
    w.requires_grad_()
    assert step().item() == 400
    assert len(long_ways) == 3


def test_an_equal_number_is_looked_at_once(long_ways: list[int]) -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.unused = 2.5, 0

        def forward(self, x: Tensor) -> Any:
            return x * self.scale

    model = Scale()
    step = jit(lambda x: model(x))
    for n in range(12):
        if n in (4, 6, 8):
            model.scale = float("2.5")  # equal, and another object
        model.unused = n
        assert step(tensor([2.0])).item() == 5
    assert step.traces == 1
    assert len(long_ways) <= 4
    model.scale = 3.0
    assert step(tensor([2.0])).item() == 6


def test_labels_are_checked_at_every_call() -> None:
    model, optimizer = make()
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    for _ in range(4):
        step(tensor(X), tensor(Y))
    with pytest.raises(FrameworkError, match="label 2 in row 3 of 'y' is not a class"):
        step(X, np.array([0, 1, 0, 2, 1, 0]))
    with pytest.raises(FrameworkError, match="label 2 in row 3 of 'y' is not a class"):
        step(tensor(X), tensor(np.array([0, 1, 0, 2, 1, 0])))


def test_an_argument_that_is_a_state_is_refused_later_too() -> None:
    w = tensor([1.0])

    @jit
    def step(x: Tensor) -> None:
        w.assign(w + x)

    for _ in range(4):
        step(tensor([1.0]))
    with pytest.raises(TraceError, match="argument x is w"):
        step(w)
    assert w.item() == 5


def test_results_are_freed() -> None:
    w = tensor(np.zeros(100, np.float32))

    @jit
    def step(x: Tensor) -> Tensor:
        w.assign(w + x)
        return w * 2

    x = tensor(np.ones(100, np.float32))
    for _ in range(4):
        result = weakref.ref(step(x))
    gc.disable()
    try:
        step(x)
        assert result() is None
    finally:
        gc.enable()


def test_a_guard_that_keeps_changing_is_asked_itself() -> None:
    model = nn.Linear(2, 2)
    step = jit(lambda x: model(x))
    recording = step.trace(np.ones((1, 2), np.float32))
    check = GuardCheck(recording.guards)
    for _ in range(10):
        check.arm()
        assert check.holds()
    model.train(False)
    assert not check.holds() or recording.still_fits()
