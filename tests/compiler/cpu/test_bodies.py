"""Loops and branches on the CPU: their bodies are compiled, and give what the reference gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.compiler.targets.cpu import host
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import reference
from weft.framework.control import cond, scan, while_loop
from weft.framework.device import use_device
from weft.framework.func import value_and_grad
from weft.framework.jit import jit
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor, tensor

ROWS = np.random.default_rng(0).normal(size=(300, 2, 3)).astype(np.float32) / 8


def _running(x: Tensor) -> Any:
    """A scan of rows."""
    last, ys = scan(lambda c, row: ((c * 0.5 + row).tanh(), c * row), x[0] * 0, x)
    return last.sum() + (ys * ys).mean()


def _backwards(x: Tensor) -> Any:
    last, ys = scan(lambda c, row: (c * 0.9 + row, c), x[0] * 0, x, reverse=True)
    return last.sum() + ys[::7].mean()


def _numbers(x: Tensor) -> Any:
    """Rows that are single numbers, and a carry of integers beside."""
    start = (tensor(0.0), tensor(0))
    last, ys = scan(lambda c, row: ((c[0] * 0.5 + row, c[1] + 1), c[0]), start, x[:, 0, 0])
    return last[0] + last[1].float() + ys.mean()


def _nested(x: Tensor) -> Any:
    def turn(c: Tensor, row: Tensor) -> tuple[Tensor, None]:
        inner, _ = scan(lambda d, y: (d * 0.5 + y, None), c, x[:, 0, 0])
        return inner + row.sum(), None

    return scan(turn, tensor(0.0), x[:3])[0]


def _branches(x: Tensor) -> Any:
    def turn(c: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        kept = cond(row.sum() > 0, lambda a, b: a * 0.5 + b, lambda a, b: a - b * 0.25, (c, row))
        return kept, kept.sum()

    last, ys = scan(turn, x[0] * 0, x)
    return last.sum() + ys.mean()


@pytest.mark.parametrize("loss", [_running, _backwards, _numbers, _nested, _branches])
@pytest.mark.parametrize("threads", [1, None])
def test_compiled_bodies_give_what_the_reference_gives(
    loss: Callable[[Tensor], Any], threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.compiler.passes.unroll.MAX_NODES", 64)

    def run() -> tuple[float, Array]:
        value, gradient = jit(value_and_grad(loss))(tensor(ROWS))
        return value.item(), gradient.numpy()

    with use_device("numpy"):
        wanted = run()
    monkeypatch.setattr(host, "compute", _no_reference)
    with use_device(CpuDevice(threads)):
        found = run()
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-3, atol=1e-6)


def _no_reference(op: str, *args: object) -> None:
    raise AssertionError(f"{op} was left to the reference")


def test_a_loop_whose_turns_its_values_decide() -> None:
    def halvings(x: Tensor) -> Tensor:
        return while_loop(lambda y, n: y.abs().max() > 1, lambda y, n: (y / 2, n + 1), (x, tensor(0)))[1]

    for device in ("numpy", "cpu"):
        with use_device(device):
            assert jit(halvings)(tensor([3.0, -1000.0])).item() == 10
            assert jit(halvings)(tensor([0.5, 0.25])).item() == 0


def test_what_fails_in_a_body_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sort, left to the reference, that fails in a later turn; and the next run is well again."""
    count = iter(range(100))

    def failing(*args: Any) -> tuple[Array, ...]:
        if next(count) == 5:
            raise MemoryError("no more")
        return reference.compute(*args)

    monkeypatch.setattr(host, "compute", failing)
    monkeypatch.setattr("weft.compiler.passes.unroll.MAX_NODES", 8)
    with use_device("cpu"):
        step = jit(lambda x: scan(lambda c, row: ((c + row).sort()[0], None), x[0] * 0, x)[0])
        with pytest.raises(MemoryError, match="no more"):
            step(tensor(ROWS[:20, 0])).numpy()
        wanted = np.zeros(3)
        for row in ROWS[:20, 0]:
            wanted = np.sort(wanted + row)
        np.testing.assert_allclose(step(tensor(ROWS[:20, 0])).numpy(), wanted, rtol=1e-5)
