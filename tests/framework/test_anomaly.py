"""What made a NaN is named: operation, shape and line, forward and in gradients; else nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.framework import nn, optim
from weft.framework.anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from weft.framework.errors import GradientError
from weft.framework.grad_mode import no_grad
from weft.framework.jit import jit
from weft.framework.selection import where
from weft.framework.tensor import Tensor, tensor

LINE = r"\S*test_anomaly.py:\d+"


def leaf() -> Tensor:
    return tensor([1.0, 0.0, -4.0], requires_grad=True)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda w: (w - 1).log().sum().item(), rf"a NaN comes from log, float32\[3\], at {LINE}, which made it of num"),
        (lambda w: (w / (w * 0)).tolist(), rf"comes from div, float32\[3\], at {LINE}, which made it"),
        (
            lambda w: ((w * w).sqrt() * 0).sum().backward(),
            rf"comes from div, float32\[3\], in the gradient of sqrt, float32\[3\], at {LINE}, which made it of",
        ),
        (lambda w: (w * w).sqrt().sum().backward(), rf"in the gradient of mul, float32\[3\], at {LINE}, which made it"),
        (lambda w: (w * tensor(float("nan"))).sum().item(), rf"comes from mul, .* at {LINE}, which was given a NaN"),
    ],
)
def test_it_is_named(run: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(GradientError, match=rf"{LINE}: .*{message}"), detect_anomaly():
        run(leaf())


def test_what_was_asked_for_inside_is_looked_at_inside() -> None:
    with pytest.raises(GradientError, match="comes from sqrt"), detect_anomaly():
        kept = leaf().sqrt()
    assert not is_anomaly_enabled()
    assert str(kept.tolist()[2]) == "nan"


def test_jitted_functions_are_looked_into_line_by_line() -> None:
    layer = nn.Linear(2, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)

    @jit
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = layer(x).sum().sqrt()
        loss.backward()
        optimizer.step()
        return loss

    def start() -> None:
        with no_grad():
            for parameter in layer.parameters():
                parameter.fill_(-1.0)

    start()
    assert step(tensor([[1.0, 1.0]])).isnan().item()
    start()
    with pytest.raises(GradientError, match=r"comes from sqrt, float32\[\]"), set_detect_anomaly(True):
        step(tensor([[1.0, 1.0]]))


def test_a_nan_that_is_chosen_away_is_none() -> None:
    w = leaf()
    with detect_anomaly():
        chosen = where(w > 0, w.detach().log(), 0.0)
        assert chosen.tolist() == [0, 0, 0]
        (w * w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [2, 0, -8]


def test_it_is_on_where_it_was_asked_for() -> None:
    with detect_anomaly():
        assert is_anomaly_enabled()
        with detect_anomaly(check_nan=False):
            assert not is_anomaly_enabled()
            assert str(leaf().sqrt().tolist()[2]) == "nan"
        assert is_anomaly_enabled()
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not is_anomaly_enabled()
