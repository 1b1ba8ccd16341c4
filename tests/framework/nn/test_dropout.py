"""Dropout: how much is dropped, the same inside and outside of ``@jit``, new at every call, and part of the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.random import default_generator
from weft.framework.tensor import tensor


def test_what_is_kept_is_scaled() -> None:
    weft.manual_seed(1)
    x = np.ones((200, 100), np.float32)
    for p in (0.1, 0.5, 0.75):
        found = F.dropout(tensor(x), p).numpy()
        np.testing.assert_allclose(np.unique(found), [0, 1 / (1 - p)], rtol=1e-6)
        assert abs((found == 0).mean() - p) < 0.015
    assert F.dropout(tensor(x), 1.0).numpy().max() == 0
    assert F.dropout(tensor(x), 0.0).numpy().min() == 1


def test_nothing_is_dropped_in_evaluation() -> None:
    x = tensor(np.ones(1000))
    layer = nn.Dropout(0.9).eval()
    assert layer(x) is x
    assert layer.train()(x).numpy().min() == 0
    assert repr(layer) == "Dropout(p=0.9, inplace=False)"


@pytest.mark.parametrize(
    ("kind", "shape"), [("1d", (8, 32, 5)), ("1d", (256, 5)), ("2d", (8, 32, 3, 2)), ("2d", (256, 3, 2))]
)
def test_whole_channels(kind: str, shape: tuple[int, ...]) -> None:
    x = tensor(np.ones(shape))
    found = getattr(nn, f"Dropout{kind}")(0.5)(x).numpy().reshape(256, -1)
    assert set(map(len, map(set, found))) == {1}
    assert 64 < (found[:, 0] == 0).sum() < 192


def test_the_gradient_goes_where_the_value_came_from() -> None:
    x = tensor(np.ones(100), requires_grad=True)
    y = F.dropout(x, 0.5)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == y.tolist()


def test_jitted_draws_are_those_outside_and_new_at_every_call() -> None:
    x, layer = tensor(np.ones((3, 40))), nn.Dropout(0.5)
    step = weft.jit(lambda x: (layer(x), layer(x)))
    weft.manual_seed(7)
    outside = [layer(x).tolist() for _ in range(6)]
    weft.manual_seed(7)
    inside = [part.tolist() for _ in range(2) for part in step(x)]
    assert inside == outside[:4]
    assert layer(x).tolist() == outside[4]
    assert (default_generator().seed, default_generator().draws) == (7, 5)
    assert step(x)[0].tolist() == outside[5]
    weft.manual_seed(7)
    assert step(x)[1].tolist() == outside[1]
    assert step.traces == 1


def test_the_number_of_draws_carries() -> None:
    x, step = tensor(np.ones(64)), weft.jit(lambda x: F.dropout(x, 0.5))
    step(x)
    generator = default_generator()
    for make in (lambda: F.dropout(x, 0.5), lambda: step(x)):
        generator.set_state(np.array([3, 2**32 - 1], np.int64))
        first = make().tolist()
        assert generator.get_state().tolist() == [3, 2**32]
        second = make().tolist()
        generator.set_state(np.array([3, 2**32 - 1], np.int64))
        assert F.dropout(x, 0.5).tolist() == first
        assert F.dropout(x, 0.5).tolist() == second


def test_jitted_training_and_evaluation() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Identity())
    step = weft.jit(lambda x: model(x))
    x = tensor(np.ones(100))
    assert step(x).numpy().min() == 0
    model.eval()
    assert step(x).numpy().min() == 1


def test_in_place() -> None:
    x = tensor(np.ones(100))
    assert F.dropout(x, 0.5, inplace=True) is x
    assert x.numpy().min() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Dropout(1.5), "Dropout: p lies between 0 and 1; it is 1.5"),
        (lambda: F.dropout(tensor([1.0]), -0.1), "dropout: p lies between 0 and 1; it is -0.1"),
        (lambda: F.dropout1d(tensor([1.0]), 0.1), r"dropout1d takes 2 or 3 axes, not \[1\]"),
        (lambda: F.dropout2d(tensor([[1.0]]), 0.1), r"dropout2d takes 3 or 4 axes, not \[1, 1\]"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_dropout.py:\d+: .*{message}"):
        call()
