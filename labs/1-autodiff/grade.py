"""The checks of lab 1: those of tracer.py, and here those of autodiff.py and train.py.

Gradients are checked against central finite differences in float64, and a training step against NumPy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import autodiff
import data
import ir
import numpy as np
import train
from comparing import DEEP, counting, has_value, must_work, node, ran, slopes_of, some
from tracer import Tensor, tensor
from tracer_checks import *  # noqa: F403  the checks of the first three holes, in their order

from weft.lab import Difference, check, expect

# --- the gradients of single operations


def check_rule(op: str, *operands: np.ndarray, **attrs: Any) -> None:
    """Compare a rule with finite differences of sum(g · op(operands)), at a random cotangent g."""
    inputs = [tensor(a.copy()) for a in operands]
    result = node(op, *inputs, **attrs)
    g = some(result.shape, 9, 2.0, 5.0)
    shown = f"{op} of {' and '.join(str(list(a.shape)) for a in operands)}"
    shown += "".join(f", {name}={value}" for name, value in attrs.items())

    def weighted(*arrays: np.ndarray) -> Any:
        return (g * ir.compute(op, arrays, result.attrs)).sum()

    slopes = slopes_of(weighted, [a.copy() for a in operands])
    with must_work(f"cotangents of {shown}", "tensors of the operands' shapes"):
        found: Any = autodiff.RULES[op](result, tensor(g))
    expect(len(found), len(operands), f"{shown}: how many cotangents")
    for name, cotangent, x, slope in zip("ab", found, inputs, slopes, strict=False):
        what = f"cotangent of {name} in {shown}"
        expect(getattr(cotangent, "shape", None), x.shape, f"{what}: its shape")
        expect(cotangent.numpy(), slope, f"{what}, against finite differences:", rtol=1e-6, atol=1e-7)


@check("elementwise-gradients")
def gradient_of_add_and_mul() -> None:
    """add and mul agree with finite differences."""
    for op in ("add", "mul"):
        check_rule(op, some((2, 3), 10), some((2, 3), 11))


@check("elementwise-gradients")
def gradient_of_div() -> None:
    """div agrees with finite differences, for both operands."""
    check_rule("div", some((2, 3), 12), some((2, 3), 13, 0.5, 2.0))


@check("elementwise-gradients")
def gradient_of_exp_and_log() -> None:
    """exp and log agree with finite differences."""
    check_rule("exp", some((2, 3), 14))
    check_rule("log", some((2, 3), 15, 0.5, 2.0))


@check("elementwise-gradients")
def gradient_of_relu() -> None:
    """relu agrees with finite differences on both sides, and its derivative at 0 is 0."""
    check_rule("relu", np.array([-2.0, -0.5, 0.5, 2.0]))
    relu: Any = autodiff.RULES["relu"]
    (at_zero,) = relu(node("relu", tensor([0.0, -0.0, 3.0])), tensor([1.0, 1.0, 1.0]))
    expect(at_zero.numpy(), [0.0, 0.0, 1.0], "cotangent of a in relu, a = [0, -0, 3], g = 1:")
    (negative,) = relu(node("relu", tensor([-1.0, 2.0])), tensor([-5.0, -7.0]))
    expect(negative.numpy(), [0.0, -7.0], "cotangent of a in relu, a = [-1, 2], g = [-5, -7]:")


@check("sum-gradient")
def gradient_of_sum() -> None:
    """sum over all axes, over the first, the last, the middle, of square and other shapes."""
    for shape, axes in (
        ((2, 3), (0, 1)), ((2, 3), (0,)), ((2, 3), (1,)), ((3, 3), (1,)), ((3, 3), (0,)), ((2, 3, 4), (0, 2)), ((), ()),
    ):  # fmt: skip
        check_rule("sum", some(shape, 16), axes=axes)


@check("broadcast-gradient")
def gradient_of_broadcast() -> None:
    """New axes in front, stretched axes, both, none, and extent-1 axes that stay."""
    for shape, wide in (
        ((), (4,)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3), (2, 3)), ((3, 1), (3, 3)), ((3,), (3, 3)),
        ((1, 3), (4, 2, 3)), ((2, 1), (2, 1)), ((2, 3), (2, 3)), ((1,), (2, 1)),
    ):  # fmt: skip
        check_rule("broadcast", some(shape, 17), shape=wide)


@check("matmul-gradient")
def gradient_of_matmul() -> None:
    """matmul of rectangles and of squares."""
    check_rule("matmul", some((2, 3), 18), some((3, 4), 19))
    check_rule("matmul", some((3, 3), 20), some((3, 3), 21))
    check_rule("matmul", some((1, 3), 22), some((3, 1), 23))


# --- backward


def check_gradients(f: Callable[..., Any], arrays: list[np.ndarray], numpy: Callable[..., Any], what: str) -> None:
    """Compare ``gradients`` of f on tensors with finite differences of the same function on arrays."""
    inputs = [tensor(a.copy()) for a in arrays]
    result = f(*inputs)
    with must_work(f"gradients of {what}", "tensors"):
        found = autodiff.gradients(result, inputs)
    expect(len(found), len(inputs), f"gradients of {what}: how many")
    for name, gradient, a, slope in zip("abcd", found, arrays, slopes_of(numpy, arrays), strict=False):
        expect(getattr(gradient, "shape", None), a.shape, f"d {what} / d{name}: its shape")
        expect(gradient.numpy(), slope, f"d {what} / d{name}, against finite differences:", rtol=1e-6, atol=1e-7)


@check("backward")
def a_chain_and_a_diamond() -> None:
    """One path, then several: what arrives at a tensor from each of its uses is added."""
    a, b = some((3,), 24, 0.5, 1.5), some((3,), 25, 0.5, 1.5)
    check_gradients(lambda a: a.exp().sum(), [a], lambda a: np.exp(a).sum(), "sum(exp(a))")
    check_gradients(lambda a: (a * a).sum(), [a], lambda a: (a * a).sum(), "sum(a·a)")
    check_gradients(
        lambda a: (a.exp() + a.log()).sum(), [a], lambda a: (np.exp(a) + np.log(a)).sum(), "sum(exp(a) + log(a))"
    )

    def early(a: Tensor, b: Tensor) -> Tensor:
        s = a * b
        return (s + (s.exp() * b).exp()).sum()

    def numpy(a: np.ndarray, b: np.ndarray) -> Any:
        return (a * b + np.exp(np.exp(a * b) * b)).sum()

    check_gradients(early, [a, b], numpy, "sum(s + exp(exp(s)·b)), s = a·b,")


@check("backward")
def a_perceptron() -> None:
    """Matrix products, broadcasts, relu and sums together; also for tensors in the middle of the graph."""
    # Every argument of a logarithm is positive, and no relu is near its corner.
    x, w, b = some((4, 3), 93, 0.5, 1.5), some((3, 2), 94, -1.0, 1.0), some((2,), 95, -0.5, 0.5)

    def mlp(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return (1.0 - (x @ w + b).relu().exp() / -3.0).sum((1,)).log().sum()

    def numpy(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> Any:
        return np.log((1.0 - np.exp(np.maximum(x @ w + b, 0)) / -3.0).sum(axis=1)).sum()

    check_gradients(mlp, [x, w, b], numpy, "log-sum-exp of a layer")
    h = tensor(some((3,), 29)).exp()
    (middle,) = autodiff.gradients((h * h).sum(), [h])
    expect(middle.numpy(), 2 * h.numpy(), "d sum(h·h) / dh, where h = exp(x) is no leaf:", rtol=1e-12)


@check("backward")
def one_behind_another() -> None:
    """A tensor of wrt may stand behind another one, be the result itself, or be there twice."""
    x = tensor(2.0)
    y = x * x
    z = y * y
    for shown, wrt, wanted in (
        ("[x, y]", [x, y], [32.0, 8.0]), ("[y, x]", [y, x], [8.0, 32.0]),
        ("[z, x]", [z, x], [1.0, 32.0]), ("[x, x]", [x, x], [32.0, 32.0]),
    ):  # fmt: skip
        found = [np.asarray(slope.numpy()).item() for slope in autodiff.gradients(z, wrt)]
        expect(found, wanted, f"gradients(z, {shown}) at x = 2, where y = x·x and z = y·y:")


@check("backward")
def zeros_and_repeats() -> None:
    """An independent tensor gets zeros of its shape and dtype; a second call does not remember the first."""
    x, other = tensor([1.0, 2.0], "float32"), tensor(np.ones((2, 3)), "float32")
    result = (x * x).sum()
    for call in ("first", "second"):
        first, second = autodiff.gradients(result, [x, other])
        expect(first.numpy(), [2.0, 4.0], f"d sum(x·x) / dx at [1, 2], {call} call:")
        expect(type(second).__name__, "Tensor", "type of the gradient of an independent tensor")
        expect((second.shape, second.dtype), ((2, 3), "float32"), "gradient of an independent [2, 3]: shape and dtype")
        expect(second.numpy(), np.zeros((2, 3)), "gradient of an independent tensor:")
    (flat,) = autodiff.gradients((x.step() * 3.0).sum(), [x])
    expect(flat.numpy(), [0.0, 0.0], "d sum(3·step(x)) / dx, where nothing flows back:")


@check("backward")
def each_rule_once() -> None:
    """Nothing is computed, each rule runs once with the complete cotangent, and 20,000 operations are fine."""
    calls: Counter[Tensor] = Counter()
    originals = dict(autodiff.RULES)

    def counted(rule: Callable[..., Any]) -> Callable[..., Any]:
        def run(x: Tensor, g: Tensor) -> Any:
            calls[x] += 1
            if calls[x] > 1:
                what = f"times the rule of one {x.op} was applied; it waits until its cotangent is complete"
                raise Difference(what, "once", "a second time")
            return rule(x, g)

        return run

    x = tensor(0.01)
    y = x
    for _ in range(20):
        y = y.exp() * y + y
    autodiff.RULES.update({op: counted(rule) for op, rule in originals.items()})
    try:
        with counting() as counts:
            autodiff.gradients(y, [x])
        expect(ran(counts), "nothing", "operations computed by gradients(), which only records")
        deep = x
        for _ in range(DEEP):
            deep = deep + 1.0
        calls.clear()
        with must_work(f"gradients of a chain of {DEEP:,} operations", "a tensor"):
            (slope,) = autodiff.gradients(deep, [x])
    finally:
        autodiff.RULES.update(originals)
    expect(slope.numpy(), 1.0, f"derivative of x + 1 + 1 + … ({DEEP:,} times)")


@check("backward")
def a_second_derivative() -> None:
    """Gradients are recorded work, so they have gradients: x·x·x at 2 has derivatives 12 and 12."""
    x = tensor(2.0)
    (first,) = autodiff.gradients(x * x * x, [x])
    (second,) = autodiff.gradients(first, [x])
    expect([first.numpy(), second.numpy()], [12.0, 12.0], "first and second derivative of x·x·x at x = 2")


# --- training-step


def by_hand(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """Loss and gradients of the network in plain NumPy, derived on paper: softmax(z) - y, and so on."""
    w0, b0, w1, b1 = parameters
    before = x @ w0 + b0
    hidden = before * (before > 0)
    e = np.exp(hidden @ w1 + b1)
    p = e / e.sum(axis=1, keepdims=True)
    dz = (p - y) / len(x)
    dh = (dz @ w1.T) * (before > 0)
    loss = -np.log((p * y).sum(axis=1)).mean()
    return float(loss), [x.T @ dh, dh.sum(axis=0), hidden.T @ dz, dz.sum(axis=0)]


@check("training-step")
def one_step_by_hand() -> None:
    """One step agrees with gradients derived on paper; the old parameters are left alone; loss before the step."""
    shapes = ((5, 4), (4,), (4, 3), (3,))
    arrays = [some(shape, 30 + i) for i, shape in enumerate(shapes)]
    x, y = some((6, 5), 40), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    loss, slopes = by_hand(arrays, x, y)
    old = [tensor(a.copy()) for a in arrays]
    found, new = train.training_step(old, tensor(x), tensor(y), 0.1)
    if not isinstance(found, float):
        raise Difference("type of the loss", "float, a number of Python's", type(found).__name__)
    expect(found, loss, "the loss before the step", rtol=1e-9)
    for name, tensor_, a in zip(("w0", "b0", "w1", "b1"), old, arrays, strict=True):
        expect(tensor_.value, a, f"{name}, the tensor that was passed in, after the step; it must not change:")
    for name, p, a, slope in zip(("w0", "b0", "w1", "b1"), new, arrays, slopes, strict=True):
        what = f"new {name}, against {name} - 0.1 · its gradient by hand:"
        expect(p.numpy(), a - 0.1 * slope, what, rtol=1e-9, atol=1e-12)


@check("training-step")
def steps_do_not_grow() -> None:
    """New parameters are leaves with values, so the tenth step does as much work as the first."""
    parameters = train.initial((5, 4, 3))
    x, y = tensor(some((6, 5), 41), "float32"), tensor(np.eye(3)[[0, 1, 2, 0, 1, 2]], "float32")
    work = []
    for _ in range(3):
        with counting() as counts:
            _, parameters = train.training_step(parameters, x, y, 0.1)
            work.append(counts.total())
        for name, p in zip(("w0", "b0", "w1", "b1"), parameters, strict=True):
            expect((p.op, len(p.inputs)), ("leaf", 0), f"new {name}: its op, and how many inputs it remembers")
            has_value(p, f"new {name} after the step")
            expect(p.dtype, "float32", f"dtype of the new {name}")
    expect(work, work[:1] * 3, "operations that ran in steps 1, 2, 3")


@check("training-step")
def learns_digits() -> None:
    """Six epochs on handwritten digits: more than 95 of 100 unseen images are right."""
    digits = data.digits()
    with redirect_stdout(StringIO()):
        trained = train.train(digits.train_images, digits.train_labels, epochs=6, rate=0.5)
    right = train.accuracy(trained, digits.test_images, digits.test_labels)
    if not right > 0.95:
        raise Difference("images right after six epochs", "more than 95%", f"{right:.1%}")
