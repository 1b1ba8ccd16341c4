"""Gradients under ``@jit``, what a trace knows of hooks, recomputation in the compiled graph, and messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import autograd, func
from weft.framework.errors import AbstractError, DTypeError, FrameworkError, GradientError
from weft.framework.function import Function
from weft.framework.grad_mode import is_inference_mode_enabled, no_grad
from weft.framework.jit import jit
from weft.framework.recompute import checkpoint
from weft.framework.tensor import Tensor, tensor


class Square(Function):
    """x² with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x: Tensor
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


def block(x: Any, w: Any) -> Any:
    return (x @ w).tanh().exp()


NO_TENSOR: Any = 3
w = tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)


def first(x: Any) -> Any:
    return autograd.grad((x @ w).exp().sum(), w)[0]


def second(x: Any) -> Any:
    (g,) = autograd.grad((x @ w).exp().sum(), w, create_graph=True)
    return autograd.grad((g * g).sum(), w)[0]


def by_a_function(x: Any) -> Any:
    (g,) = autograd.grad(Square.apply((x @ w).exp()).sum(), w, create_graph=True)
    return autograd.grad(g.sum(), w)[0]


def with_hooks(x: Any) -> Any:
    y = x @ w
    y.register_hook(lambda g: g * y)
    return autograd.grad(y.exp().sum(), w)[0]


def checkpointed(x: Any) -> Any:
    return autograd.grad(checkpoint(block, checkpoint(block, x, w), w).sum(), w)[0]


def transformed(x: Any) -> Any:
    return func.jvp(func.grad(lambda t: (t @ w).exp().sum()), (x,), (x,))[1]


def through_grad(x: Any) -> Any:
    w.grad = None
    (x @ w).exp().sum().backward(create_graph=True)
    g: Any = w.grad
    w.grad = None
    (g * g).sum().backward()
    found: Any = w.grad
    w.grad = None
    return found


@pytest.mark.parametrize(
    "compute", [first, second, by_a_function, with_hooks, checkpointed, transformed, through_grad]
)
def test_traced_and_not_give_the_same(compute: Callable[[Any], Any]) -> None:
    x = tensor([[1.0, -0.5], [0.25, 2.0]])
    traced = jit(compute)
    for factor in (1.0, 0.5):
        np.testing.assert_allclose(traced(x * factor).numpy(), compute(x * factor).numpy(), rtol=1e-5)
    assert traced.traces == 1


def test_a_hook_that_comes_or_goes_is_traced_anew() -> None:
    v = tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> Any:
        v.grad = None
        (v * x).sum().backward()
        return v.grad

    traced, x = jit(step), tensor([1.0, 1.0])
    assert traced(x).tolist() == [1, 1]
    handle = v.register_hook(lambda g: g * 10)
    assert traced(x).tolist() == [10, 10]
    handle.remove()
    assert traced(x).tolist() == [1, 1]


def test_what_a_hook_reads_belongs_to_the_trace() -> None:
    v = tensor([1.0, 2.0], requires_grad=True)
    settings = {"factor": 2}
    v.register_hook(lambda g: g * settings["factor"])
    traced = jit(lambda x: autograd.grad((v * x).sum(), v)[0])
    assert traced(tensor([1.0, 1.0])).tolist() == [2, 2]
    settings["factor"] = 3
    assert traced(tensor([1.0, 1.0])).tolist() == [3, 3]


def test_recomputation_survives_the_passes_and_saves_memory() -> None:
    rng = np.random.default_rng(0)
    weights = [tensor(rng.normal(size=(32, 32)) * 0.1, requires_grad=True) for _ in range(6)]

    def step(x: Any, again: bool) -> Any:
        for weight in weights:
            x = checkpoint(block, x, weight) if again else block(x, weight)
        loss = x.sum()
        return loss, *autograd.grad(loss, weights[::-1])

    x = tensor(rng.normal(size=(256, 32)))
    kept, again = (jit(step).lower(x, flag) for flag in (False, True))
    products = [Counter(node.op for node in pipeline.run(graph, "cpu").nodes)["matmul"] for graph in (kept, again)]
    assert products[1] == products[0] + len(weights)
    assert "barrier" not in pipeline.run(again, "cpu").ops
    sizes = [CpuDevice().compile(graph).nbytes for graph in (kept, again)]
    assert sizes[1] < 0.75 * sizes[0]
    for a, b in zip(jit(step)(x, False), jit(step)(x, True), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_history_that_ends_in_a_transformation_is_not_kept() -> None:
    found = func.grad(lambda t: (t * t).sum())(tensor([1.0, 2.0]))
    found.numpy()
    assert not found.requires_grad
    assert found._expr.inputs == ()


def test_a_node_of_the_history_can_be_looked_at() -> None:
    y = (w * 2).exp()
    node: Any = y.grad_fn
    assert repr(node).startswith("<ExpBackward0 at ")
    assert "test_autograd.py:" in node.line
    (before, _), *_ = node.next_functions
    assert before.name() == "MulBackward0"
    assert before.next_functions[0][0].name() == "AccumulateGrad"
    assert before.next_functions[0][0].variable is w


def test_inference_mode_can_be_asked_about() -> None:
    from weft.framework.grad_mode import inference_mode

    with inference_mode():
        assert is_inference_mode_enabled()
        with no_grad():
            assert is_inference_mode_enabled()
    assert not is_inference_mode_enabled()


class Nothing(Function):
    """A Function that says nothing."""


class Dirty(Square):
    """A Function that would change its argument."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x


class Saving(Square):
    """A Function that saves what is no tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x, 3)
        return x


class Short(Square):
    """A Function whose gradient has another shape."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient[:, :1]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: autograd.grad(w.sum(), [w, w * 1]), GradientError, r"do not depend on input 1 \(float32\[2, 2\]\)"),
        (lambda: autograd.grad(w.sum(), tensor([1.0])), GradientError, "input 0 does not require a gradient"),
        (lambda: autograd.grad(w.sum(), w, is_grads_batched=True), FrameworkError, "is_grads_batched is not supported"),
        (lambda: autograd.grad(w.sum(), NO_TENSOR), DTypeError, "by tensors, not of a int"),
        (lambda: autograd.grad([w.sum()], w, [None, None]), GradientError, "1 outputs need as many gradients, not 2"),
        (lambda: autograd.grad(w.sum(), w, materialize_grads=True, allow_unused=False), GradientError, "leave out"),
        (lambda: w.sum().backward(inputs=[]), GradientError, r"inputs of backward\(\) is empty"),
        (lambda: tensor(1.0).register_hook(print), GradientError, r"register_hook\(\) on a tensor that does not"),
        (lambda: tensor(1.0).retain_grad(), GradientError, r"retain_grad\(\) on a tensor that does not require"),
        (lambda: Nothing.apply(w), AbstractError, r"a Function needs a forward\(ctx, ...\)"),
        (lambda: Dirty.apply(w), GradientError, "changes an argument in place is not supported"),
        (lambda: Saving.apply(w), GradientError, r"save_for_backward\(\) takes tensors and None, not a int"),
        (lambda: Short.apply(w).sum().backward(), GradientError, r"gradient of shape \[2, 1\] for argument 0, which"),
        (lambda: checkpoint(block, w, w, use_reentrant=True), FrameworkError, "use_reentrant=True is not supported"),
        (lambda: func.grad(lambda x: x)(w), GradientError, r"must give one float; it gave float32\[2, 2\]"),
        (lambda: func.grad(lambda x: 1)(w), GradientError, "the function must give one float; it gave no tensor"),
        (lambda: func.grad(lambda x: x)(3.0), GradientError, "only float tensors have gradients, not a float"),
        (lambda: func.grad(lambda x: x, argnums=1)(w), GradientError, "argnums 1 for a call with 1 arguments"),
        (lambda: func.jvp(lambda x: x, (w,), ()), GradientError, "1 primals need as many tangents, not 0"),
    ],
)
def test_what_is_refused(wrong: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"test_autograd.py:\d+: .*{message}"):
        wrong()


def test_a_hook_that_changes_the_shape_is_named() -> None:
    y = w * 1
    y.register_hook(lambda g: g[0])
    with pytest.raises(GradientError, match=r"test_autograd.py:\d+: the hook of a gradient float32\[2, 2\] returned"):
        y.sum().backward()
    z = w * 1

    def wrong(g: Tensor) -> Any:
        return 3.0

    z.register_hook(wrong)
    with pytest.raises(GradientError, match="a hook returns a tensor or None, not a float"):
        z.sum().backward()
