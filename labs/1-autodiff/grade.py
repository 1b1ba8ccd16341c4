"""The checks of lab 1. Values are checked against NumPy, gradients against central finite differences in float64."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import autodiff
import data
import ir
import numpy as np
import tracer
import train
from tracer import Tensor, tensor

from weft.lab import Difference, check, expect

DEEP = 20_000


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """How often each operation is computed inside."""
    counts: Counter[str] = Counter()
    originals = dict(ir.OPS)

    def counted(op: str, compute: Callable[..., Any]) -> Callable[..., Any]:
        def run(*operands: Any, **attrs: Any) -> Any:
            counts[op] += 1
            return compute(*operands, **attrs)

        return run

    ir.OPS.update({op: replace(rule, compute=counted(op, rule.compute)) for op, rule in originals.items()})
    try:
        yield counts
    finally:
        ir.OPS.update(originals)


@contextmanager
def must_work(what: str, expected: str) -> Iterator[None]:
    """Inside, a refusal by the IR or a stack overflow is the check's own difference."""
    try:
        yield
    except ir.GraphError as problem:
        raise Difference(what, expected, f"GraphError: {problem}") from problem
    except RecursionError as problem:
        raise Difference(what, f"{expected}; a loop with a list as its stack", "RecursionError") from problem


def node(op: str, *inputs: Tensor, value: Any = None, **attrs: Any) -> Tensor:
    """A tensor as ``record`` should make it, without ``record``."""
    return Tensor(op, inputs, tuple(sorted(attrs.items())), *ir.infer(op, inputs, attrs), value)


def label(name: str, *inputs: Tensor) -> Tensor:
    """A tensor for checks of order alone; its op is its name."""
    return Tensor(name, inputs, (), (), "float64")


def some(shape: ir.Shape, seed: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Random multiples of 1/4, which are easy to read in a message; never 0."""
    drawn = np.random.default_rng(seed).integers(round(low * 4), round(high * 4), shape, endpoint=True)
    return np.asarray(np.where(drawn == 0, 1, drawn) / 4)


def ran(counts: Counter[str]) -> str:
    """Counts as text: ``2 add, 1 exp``."""
    return ", ".join(f"{count} {op}" for op, count in sorted(counts.items())) or "nothing"


def is_it(found: Tensor, wanted: Tensor, name: str, what: str) -> None:
    """Raise Difference unless ``found`` is the very tensor ``wanted``, called ``name``."""
    if found is not wanted:
        raise Difference(what, f"the tensor {name} itself", repr(found))


def has_no_value(x: Tensor, what: str) -> None:
    """Raise Difference if ``x`` has been computed."""
    if x.value is not None:
        raise Difference(what, "no value", f"it was computed: {x.value!r}")


def has_value(x: Tensor, what: str) -> None:
    """Raise Difference if ``x`` has not been computed."""
    if x.value is None:
        raise Difference(what, "its value", "None")


def slopes_of(f: Callable[..., Any], arrays: list[np.ndarray], h: float = 1e-5) -> list[np.ndarray]:
    """Central finite differences of the number f(*arrays) with respect to every element of every array."""
    slopes = [np.zeros_like(a) for a in arrays]
    for a, slope in zip(arrays, slopes, strict=True):
        for index in np.ndindex(a.shape):
            kept = a[index]
            a[index] = kept + h
            above = float(f(*arrays))
            a[index] = kept - h
            below = float(f(*arrays))
            a[index] = kept
            slope[index] = round((above - below) / (2 * h), 8)
    return slopes


# --- record


@check("record")
def records_instead_of_computing() -> None:
    """x.exp() gives a tensor that knows its operation, operand, shape and dtype, and has no value."""
    x = tensor(some((2, 3), 0))
    with counting() as counts:
        y = x.exp()
        z = x.sum((1,))
    expect(ran(counts), "nothing", "operations computed while x.exp() and x.sum((1,)) are recorded")
    has_no_value(y, "the value of x.exp() after recording")
    expect((y.op, y.shape, y.dtype), ("exp", (2, 3), "float64"), "op, shape and dtype of x.exp()")
    expect(len(y.inputs), 1, "how many inputs x.exp() has")
    is_it(y.inputs[0], x, "x", "the input of x.exp()")
    expect((z.op, z.attrs, z.shape), ("sum", (("axes", (1,)),), (2,)), "op, attrs and shape of x.sum((1,)), x [2, 3]")


@check("record")
def numbers_become_leaves() -> None:
    """In x * 2 and 1 - x the number is a leaf of x's dtype, on its own side."""
    x = tensor([1.0, 2.0], "float32")
    for text, make, place, number in (("x * 2", lambda: x * 2, 1, 2.0), ("1 - x", lambda: 1 - x, 0, 1.0)):
        with must_work(f"{text} of a float32 x", "a float32 tensor"):
            y = make()
        expect(y.dtype, "float32", f"dtype of {text}, x float32")
        is_it(y.inputs[1 - place], x, "x", f"inputs[{1 - place}] of {text}")
        lifted = y.inputs[place]
        expect(lifted.op, "broadcast", f"op of inputs[{place}] of {text}: the number, stretched to x's shape")
        leaf = lifted.inputs[0]
        expect((leaf.op, leaf.dtype, leaf.shape), ("leaf", "float32", ()), f"the number in {text}: op, dtype, shape")
        expect(leaf.value, number, f"value of the number in {text}")


@check("record")
def stretches_by_numpys_rules() -> None:
    """Operands of add, sub, mul, div get a common shape by recorded broadcasts; equal shapes and matmul get none."""
    for left, right in (((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (2, 3)), ((), (4,))):
        a, b = tensor(some(left, 1)), tensor(some(right, 2))
        what, common = f"{list(left)} + {list(right)}", np.broadcast_shapes(left, right)
        with must_work(what, f"a tensor of shape {list(common)}"):
            y = a + b
        expect(y.shape, common, f"shape of {what}")
        for side, x, operand in zip(("left", "right"), (a, b), y.inputs, strict=True):
            wanted = "the tensor itself" if x.shape == common else f"its broadcast to {list(common)}"
            through = operand.op == "broadcast" and operand.inputs[0] is x and operand.shape == common
            found = "the tensor itself" if operand is x else f"its broadcast to {list(common)}" if through else operand
            expect(found, wanted, f"{side} operand recorded for {what}")
    a, b = tensor(some((2, 2), 3)), tensor(some((2, 1), 4))
    with must_work("[2, 2] @ [2, 1]", "a tensor of shape [2, 1]"):
        y = a @ b
    what = "op of the operands of [2, 2] @ [2, 1], which matmul takes as they are"
    expect([x.op for x in y.inputs], ["leaf", "leaf"], what)


# --- topological-order


def check_order(roots: list[Tensor], what: str) -> None:
    """Raise Difference unless the student's order of ``roots`` is one."""
    asked: Counter[Tensor] = Counter()

    def operands(x: Tensor) -> tuple[Tensor, ...]:
        asked[x] += 1
        if asked[x] > 1:
            raise Difference(f"{what}: times the operands of '{x.op}' were asked for", "at most once", "a second time")
        return x.inputs

    with must_work(what, "an order"):
        order = tracer.topological_order(roots, operands)
    place = {x: i for i, x in enumerate(order)}
    small = len(order) <= 12
    shown = f"{what}: order {[x.op for x in order]}" if small else what
    twice = [x.op for x, count in Counter(order).items() if count > 1]
    expect(twice, [], f"{shown}: tensors that are there more than once")
    reachable, waiting = set(roots), list(roots)
    while waiting:
        fresh = set(waiting.pop().inputs) - reachable
        reachable |= fresh
        waiting += fresh
    expect({x.op for x in order}, {x.op for x in reachable}, f"{shown}: tensors in it")
    for x in order:
        if late := [operand.op for operand in x.inputs if place[operand] > place[x]]:
            raise Difference(f"{shown}: operands of '{x.op}' that come after it", "none", ", ".join(late))


@check("topological-order")
def order_of_small_graphs() -> None:
    """Operands come before their readers, everything once: a chain, a diamond, a shortcut, two roots."""
    a = label("a")
    b, c = label("b", a), label("c", a)
    d = label("d", b, c)
    check_order([c], "chain a → c")
    check_order([d], "diamond a → b, c → d")
    square = label("square", d, d)
    check_order([square], "a tensor read twice by one operation")
    far = label("far", d)
    check_order([label("end", a, far)], "end reads a directly and through a longer way")
    check_order([label("end", far, a)], "end reads a through a longer way and directly")
    check_order([c, d, b, d], "roots c, d, b, d")


@check("topological-order")
def order_of_random_graphs() -> None:
    """The same for random graphs of 200 nodes."""
    rng = np.random.default_rng(5)
    for trial in range(5):
        nodes = [label("n0")]
        for i in range(1, 200):
            nodes.append(label(f"n{i}", *(nodes[j] for j in rng.integers(max(0, i - 9), i, rng.integers(1, 4)))))
        check_order([nodes[-1], nodes[100]], f"random graph {trial}")


@check("topological-order")
def order_of_a_deep_graph() -> None:
    """A chain of 20,000 operations is no deeper than the stack, and 40 diamonds have 2^40 paths but 121 nodes."""
    x = label("x0")
    for i in range(DEEP):
        x = label(f"x{i + 1}", x)
    check_order([x], f"a chain of {DEEP:,} operations")
    y = label("y")
    for i in range(40):
        y = label(f"join{i}", label(f"left{i}", y), label(f"right{i}", y))
    check_order([y], "40 diamonds on top of each other")


# --- realise


@check("realise")
def computes_what_is_needed_once() -> None:
    """Values are NumPy's; each operation runs once, and what nobody asked for does not run."""
    data = some((3, 4), 6)
    x = tensor(data)
    shared = node("exp", x)
    left, right = node("mul", shared, shared), node("add", shared, x)
    total = node("sum", node("add", left, right), axes=(0,))
    aside = node("log", shared)
    with counting() as counts:
        tracer.realise(total)
    expected = (np.exp(data) ** 2 + np.exp(data) + data).sum(axis=0)
    has_value(total, "sum(exp(x)·exp(x) + exp(x) + x) after it was realised")
    expect(total.value, expected, "sum(exp(x)·exp(x) + exp(x) + x)", rtol=1e-12)
    expect(ran(counts), "2 add, 1 exp, 1 mul, 1 sum", "operations that ran for sum(exp(x)·exp(x) + exp(x) + x)")
    has_no_value(aside, "log(exp(x)), which nobody asked for")


@check("realise")
def keeps_what_is_known() -> None:
    """Values on the way are kept; a tensor that has a value is taken as it is, and nothing behind it runs."""
    x = tensor([1.0, 2.0])
    middle = node("exp", x)
    top = node("add", middle, x)
    tracer.realise(top)
    has_value(middle, "exp(x) after exp(x) + x was realised; what is computed on the way is kept")
    with counting() as counts:
        tracer.realise(top, middle)
        tracer.realise(node("mul", middle, top))
    expect(ran(counts), "1 mul", "operations that run for exp(x)·(exp(x) + x) when both factors are known")
    pending = node("exp", x)
    known = node("log", pending, value=np.array([5.0, 6.0]))
    reader = node("add", known, x)
    with counting() as counts:
        tracer.realise(reader)
    expect(reader.value, [6.0, 8.0], "known + x, where known = [5, 6] and x = [1, 2]")
    has_no_value(pending, "exp(x), which stands behind a known tensor, so that nothing needs it,")
    expect(ran(counts), "1 add", "operations that run for known + x")


@check("realise")
def realises_several_and_deep() -> None:
    """Several tensors at once share their work; a chain of 20,000 operations is fine."""
    x = tensor([0.5])
    shared = node("exp", x)
    a, b = node("log", shared), node("relu", shared)
    with counting() as counts:
        tracer.realise(a, b)
    has_value(a, "a after realise(a, b)")
    has_value(b, "b after realise(a, b)")
    expect(ran(counts), "1 exp, 1 log, 1 relu", "operations that ran for realise(log(exp(x)), relu(exp(x)))")
    one, deep = tensor(1.0), tensor(0.0)
    for _ in range(DEEP):
        deep = node("add", deep, one)
    with must_work(f"a chain of {DEEP:,} additions", "a value"):
        tracer.realise(deep)
    expect(deep.value, float(DEEP), f"a chain of {DEEP:,} additions of 1")


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
        found = autodiff.RULES[op](result, tensor(g))
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
    (at_zero,) = autodiff.RULES["relu"](node("relu", tensor([0.0, -0.0, 3.0])), tensor([1.0, 1.0, 1.0]))
    expect(at_zero.numpy(), [0.0, 0.0, 1.0], "cotangent of a in relu, a = [0, -0, 3], g = 1:")
    (negative,) = autodiff.RULES["relu"](node("relu", tensor([-1.0, 2.0])), tensor([-5.0, -7.0]))
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
