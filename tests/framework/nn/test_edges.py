"""Losses at their edges, generated: every loss, shape, reduction and kind of target; values and two orders of gradients
as torch has them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import weft

torch = pytest.importorskip("torch")
REDUCTIONS = ("mean", "sum", "none")
Arrays = tuple[Any, ...]


class Edge(NamedTuple):
    """A loss by its name in functional, what it is given, and its options; an array becomes a tensor."""

    name: str
    loss: str
    arrays: Arrays
    options: dict[str, Any]


SHAPES = {"no rows": (0, 3), "one element": (1, 1), "one row": (1, 4), "three axes": (2, 3, 2), "no axes": ()}
PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], list[dict[str, Any]]]] = {
    "mse_loss": (lambda x: x, lambda y: y, [{}]),
    "l1_loss": (lambda x: x, lambda y: y, [{}]),
    "smooth_l1_loss": (lambda x: x, lambda y: y, [{}, {"beta": 0.3}, {"beta": 0.0}]),
    "huber_loss": (lambda x: x, lambda y: y, [{}, {"delta": 0.4}]),
    "soft_margin_loss": (lambda x: x, np.sign, [{}]),
    "hinge_embedding_loss": (lambda x: x, np.sign, [{}, {"margin": 0.2}]),
    "poisson_nll_loss": (lambda x: x, np.abs, [{}, {"full": True}]),
    "binary_cross_entropy": (lambda x: 1 / (1 + np.exp(-x)), lambda y: 1 / (1 + np.exp(-y)), [{}]),
    "binary_cross_entropy_with_logits": (lambda x: x, lambda y: 1 / (1 + np.exp(-y)), [{}]),
    "kl_div": (lambda x: x - 3, lambda y: 1 / (1 + np.exp(-y)), [{}, {"log_target": True}]),
}
"""Loss of elements → what is made of normal numbers to be its input and its target, and its options."""
ODD = {"infinite": np.inf, "minus infinite": -np.inf, "no number": np.nan, "large": 80.0, "small": -80.0}
CLASSES = {
    "one row": ((1, 4), (1,)), "one class": ((3, 1), (3,)), "no rows": ((0, 4), (0,)), "no batch": ((4,), ()),
    "planes": ((2, 4, 3), (2, 3)), "planes without extent": ((2, 4, 0), (2, 0)), "rows": ((5, 4), (5,)),
}  # fmt: skip
"""Shapes of logits and of labels."""
KEPT: dict[str, Callable[[Any], Any]] = {
    "all": lambda labels: labels,
    "none": lambda labels: np.full_like(labels, -100),
    "some": lambda labels: np.where(np.arange(labels.size).reshape(labels.shape) % 2, -100, labels),
}
"""Which labels count."""


def of_elements() -> Iterator[Edge]:
    for loss, (first, second, options) in PAIRS.items():
        for (shape, extents), given in itertools.product(SHAPES.items(), options):
            rng = np.random.default_rng(len(shape))
            x, y = rng.normal(size=extents), rng.normal(size=extents)
            yield Edge(f"{loss} {given or ''} {shape}", loss, (np.asarray(first(x)), np.asarray(second(y))), given)


def of_odd_numbers() -> Iterator[Edge]:
    losses = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits")
    for loss, (kind, number) in itertools.product(losses, ODD.items()):
        yield Edge(f"{loss} {kind}", loss, (np.array([0.5, number, -1.0]), np.array([0.25, 0.5, 1.0])), {})
    for kind, number in ODD.items():
        rows = np.array([[0.5, number, -1.0], [1.0, 2.0, 3.0]])
        yield Edge(f"cross_entropy {kind}", "cross_entropy", (rows, np.array([0, 2])), {})
        yield Edge(f"cross_entropy {kind}, ignored", "cross_entropy", (rows, np.array([-100, 2])), {})


def of_labels() -> Iterator[Edge]:
    smoothed: list[dict[str, Any]] = [{}, {"label_smoothing": 0.2}]
    for loss, (shape, (logits, labels)) in itertools.product(("cross_entropy", "nll_loss"), CLASSES.items()):
        rng, classes = np.random.default_rng(7), logits[1 if len(logits) > 1 else 0]
        x, y = rng.normal(size=logits), np.asarray(rng.integers(0, classes, labels))
        weights = [{}, {"weight": np.linspace(0.5, 2, classes)}]
        for (kept, keep), w, s in itertools.product(KEPT.items(), weights, smoothed):
            if loss == "nll_loss" and s:
                continue
            yield Edge(f"{loss} {shape}, {kept} kept {[*w, *s]}", loss, (x, keep(y)), {**w, **s})
        if loss == "cross_entropy":
            share = np.abs(rng.normal(size=logits))
            for w, s in itertools.product(weights, smoothed):
                yield Edge(f"{loss} {shape} of probabilities {[*w, *s]}", loss, (x, share), {**w, **s})


DIFFERENT = {
    "l1_loss no number": "what is no number has no derivative: NaN, where torch has 0",
    "binary_cross_entropy_with_logits minus infinite": "the loss of a sure mistake is infinite; torch's cancels to NaN",
}
"""Edge → why weft does otherwise."""
EDGES = [
    pytest.param(edge, id=edge.name, marks=[pytest.mark.xfail(reason=DIFFERENT[edge.name], strict=True)] if edge.name in
                 DIFFERENT else [])
    for edge in (*of_elements(), *of_odd_numbers(), *of_labels())
]  # fmt: skip


def learned(of: Any, edge: Edge, reduction: str) -> list[Any]:
    """The loss, the gradient of its first operand, and the gradient of half the square of that."""
    dtype = of.float64

    def made(array: Any) -> Any:
        return of.tensor(array, dtype=dtype if array.dtype.kind == "f" else of.int64)

    first, *rest = map(made, edge.arrays)
    options = {key: made(value) if isinstance(value, np.ndarray) else value for key, value in edge.options.items()}
    first.requires_grad_()
    loss = getattr(of.nn.functional, edge.loss)(first, *rest, reduction=reduction, **options)
    weights = of.tensor(np.random.default_rng(3).uniform(0.5, 2, tuple(loss.shape)), dtype=dtype)
    (gradient,) = of.autograd.grad((loss * weights).sum(), first, create_graph=True)
    found = [loss, gradient]
    if gradient.requires_grad:
        (twice,) = of.autograd.grad((gradient * gradient).sum() * 0.5, first, allow_unused=True)
        found += [] if twice is None else [twice]
    return [np.asarray((part.detach() + 0).numpy()) for part in found]


def compared(edge: Edge, reduction: str) -> None:
    theirs, ours = (learned(of, edge, reduction) for of in (torch, weft))
    for order, (expected, found) in enumerate(zip(theirs, ours, strict=False)):
        told = f"{edge.name}, {reduction}: {('value', 'gradient', 'second gradient')[order]}"
        assert found.shape == expected.shape, told
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9, err_msg=told)


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("edge", EDGES)
def test_losses_at_their_edges(edge: Edge, reduction: str) -> None:
    compared(edge, reduction)
