"""Several threads build, realise, trace, draw and train at once, and each gets what it would get alone.

The interpreter is made to switch threads as often as it can.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.device import use_device
from weft.framework.errors import GradientError
from weft.framework.grad_mode import grad_enabled
from weft.framework.jit import jit
from weft.framework.lazy import ACTIVE, no_grad
from weft.framework.nn.functional import mse_loss
from weft.framework.random import Generator, default_generator, manual_seed, rand
from weft.framework.tensor import Tensor, tensor

THREADS, TURNS = 4, 12


@pytest.fixture(autouse=True)
def often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(*functions: Callable[[], Any]) -> list[Any]:
    """What the functions return, each run in a thread of its own, started at once. Raises what one of them raises."""
    start, results, errors = threading.Barrier(len(functions)), dict[int, Any](), list[BaseException]()

    def run(k: int) -> None:
        try:
            with use_device("numpy"):
                start.wait(20)
                results[k] = functions[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread waits for ever"
    if errors:
        raise errors[0]
    return [results[k] for k in range(len(functions))]


def trained(seed: int, jitted: bool) -> list[Any]:
    """The parameters of a little network after some steps."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    model.load_state_dict({k: rng.normal(size=v.shape).astype(np.float32) for k, v in model.state_dict().items()})
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = jit(step) if jitted else step
    for _ in range(TURNS):
        x, y = (tensor(rng.normal(size=(6, n)).astype(np.float32)) for n in (4, 2))
        run(x, y).item()
    return [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("kinds", [(False,) * THREADS, (True,) * THREADS, (True, False, True, False)])
def test_each_thread_trains_a_model_of_its_own(kinds: tuple[bool, ...]) -> None:
    alone = [trained(seed, jitted) for seed, jitted in enumerate(kinds)]
    found = together(*(lambda seed=seed, jitted=jitted: trained(seed, jitted) for seed, jitted in enumerate(kinds)))
    for a, b in zip(alone, found, strict=True):
        for p, q in zip(a, b, strict=True):
            np.testing.assert_array_equal(p, q)


def test_several_threads_read_what_one_has_left_pending() -> None:
    for turn in range(TURNS):
        x = tensor(np.arange(6.0) + turn).requires_grad_()
        shared = [((x * k).exp() - x).sum() for k in range(3)]
        total = shared[0] + shared[1] * shared[2]
        found = together(*(lambda t=t: t.item() for t in (*shared, total, total)))
        values = [np.float64(np.exp(k * (np.arange(6.0) + turn)) - (np.arange(6.0) + turn)).sum() for k in range(3)]
        np.testing.assert_allclose(found[:3], values, rtol=1e-5)
        np.testing.assert_allclose(found[3:], [values[0] + values[1] * values[2]] * 2, rtol=1e-5)


def test_one_thread_serves_while_another_trains_and_both_trace() -> None:
    """The model that is served changes from step to step; it is never seen half traced, and no step is lost."""
    model = nn.Linear(3, 1, bias=False)
    model.weight.assign(np.zeros((1, 3), np.float32))
    done = threading.Event()

    def train() -> None:
        try:
            for turn in range(TURNS):
                @jit
                def step(x: Tensor) -> Tensor:  # another function, so that it is traced again
                    with no_grad():
                        model.weight.copy_(model.weight + x)
                    total: Tensor = model.weight.sum()
                    return total

                for _ in range(2 + turn % 3):
                    step(tensor([[1.0, 1.0, 1.0]]))
                with no_grad():
                    model.weight.copy_(model.weight + 1)
        finally:
            done.set()

    def serve(jitted: bool) -> list[float]:
        seen = []
        while not done.is_set():
            answer = jit(lambda x: model(x)) if jitted else model
            seen.append(answer(tensor([[1.0, 10.0, 100.0]])).item())
        return seen

    _, *served = together(train, lambda: serve(True), lambda: serve(False))
    steps = sum(3 + turn % 3 for turn in range(TURNS))
    assert model.weight.tolist() == [[steps] * 3]
    for seen in served:
        assert all(value % 111 == 0 for value in seen), "a weight was seen that no step has left"
        assert seen == sorted(seen)


def test_one_jitted_function_called_by_all_counts_every_call() -> None:
    count = tensor(0)

    @jit
    def step(x: Tensor) -> Tensor:
        count.assign(count + 1)
        return x * 2

    def calls(k: int) -> list[float]:
        return [step(tensor(float(k + n))).item() for n in range(30)]

    for k, found in enumerate(together(*(lambda k=k: calls(k) for k in range(THREADS)))):
        assert found == [2.0 * (k + n) for n in range(30)]
    assert count.item() == THREADS * 30
    assert step.traces == 1


def test_no_draw_is_given_to_two_threads() -> None:
    manual_seed(3)
    drawn = together(*(lambda: [rand(4).tolist() for _ in range(20)] for _ in range(THREADS)))
    assert default_generator().draws == THREADS * 20
    assert len({tuple(one) for part in drawn for one in part}) == THREADS * 20
    source = Generator(3)
    assert sorted(one for part in drawn for one in part) == sorted(
        source.rand((4,)).tolist() for _ in range(THREADS * 20)
    )


def test_modes_belong_to_their_thread() -> None:
    inside, looked = threading.Event(), threading.Event()

    def off() -> bool:
        with no_grad():
            inside.set()
            looked.wait(20)
            return grad_enabled()

    def on() -> tuple[bool, bool, Any]:
        inside.wait(20)
        found = grad_enabled(), (tensor([1.0]).requires_grad_() * 2).requires_grad, ACTIVE.get()
        looked.set()
        return found

    assert together(off, on) == [False, (True, True, None)]


def test_a_history_is_freed_for_one_of_two_threads() -> None:
    for _ in range(TURNS):
        x = tensor([2.0]).requires_grad_()
        y = (x * x).sum()

        def back(y: Tensor = y) -> bool:
            try:
                y.backward()
            except GradientError:
                return False
            return True

        assert any(together(back, back))
        assert x.grad is not None
        assert x.grad.item() in (4.0, 8.0)


def test_eager_and_functional_calls_share_what_is_remembered() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)

    def run() -> list[Any]:
        made = []
        for k in range(1, TURNS):
            t = tensor(np.tile(x, (k, 1))).requires_grad_()
            (nn.functional.gelu(t).relu().sum() + t.exp().sum()).backward()
            assert t.grad is not None
            made.append(t.grad.numpy())
        return made

    first, *others = together(*(run for _ in range(THREADS)))
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)
