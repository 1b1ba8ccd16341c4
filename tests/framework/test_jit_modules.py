"""``@jit`` on modules: their modes, jitted methods, copies, and objects that are called."""

from __future__ import annotations

import copy
import functools
import warnings
from typing import Any

import numpy as np
import pytest

from tests.framework.small_model import X, Y, make, train_step
from weft.framework import nn
from weft.framework.jit import JitFunction, RetraceWarning, jit, trace
from weft.framework.tensor import Tensor, tensor

INPUT = tensor(X)


class Noisy(nn.Module):
    """Ten times its input while it is trained."""

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x * 10 if self.training else x * 1
        return result


def test_the_mode_of_a_module_specialises() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Noisy(), Noisy())
    step = jit(lambda x: model(x))
    trained = step(INPUT).numpy()
    model.eval()
    np.testing.assert_allclose(step(INPUT).numpy() * 100, trained, rtol=1e-6)
    model.train()
    np.testing.assert_array_equal(step(INPUT).numpy(), trained)
    model.eval()
    step(INPUT)
    assert step.traces == 2, "each mode is traced once, however often it changes"
    model[2].train()
    np.testing.assert_allclose(step(INPUT).numpy() * 10, trained, rtol=1e-6)
    assert step.traces == 3
    model[0].train()
    step(INPUT)
    assert step.traces == 3, "a Linear does not look at its flag"


def test_changing_the_mode_between_epochs_warns_of_nothing() -> None:
    model = Noisy()
    step = jit(lambda x: model(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RetraceWarning)
        for epoch in range(8):
            model.train(epoch % 2 == 0)
            step(INPUT)


def test_a_mode_that_the_function_sets_itself_is_not_its_callers() -> None:
    model = Noisy()

    @jit
    def evaluated(x: Tensor) -> Tensor:
        model.eval()
        result: Tensor = model(x)
        model.train()
        return result

    @jit
    def restored(x: Tensor) -> Tensor:
        before = model.training
        model.eval()
        result: Tensor = model(x)
        model.train(before)
        return result

    for step in (evaluated, restored):
        for _ in range(3):
            np.testing.assert_array_equal(step(INPUT).numpy(), X)
        assert model.training
        assert step.traces == 1


def test_a_mode_read_in_a_jitted_method_and_through_the_entry_points() -> None:
    class Jitted(Noisy):
        @jit
        def forward(self, x: Tensor) -> Any:
            return Noisy.forward(self, x)

    model = Jitted()
    assert model(INPUT).numpy().tolist() == (X * 10).tolist()
    graph = trace(lambda x: model(x), X)
    model.eval()
    assert model(INPUT).numpy().tolist() == X.tolist()
    assert trace(lambda x: model(x), X).digest() != graph.digest()


def test_a_deep_copy_of_a_module_with_a_jitted_method_is_its_own() -> None:
    class Jitted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 2)

        @jit
        def forward(self, x: Tensor) -> Any:
            return self.inner(x)

    model = Jitted()
    before = model(INPUT).numpy()
    twin = copy.deepcopy(model)
    twin.inner.weight.assign(twin.inner.weight * 0)
    assert not np.array_equal(twin(INPUT).numpy(), before)
    np.testing.assert_array_equal(model(INPUT).numpy(), before)


def test_a_trained_model_deep_copies() -> None:
    model, optimizer = make()
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    step(X, Y)
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin(tensor(X)).numpy(), model(tensor(X)).numpy())
    assert all(p.grad is None for p in twin.parameters()), "a gradient does not outlast the call it was made in"


class Twice(nn.Module):
    """A plain ``forward``, and the same compiled under another name."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.inner(x)

    fast = jit(forward)


def test_a_jitted_method_goes_by_the_name_of_its_attribute() -> None:
    model = Twice()
    model.fast(INPUT)
    model.fast(INPUT)
    assert model.fast is model.fast
    assert model.fast.traces == 1
    assert not isinstance(model.forward, JitFunction)
    model(tensor(X))
    assert model.fast.traces == 1, "a plain call is no call of it"
    np.testing.assert_array_equal(model.fast(INPUT).numpy(), model(tensor(X)).numpy())


class Jitted(Twice):
    """A compiled ``forward``."""

    @jit
    def forward(self, x: Tensor) -> Any:
        return self.inner(x)


def test_a_shallow_copy_of_a_module_with_a_jitted_method_computes_with_its_own() -> None:
    model = Jitted()
    before = model(INPUT).numpy()
    twin = copy.copy(model)
    twin.inner = nn.Linear(3, 4)
    assert twin(INPUT).shape == (6, 4)
    assert twin.forward is not model.forward
    np.testing.assert_array_equal(model(INPUT).numpy(), before)


def test_a_jitted_method_and_the_one_it_overrides_are_two() -> None:
    class Doubled(Jitted):
        @jit
        def forward(self, x: Tensor) -> Any:
            return super().forward(x) * 2

    model = Doubled()
    expected = Jitted.forward(model, tensor(X)).numpy() * 2  # compiled for itself
    for _ in range(2):
        np.testing.assert_allclose(model(INPUT).numpy(), expected, rtol=1e-6)
    assert model.forward.traces == 1


def test_a_partial_of_an_object_that_is_called() -> None:
    model = nn.Linear(3, 2)
    predict = jit(functools.partial(model))
    np.testing.assert_array_equal(predict(INPUT).numpy(), jit(model)(INPUT).numpy())
    assert predict.__name__ == "Linear"
    assert [name for name, _ in predict.trace(X).states] == ["self.weight", "self.bias"]
    assert jit(functools.partial(lambda k, x: x * k, 3))(tensor([2.0])).tolist() == [6]


def test_a_trace_that_fails_loses_nothing() -> None:
    model = Noisy()
    broken = False

    @jit
    def step(x: Tensor) -> Tensor:
        if broken:
            raise ValueError("not now")
        result: Tensor = model(x)
        return result

    step(INPUT)
    model.eval()
    broken = True
    with pytest.raises(ValueError, match="not now"):
        step(INPUT)
    model.train()
    broken = False
    step(INPUT)
    assert step.traces == 1


def test_a_module_made_in_the_step_is_no_reason_to_trace_anew(numpy_device: None) -> None:
    """The fourth trace would warn."""

    @jit
    def step(x: Tensor, labels: Tensor) -> Tensor:
        return nn.CrossEntropyLoss(weight=tensor([1.0, 2.0, 3.0]))(nn.ReLU()(x), labels)

    x, labels = tensor(np.ones((2, 3), np.float32)), tensor([0, 2])
    assert len({step(x, labels).item() for _ in range(6)}) == 1
