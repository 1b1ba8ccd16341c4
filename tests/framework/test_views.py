"""Views and changes in place: random programs against torch, and each rule with the text of its refusal."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import functional as F
from weft.framework import nn
from weft.framework.errors import DTypeError, FrameworkError, GradientError, ShapeError, TraceError
from weft.framework.jit import jit
from weft.framework.lazy import no_grad
from weft.framework.tensor import Tensor, tensor

VIEWS: dict[str, Callable[[Any, random.Random], Callable[[Any], Any]]] = {
    "item": lambda t, r: (lambda i: lambda x: x[i])(r.randrange(t.shape[0])),
    "slice": lambda t, r: (lambda a, s: lambda x: x[a::s])(r.randrange(t.shape[0]), r.choice([1, 1, 2])),
    "last": lambda t, r: lambda x: x[..., -1:],
    "whole": lambda t, r: lambda x: x[:],
    "new axis": lambda t, r: lambda x: x[None],
    "T": lambda t, r: lambda x: x.permute(*reversed(range(len(x.shape)))),
    "transpose": lambda t, r: (lambda a: lambda x: x.transpose(0, a))(r.randrange(len(t.shape))),
    "reshape": lambda t, r: lambda x: x.view(-1) if not hasattr(x, "is_contiguous") or x.is_contiguous() else x.T.T[:],
    "unsqueeze": lambda t, r: (lambda a: lambda x: x.unsqueeze(a))(r.randrange(len(t.shape) + 1)),
    "squeeze": lambda t, r: lambda x: x.squeeze(),
    "expand": lambda t, r: lambda x: x.expand(2, *x.shape),
    "detach": lambda t, r: lambda x: x.detach(),
}
WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "+=": lambda t, v: t.__iadd__(v),
    "*=": lambda t, v: t.__imul__(v),
    "-= 3": lambda t, v: t.__isub__(3),
    "/= 2": lambda t, v: t.__itruediv__(2),
    "add_": lambda t, v: t.add_(v),
    "sub_": lambda t, v: t.sub_(v),
    "mul_": lambda t, v: t.mul_(v),
    "copy_": lambda t, v: t.copy_(v),
    "fill_": lambda t, v: t.fill_(1.5),
    "zero_": lambda t, v: t.zero_(),
    "[0] =": lambda t, v: t.__setitem__(0, v),
    "[..., 0] =": lambda t, v: t.__setitem__((..., 0), 2.0),
    "[:] =": lambda t, v: t.__setitem__(slice(None), v),
}


def run_program(torch: Any, seed: int, weight: float, detaches: bool) -> tuple[list[str], list[Any], float, Tensor]:
    """A random program of views and writes in both; its lines, what differs, torch's loss and our gradient's tensor.

    The loss is a function of ``weight``; torch computes it in float64 and without gradients.
    """
    r = random.Random(seed)
    values = np.asarray([r.randint(-4, 4) for _ in range(6)], np.float32).reshape(2, 3)
    weights: list[Any] = [torch.tensor([weight], dtype=torch.float64), tensor([weight], requires_grad=not detaches)]
    bases: list[Any] = [torch.tensor(values, dtype=torch.float64), tensor(values)]
    if r.random() < 0.5:
        bases = [base * w for base, w in zip(bases, weights, strict=True)]
    both, lines, wrong = [bases], list[str](), list[Any]()
    for _ in range(8):
        at = r.randrange(len(both))
        theirs, ours = both[at]
        if (r.random() < 0.5 and len(theirs.shape) and theirs.numel() < 100) or len(both) == 1:
            name = r.choice([name for name in VIEWS if detaches or name != "detach"])
            move = VIEWS[name](theirs, r)
            if name == "reshape" and not theirs.is_contiguous():
                continue
            both.append([move(theirs), move(ours)])
            lines.append(f"t{len(both) - 1} = t{at}.{name}")
        else:
            name = r.choice(list(WRITES))
            results: list[Any] = []
            for t, w, errors in ((theirs, weights[0], (RuntimeError, IndexError)), (ours, weights[1], FrameworkError)):
                try:
                    results.append(WRITES[name](t, w * 3))
                except errors as error:
                    results.append(error)
            lines.append(f"t{at} {name} w * 3")
            failed = [isinstance(result, Exception) for result in results]
            if failed[1] and "repeats elements" in str(results[1]):
                return lines, wrong, 0.0, tensor(0.0)  # of these torch refuses only what it cannot do at once
            if failed[0] != failed[1]:
                wrong.append([lines[-1], *results])
        wrong += [[f"t{i}", x.numpy(), y.numpy()] for i, (x, y) in enumerate(both)
                  if not np.allclose(x.numpy(), y.numpy(), rtol=1e-4)]  # fmt: skip
        if wrong:
            break
    if not detaches:
        total = sum((i + 1) * (y * y).sum() for i, (_, y) in enumerate(both) if y.numel() < 50)
        if isinstance(total, Tensor) and total.requires_grad:  # else all of it was overwritten
            total.backward()
    loss = sum((i + 1) * float((x * x).sum()) for i, (x, y) in enumerate(both) if y.numel() < 50)
    return lines, wrong, loss, weights[1]


@pytest.mark.parametrize("detaches", [False, True])
def test_random_programs_of_views_and_writes_are_torchs(detaches: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of views")
    written = 0
    for seed in range(150):
        lines, wrong, _, weight = run_program(torch, seed, 2.0, detaches)
        told = "\n".join([f"seed {seed}", *lines, *map(str, wrong)])
        assert not wrong, told
        if not detaches:
            above, below = (run_program(torch, seed, 2.0 + step, detaches)[2] for step in (1e-4, -1e-4))
            slope = (above - below) / 2e-4
            gradient = weight.grad.item() if weight.grad is not None else 0.0
            assert gradient == pytest.approx(slope, rel=1e-3, abs=1e-3), told
            written += slope != 0
    assert detaches or written > 50


@pytest.mark.parametrize(
    ("see", "expected"),
    [
        (lambda x: x[0], [11, 12]),
        (lambda x: x[:, 1], [12, 14]),
        (lambda x: x.T, [[11, 13], [12, 14]]),
        (lambda x: x.detach(), [[11, 12], [13, 14]]),
        (lambda x: x.view(4), [11, 12, 13, 14]),
        (lambda x: x.reshape(1, 4), [[11, 12, 13, 14]]),
        (lambda x: x.expand(1, 2, 2), [[[11, 12], [13, 14]]]),
        (lambda x: x.unsqueeze(0).squeeze(0)[1], [13, 14]),
        (lambda x: next(iter(x)), [11, 12]),
    ],
)
@pytest.mark.parametrize("looked_at", [False, True])
def test_a_view_sees_a_change_of_its_tensor(see: Callable[[Tensor], Tensor], expected: object, looked_at: bool) -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    v = see(x)
    if looked_at:
        v.numpy()
    x += 10
    assert v.tolist() == expected
    x.assign(x * 0)
    assert not v.numpy().any()


def test_views_of_a_tensor_that_is_gone_still_share() -> None:
    x = tensor([1.0, 2.0, 3.0])
    first, rest = x[:2], x[1:]
    del x
    first += 10
    assert rest.tolist() == [12, 3]


def test_copy_brings_the_gradient_along() -> None:
    x, y = tensor([1.0, 2.0], requires_grad=True), F.zeros(2)
    y.copy_(x * 3)
    assert y.requires_grad
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [18, 36]
    z = F.zeros(2, 2)
    z.copy_(x)
    z[1] = x * 2
    assert not z.is_leaf
    x.grad = None
    z.sum().backward()
    gradient: Any = x.grad  # a type checker takes it for None still
    assert gradient.tolist() == [3, 3]


LEAF = "in-place change of a tensor that requires a gradient; use no_grad"
VIEW = "in-place change of a (view of a )?tensor that requires a gradient; use no_grad"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((lambda x, w=write: w(x, 1.0), LEAF) for name, write in WRITES.items() if "[" not in name),
        *((lambda x, w=write: w(x[0], 1.0), VIEW) for name, write in WRITES.items() if "[" not in name),
        *((lambda x, w=write: w(x, 1.0), VIEW) for name, write in WRITES.items() if "[" in name),
    ],
)
def test_a_leaf_that_requires_a_gradient_is_not_changed(change: Callable[[Tensor], Any], message: str) -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises(GradientError, match=rf"test_views.py:\d+: {message}"):
        change(x)
    with no_grad():
        change(x)
    assert x.is_leaf
    assert x.requires_grad
    x.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("change", ["__iadd__", "__isub__", "__imul__", "__itruediv__", "add_", "sub_", "mul_", "div_"])
@pytest.mark.parametrize(
    ("dtype", "operand", "result"),
    [("int32", 0.5, "float32"), ("int8", 0.5, "float32"), ("bool", 1.5, "float32"), ("int32", [0.5], "float32")],
)
def test_a_result_of_another_kind_is_refused(change: str, dtype: str, operand: Any, result: str) -> None:
    x = tensor([1, 0], dtype=dtype)
    message = rf"test_views.py:\d+: the result is {result}, which a tensor of {dtype} cannot hold in place; write x = "
    with pytest.raises(DTypeError, match=message):
        getattr(x, change)(operand)
    assert x.tolist() == [1, 0]


def test_true_division_of_integers_in_place_is_refused() -> None:
    x = tensor([4, 2])
    with pytest.raises(DTypeError, match="the result is float32, which a tensor of int32 cannot hold"):
        x /= 2
    half = tensor([1.0], dtype="bfloat16")
    half += 0.5  # a narrower float is of the same kind
    assert (half.dtype.name, half.tolist()) == ("bfloat16", [1.5])
    same = base = tensor([3.0])
    base **= 2
    assert same.tolist() == [9]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.expand(2, 2, 2).add_(1), FrameworkError, "through a view that repeats elements"),
        (lambda x: x.add_(tensor([1.0, 2.0, 3.0])), ShapeError, "do not broadcast"),
        (lambda x: x[0].add_(F.ones(2, 2)), ShapeError, r"the result has shape \[2, 2\], which does not fit"),
        (lambda x: x.copy_(F.ones(3, 2)), ShapeError, "cannot broadcast"),
        (lambda x: x.fill_(F.ones(2)), ShapeError, r"fill_\(\) takes one number; copy_\(\) takes tensors"),
        (lambda x: x.copy_("one"), DTypeError, "cannot make a tensor of str"),
        (lambda x: x.detach().copy_(tensor([1.0, 2.0], requires_grad=True)), GradientError, "would lose it"),
        (lambda x: (x * tensor([2.0], requires_grad=True)).assign(x), GradientError, "assign.. to a tensor"),
        (lambda x: x.__setitem__((0, 2), 1), ShapeError, "index 2 is outside axis 1"),
        (lambda x: x.int().__setitem__(0, 2**40), DTypeError, "do not fit into int32"),
    ],
)  # fmt: skip
def test_what_else_is_refused(change: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"test_views.py:\d+: .*{message}"):
        change(tensor([[1.0, 2.0], [3.0, 4.0]]))


def test_what_is_not_recorded_changes_the_value_and_not_its_history() -> None:
    w = tensor([1.0, 3.0], requires_grad=True)
    y = w * 2
    with no_grad():
        y += 1
    y.detach()[1] = -7
    y.data.mul_(10)
    y.sum().backward()
    assert y.tolist() == [30, -70]
    assert w.grad is not None
    assert w.grad.tolist() == [2, 2]


def test_a_detached_leaf_of_its_own() -> None:
    x = tensor([1.0, 2.0])
    y = x.detach().requires_grad_()
    part = y[0]
    x += 10
    (part * y.sum()).backward()
    assert y.grad is not None
    assert y.grad.tolist() == [23 + 11, 11]
    assert x.grad is None
    assert copy.copy(y).tolist() == [11, 12]


def test_views_of_parameters_follow_their_training_in_a_jitted_step() -> None:
    layer = nn.Linear(2, 2)
    row, frozen = layer.weight[0], layer.weight.detach()

    @jit
    def step(x: Tensor) -> Tensor:
        with no_grad():
            layer.weight.assign(layer.weight * 2)
            layer.weight[1] = 0.0
            total: Tensor = (row * x).sum()
        return total

    before = layer.weight.numpy()
    for times in (2, 4):
        assert step(tensor([1.0, 1.0])).item() == pytest.approx(times * before[0].sum(), rel=1e-6)
        np.testing.assert_allclose(frozen.numpy(), [times * before[0], [0, 0]], rtol=1e-6)
        np.testing.assert_allclose(row.numpy(), times * before[0], rtol=1e-6)
    assert step.traces == 1
    assert [name for name, _ in step.trace(tensor([1.0, 1.0])).states] == ["layer.weight"]


def test_writing_to_an_argument_of_a_jitted_function_is_refused() -> None:
    def change(x: Any) -> Any:
        x += 1
        return x

    for argument in (tensor([1.0]), np.array([1], np.float32)):
        with pytest.raises(TraceError, match=r"test_views.py:\d+: in-place change of an argument of the jitted"):
            jit(change)(argument)
    assert jit(change)(1.5).item() == 2.5, "a number is the function's own"
    with pytest.raises(TraceError, match="in-place change of an argument"):
        jit(lambda x: x[0].zero_())(tensor([1.0]))
