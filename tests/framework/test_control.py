"""Loops and branches in a graph: the same as Python's, with gradients of gradients, jitted and not, on every device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.control import cond, scan, while_loop
from weft.framework.device import use_device
from weft.framework.errors import GradientError, ShapeError, TraceError
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.reference import evaluate
from weft.framework.tensor import Tensor, tensor

DEVICES = ("numpy", "cpu")
RNG = np.random.default_rng(0)
W, H, X = RNG.normal(size=(3, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=(5, 2, 3))


def _weights() -> tuple[Tensor, Tensor, Tensor]:
    return tensor(W, requires_grad=True), tensor(H, requires_grad=True), tensor(X, requires_grad=True)


def _rnn_scanned(w: Tensor, h: Tensor, x: Tensor, reverse: bool) -> tuple[Tensor, Tensor]:
    def turn(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = (h @ w + x).tanh()
        return h, h * 2

    last, ys = scan(turn, h, x, reverse=reverse)
    return last, ys


def _rnn_written_out(w: Tensor, h: Tensor, x: Tensor, reverse: bool) -> tuple[Tensor, list[Tensor]]:
    ys: list[Any] = [None] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = (h @ w + x[t]).tanh()
        ys[t] = h * 2
    return h, ys


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_the_loop_written_out(device: str, jitted: bool, reverse: bool) -> None:
    with use_device(device):
        expected = _weights()
        last, ys = _rnn_written_out(*expected, reverse)
        loss = (last * last).sum() + sum(((y * (k + 1)).sum() for k, y in enumerate(ys)), start=tensor(0.0))
        loss.backward()
        given = _weights()

        def step(w: Tensor, h: Tensor, x: Tensor) -> list[Any]:
            last, ys = _rnn_scanned(w, h, x, reverse)
            loss = (last * last).sum() + (ys * tensor([1.0, 2, 3, 4, 5]).reshape(5, 1, 1)).sum()
            loss.backward()
            return [loss, w.grad, h.grad, x.grad]

        w, h, x = given
        found, *grads = jit(lambda: step(w, h, x))() if jitted else step(w, h, x)
        assert found.item() == pytest.approx(loss.item(), rel=1e-5)
        for grad, theirs in zip(grads, expected, strict=True):
            assert theirs.grad is not None
            np.testing.assert_allclose(grad.numpy(), theirs.grad.numpy(), rtol=2e-5, atol=1e-6)


def _body(make: Callable[[GraphBuilder, list[int]], list[int]], *shapes: tuple[int, ...]) -> Graph:
    b = GraphBuilder()
    inputs = [b.input(f"x{k}", shape, "float64") for k, shape in enumerate(shapes)]
    return b.build({f"y{k}": i for k, i in enumerate(make(b, inputs))})


def _turn(b: GraphBuilder, x: list[int]) -> list[int]:
    """(carry, row, fixed) → (sin(carry · fixed) + row, carry · row)."""
    return [b.apply("add", b.apply("sin", b.apply("mul", x[0], x[2])), x[1]), b.apply("mul", x[0], x[1])]


def _scan_graph(b: GraphBuilder, x: list[int]) -> int:
    last, rows = b.results(
        "scan", *x, body=_body(_turn, (2,), (2,), (2,)), carries=1, stacked=1, length=3, reverse=False
    )
    total = b.apply("sum", b.apply("mul", rows, rows), axes=(0, 1), keepdims=False)
    return b.apply("add", total, b.apply("sum", b.apply("exp", last), axes=(0,), keepdims=False))


def _nested(b: GraphBuilder, x: list[int]) -> int:
    """A scan in whose body there is a scan over the same rows."""

    def outer(b: GraphBuilder, x: list[int]) -> list[int]:
        last, _ = b.results(
            "scan", x[0], x[1], x[0], body=_body(_turn, (2,), (2,), (2,)), carries=1, stacked=1, length=3, reverse=True
        )
        return [last]

    (last,) = b.results(
        "scan", x[0], x[1], body=_body(outer, (2,), (3, 2)), carries=1, stacked=0, length=2, reverse=False
    )
    return b.apply("sum", b.apply("mul", last, b.apply("mul", last, x[2])), axes=(0,), keepdims=False)


def _branches(b: GraphBuilder, x: list[int]) -> int:
    then = _body(lambda b, x: [b.apply("mul", x[0], b.apply("mul", x[0], x[2]))], (2,), (3, 2), (2,))
    orelse = _body(lambda b, x: [b.apply("sin", x[0])], (2,), (3, 2), (2,))
    zero = b.constant(0.0, "float64")
    large = b.apply("gt", b.apply("sum", x[1], axes=(0, 1), keepdims=False), zero)
    taken = [b.results("cond", c, *x, then=then, orelse=orelse)[0] for c in (large, b.apply("not", large))]
    return b.apply("sum", b.apply("mul", *taken), axes=(0,), keepdims=False)


@pytest.mark.parametrize("make", [_scan_graph, _nested, _branches])
def test_gradients_and_their_gradients_against_finite_differences(make: Callable[..., int]) -> None:
    b = GraphBuilder()
    shapes = ((2,), (3, 2), (2,))
    x = [b.input(f"x{k}", shape, "float64") for k, shape in enumerate(shapes)]
    loss = make(b, x)
    first = gradients(b, loss, x)
    slope = b.constant(0.0, "float64")
    for g, factor in zip(first, (1.0, 0.5, 2.0), strict=True):
        axes = tuple(range(len(b.shape(g))))
        square = b.apply("mul", b.apply("mul", g, g), b.full(factor, like=g))
        slope = b.apply("add", slope, b.apply("sum", square, axes=axes, keepdims=False))
    second = gradients(b, slope, x)
    outputs = {"loss": loss, "slope": slope, **{f"loss{k}": g for k, g in enumerate(first)}}
    graph = b.build(outputs | {f"slope{k}": g for k, g in enumerate(second)})
    graph.validate()
    at = dict(graph.outputs)
    values = {f"x{k}": RNG.normal(size=shape) for k, shape in enumerate(shapes)}
    found = evaluate(graph, values)
    for name, tolerance in (("loss", 1e-6), ("slope", 1e-5)):
        for k in range(3):
            numeric = np.zeros(shapes[k])
            for place in np.ndindex(*shapes[k]):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = values[f"x{k}"].copy()
                    moved[place] += step
                    ends.append(evaluate(graph, {**values, f"x{k}": moved})[at[name]])
                numeric[place] = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose(found[at[f"{name}{k}"]], numeric, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("device", DEVICES)
def test_nests_carries_without_rows_and_rows_without_results(device: str) -> None:
    with use_device(device):
        start, pairs = {"n": tensor(0), "s": tensor(0.0)}, (tensor([1.0, 2, 3]), tensor([4.0, 5, 6]))
        total, nothing = scan(lambda c, x: ({"n": c["n"] + 1, "s": c["s"] + x[0] * x[1]}, None), start, pairs)
        assert (total["n"].item(), total["s"].item(), nothing) == (3, 32.0, None)
        powers = scan(lambda c, _: (c * 2, c), tensor(1.0), length=5)[1]
        assert powers.tolist() == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("device", DEVICES)
def test_branches_and_loops(device: str) -> None:
    with use_device(device):
        a, b = tensor(3.0, requires_grad=True), tensor([1.0, 2.0], requires_grad=True)
        for value, expected, of_a, of_b in ((True, [3, 6], 3.0, [3, 3]), (False, [0, -1], 0.0, [-1, -1])):
            a.grad = b.grad = None
            chosen = cond(tensor(value), lambda x: x * a, lambda x: 1 - x, (b,))
            chosen.sum().backward()
            assert chosen.tolist() == expected
            assert a.grad is not None
            assert b.grad is not None
            assert (a.grad.item(), b.grad.tolist()) == (of_a, of_b)
        limit = tensor(100)
        n, steps = while_loop(lambda n, steps: n < limit, lambda n, steps: (n * 3, steps + 1), (tensor(1), tensor(0)))
        assert (n.item(), steps.item()) == (243, 5)
        jitted = jit(lambda x: while_loop(lambda x: x < 10.0, lambda x: x * x, (x,)))
        assert jitted(tensor(2.0))[0].item() == 16.0


def test_what_a_body_must_not_do_is_said() -> None:
    outside = tensor([1.0, 2.0])

    def changes(c: Tensor, x: Tensor) -> tuple[Tensor, None]:
        outside.copy_(outside + x)
        return c, None

    with pytest.raises(TraceError, match=r"the body of scan changes a tensor from outside \(float32\[2\]\); carry it"):
        scan(changes, tensor(0.0), tensor([1.0]))
    assert outside.tolist() == [1, 2]
    with pytest.raises(ShapeError, match=r"scan carries float32\[\], but its body gives float32\[2\]"):
        scan(lambda c, x: (c + x, None), tensor(0.0), tensor([[1.0, 2.0]]))
    with pytest.raises(ShapeError, match=r"xs \[3\], \[2\] and length None do not give one number of turns"):
        scan(lambda c, x: (c, None), tensor(0.0), (tensor([1.0, 2, 3]), tensor([1.0, 2])))
    with pytest.raises(TraceError, match=r"the body of scan returns \(carry, y\)"):
        scan(lambda c, x: c, tensor(0.0), tensor([1.0]))
    with pytest.raises(TraceError, match=r"\.item\(\) needs a value"):
        scan(lambda c, x: (c + x.item(), None), tensor(0.0), tensor([1.0]))
    with pytest.raises(ShapeError, match=r"one branch of cond gives float32\[\], the other float32\[2\]"):
        cond(tensor(True), lambda: tensor(0.0) * 1, lambda: outside * 1)
    found = while_loop(lambda x: x < 10.0, lambda x: x * x, (tensor(2.0, requires_grad=True),))[0]
    with pytest.raises(GradientError, match="while_loop has no gradient"):
        found.backward()


def test_what_a_body_reads_is_noticed_by_jit() -> None:
    settings = type("Settings", (), {"factor": 2})()

    @jit
    def total(x: Tensor) -> Tensor:
        last: Tensor = scan(lambda c, x: (c + x * settings.factor, None), tensor(0.0), x)[0]
        return last

    assert total(tensor([1.0, 2.0])).item() == 6
    settings.factor = 3
    assert total(tensor([1.0, 2.0])).item() == 9
