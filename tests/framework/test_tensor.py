"""The lazy tensor: PyTorch's behaviour, pending work, and errors at the user's line."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import functional
from weft.framework.device import NumpyDevice
from weft.framework.errors import DeviceError, DTypeError, FrameworkError, GradientError, ShapeError
from weft.framework.lazy import Expr, no_grad
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor


def test_values_shapes_and_text() -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (x.shape, x.ndim, x.dtype.name, x.numel(), len(x), x.size(1)) == ((2, 2), 2, "float32", 4, 2, 2)
    assert x.tolist() == [[1, 2], [3, 4]]
    assert repr(x) == "tensor([[1., 2.],\n        [3., 4.]])"
    half = tensor([1.0], dtype="bfloat16", requires_grad=True)
    assert repr(half) == "tensor([1.], dtype=bfloat16, requires_grad=True)"
    assert tensor(3).dtype.name == "int32"
    assert tensor(np.arange(3)).dtype.name == "int32"
    assert (float(tensor(2.5)), int(tensor(7)), bool(tensor(0.0))) == (2.5, 7, False)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda x: x + 1, [[1, 2, 3], [4, 5, 6]]),
        (lambda x: 1 - x, [[1, 0, -1], [-2, -3, -4]]),
        (lambda x: 2 / (x + 1), [[2, 1, 2 / 3], [0.5, 0.4, 1 / 3]]),
        (lambda x: x**3 - x**2 + x**0, [[1, 1, 5], [19, 49, 101]]),
        (lambda x: (x + 1) ** -1 * 60, [[60, 30, 20], [15, 12, 10]]),
        (lambda x: -(x.abs().sqrt() ** 2), [[0, -1, -2], [-3, -4, -5]]),
        (lambda x: (x > 2) & ~(x == 4) | (x < 1), [[True, False, False], [True, False, True]]),
        (lambda x: x.sum(0), [3, 5, 7]),
        (lambda x: x.mean(dim=-1, keepdim=True), [[1], [4]]),
        (lambda x: x.amax((0, 1)), 5),
        (lambda x: x.max(1).indices, [2, 2]),
        (lambda x: x.max(0)[0], [3, 4, 5]),
        (lambda x: x.argmax(), 5),
        (lambda x: (x > 2).sum(), 3),
        (lambda x: x.T @ tensor([[1.0], [2.0]]), [[6], [9], [12]]),
        (lambda x: x @ tensor([1.0, 0.0, 2.0]), [4, 13]),
        (lambda x: tensor([1.0, 2.0]) @ x, [6, 9, 12]),
        (lambda x: x.reshape(3, -1)[1:, 0], [2, 4]),
        (lambda x: x[:, ::2], [[0, 2], [3, 5]]),
        (lambda x: x[-1], [3, 4, 5]),
        (lambda x: x[..., None, 1], [[1], [4]]),
        (lambda x: x.unsqueeze(1).squeeze(1).transpose(0, 1).permute(1, 0).flatten(), [0, 1, 2, 3, 4, 5]),
        (lambda x: x[0].expand(2, -1), [[0, 1, 2], [0, 1, 2]]),
        (lambda x: functional.where(x > 2, x, -1), [[-1, -1, -1], [3, 4, 5]]),
        (lambda x: np.ones(3) + x[0] + np.float32(1), [2, 3, 4]),
        (lambda x: F.one_hot(tensor([2, 0]), 3) + functional.arange(3), [[0, 1, 3], [1, 1, 2]]),
        (lambda x: functional.ones(2, 3) + functional.zeros((2, 3)) + 1, [[2, 2, 2], [2, 2, 2]]),
        (lambda x: functional.ones_like(x) - functional.zeros_like(x), [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_operations(compute: Callable[[Tensor], Tensor], expected: Any) -> None:
    x = tensor(np.arange(6).reshape(2, 3), dtype="float32")
    result = compute(x)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_products_of_narrow_types() -> None:
    x = tensor([[1, 2]], dtype="int8")
    assert (x @ x.T).dtype.name == "int32"
    assert (x.to("bfloat16") @ x.to("bfloat16").T).dtype.name == "bfloat16"
    assert (x.int() @ x.int().T).dtype.name == "int32"
    with pytest.raises(DTypeError, match="matmul: no product of bool and bool"):
        x.bool() @ x.bool().T


def test_transposed_operands_become_flags() -> None:
    from weft.framework.jit import trace

    def f(x: Tensor, w: Tensor) -> Tensor:
        return x @ w.T

    graph = trace(f, functional.ones(2, 3), functional.ones(4, 3))
    assert [n.op for n in graph.nodes] == ["input", "input", "matmul"]
    assert graph.nodes[2].attr("transpose_b") is True


def test_gradients_accumulate_and_fan_out() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    (y.sum() + (y * x).sum()).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2 + 3, 4 + 12]
    (x * 2).backward(tensor([1.0, 10.0]))
    assert x.grad.tolist() == [7, 36]
    assert y.requires_grad
    assert not y.is_leaf
    assert not y.detach().requires_grad


def test_no_grad_and_detach_stop_gradients() -> None:
    x = tensor([3.0], requires_grad=True)
    with no_grad():
        frozen = x * x
    (x * frozen + x.detach() * x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [9 + 3]


def test_gradient_after_values_were_looked_at() -> None:
    x = tensor([3.0], requires_grad=True)
    y = x.exp()
    z = (y * y).sum()
    assert z.item() == pytest.approx(np.exp(6), rel=1e-6)
    z.backward()
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(2 * np.exp(6), rel=1e-6)


def test_work_waits_until_it_is_needed_and_then_runs_as_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs: list[int] = []
    compile_graph = NumpyDevice.compile
    monkeypatch.setattr(NumpyDevice, "compile", lambda self, g: graphs.append(len(g.nodes)) or compile_graph(self, g))
    x = tensor([0.125, 0.25])
    y = (x + 0.0625) * 3.5
    z = y - 11.25
    assert graphs == []
    assert z.tolist() == pytest.approx([-10.59375, -10.15625])
    assert len(graphs) == 1
    assert y.tolist() == pytest.approx([0.65625, 1.09375])  # realised together with z
    assert len(graphs) == 1


def test_a_loop_runs_in_constant_memory() -> None:
    w = tensor([1.0, 2.0], requires_grad=True)
    total = tensor(0.0)
    counts = []
    for i in range(30):
        loss = (w * w).sum()
        w.grad = None
        loss.backward()
        with no_grad():
            gradient: Any = w.grad  # a type checker takes it for None still
            w -= 0.01 * gradient
            total += loss.detach()
        w.realize()
        if i in (3, 29):
            gc.collect()
            counts.append(sum(type(o) is Expr for o in gc.get_objects()))
    assert counts[0] == counts[1]
    assert total.item() > 0
    assert w.is_leaf


def test_a_deep_chain_is_realised_differentiated_and_freed() -> None:
    x = tensor(1.0, requires_grad=True)
    y: Tensor = x
    for _ in range(5_000):
        y = y + 0.0
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1
    del y
    gc.collect()


def test_in_place_changes() -> None:
    x = tensor([1, 2])
    same = x
    x *= 2
    x += 1
    assert same.tolist() == [3, 5]
    view = x[0]
    view += 1
    assert same.tolist() == [4, 5]
    w = tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match="in-place change of a tensor that requires a gradient; use no_grad"):
        w += 1
    x[0] = 1
    assert x.tolist() == [1, 5]
    with pytest.raises(ShapeError, match=r"cannot assign \[3\] to a tensor of shape \[2\]"):
        x.assign(tensor([1, 2, 3]))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: x + tensor([1.0, 2.0]), ShapeError, r"add: shapes \[2, 3\] and \[2\] do not broadcast"),
        (lambda x: x @ x, ShapeError, r"cannot multiply \[2, 3\] by \[2, 3\]: the inner extents 3 and 2 differ"),
        (lambda x: x + "one", DTypeError, "cannot compute with a str; give a tensor or a number"),
        (lambda x: x.sum(2), ShapeError, r"axis 2 is outside shape \[2, 3\]"),
        (lambda x: x.item(), ShapeError, r".item\(\) needs one element; this is float32\[2, 3\]"),
        (lambda x: x[2], ShapeError, r"index 2 is outside axis 0 of \[2, 3\]"),
        (lambda x: x[0, 0, 0], ShapeError, r"3 indices for a tensor of shape \[2, 3\]"),
        (lambda x: x["row"], FrameworkError, "indexing with a str is not supported"),
        (lambda x: x[::-1], FrameworkError, "negative steps are not supported"),
        (lambda x: x.reshape(4, 2), ShapeError, r"cannot see \[2, 3\] \(6 elements\) as \[4, 2\]"),
        (lambda x: x.backward(), GradientError, "computed from none with requires_grad"),
        (lambda x: x.requires_grad_().backward(), GradientError, r"needs one element; this is float32\[2, 3\]; reduce"),
        (lambda x: x.int().mean(), DTypeError, r"mean\(\) takes floats, not int32"),
        (lambda x: x.int().requires_grad_(), GradientError, r"only floats have gradients; this is int32\[2, 3\]"),
        (lambda x: x.int() ** -1, DTypeError, r"integers to the power -1 are no integers; use .float\(\) first"),
        (lambda x: functional.where(x, 1, 0), DTypeError, r"condition of where\(\) is float32, not bool"),
        (lambda x: F.cross_entropy(x, tensor([0])), ShapeError, r"logits \[rows, classes\] and labels \[rows\], not"),
        (lambda x: F.cross_entropy(x, tensor([0.0, 1.0])), DTypeError, "labels are class numbers, so integers"),
        (lambda x: F.mse_loss(x, x[0]), ShapeError, r"mse_loss: shapes \[2, 3\] and \[3\] differ"),
        (lambda x: tensor(2**40), DTypeError, "values 1099511627776..1099511627776 do not fit into int32"),
        (lambda x: tensor("text"), DTypeError, "cannot make a tensor of str"),
    ],
)
def test_errors_name_the_users_line(wrong: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    x = tensor(np.arange(6).reshape(2, 3), dtype="float32")
    with pytest.raises(error, match=rf"test_tensor.py:\d+: .*{message}"):
        wrong(x)


def test_devices() -> None:
    x = tensor([1.0])
    assert x.device.name == "numpy"
    with pytest.raises(DeviceError, match=r"unknown device 'tpu'; known devices: .*numpy"):
        x.to("tpu")
    other = NumpyDevice()
    moved = x.to(other)
    assert (moved * 2 + x).device is other  # a tensor that was put nowhere goes along
    with pytest.raises(DeviceError, match=r"add: operands on different devices: float32\[1\] on numpy, .*move one"):
        moved + x.to("numpy")


def test_a_deep_copy_has_its_own_value_gradient_and_history() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    twin, again = copy.deepcopy([x, x])
    assert twin is again
    assert twin.requires_grad
    assert twin.grad is not None
    (twin * 3).sum().backward()
    assert x.grad is not None
    assert (x.grad.tolist(), twin.grad.tolist()) == ([2, 4], [5, 7]), "a gradient arrives at the copy alone"
    twin.assign([9, 9])
    assert x.tolist() == [1, 2]
    with pytest.raises(GradientError, match=r"test_tensor.py:\d+: .*has history, so copy it with .detach"):
        copy.deepcopy(x * 2)
    assert copy.deepcopy((x * 2).detach()).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (np.ones(2, np.float32), DTypeError, "a gradient is a tensor or None, not a ndarray"),
        (3.0, DTypeError, "a gradient is a tensor or None, not a float"),
        (tensor([1.0]), ShapeError, r"the gradient of float32\[2\] is of that shape and type, not float32\[1\]"),
        (tensor([1, 2]), DTypeError, r"the gradient of float32\[2\] is of that shape and type, not int32\[2\]"),
    ],
)
def test_only_a_tensor_like_it_is_a_gradient(gradient: Any, error: type[Exception], message: str) -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(error, match=rf"test_tensor.py:\d+: {message}"):
        x.grad = gradient
    x.grad = tensor([1.0, 1.0])
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]
    x.grad = None
