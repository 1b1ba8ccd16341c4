"""Methods that change their tensor: each does what torch's does, with its gradient, through views; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.framework.comparing import IMPORTS, compare
from weft.framework import nn
from weft.framework.errors import DTypeError, FrameworkError, GradientError, TraceError
from weft.framework.grad_mode import no_grad
from weft.framework.in_place import InPlace
from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of its own semantics")

OF_INTEGERS = {"bitwise_and_", "bitwise_or_", "bitwise_xor_", "bitwise_not_"}
NOTHING = (
    "abs", "neg", "exp", "expm1", "erf", "sin", "cos", "sigmoid", "tanh", "relu", "floor", "ceil", "round", "trunc",
    "frac", "sign", "square", "reciprocal", "logical_not", "bitwise_not", "t", "squeeze", "detach",
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cosh", "sinh", "tan", "exp2", "log2", "log10",
    "nan_to_num",
)  # fmt: skip
ANOTHER = (
    "add", "sub", "mul", "div", "divide", "atan2", "remainder", "fmod", "floor_divide", "eq", "ne", "lt", "le", "gt",
    "ge", "hypot", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
)  # fmt: skip
ARGUMENTS: dict[str, str] = {
    **{f"{name}_": "" for name in NOTHING},
    **{f"{name}_": "y" for name in ANOTHER},
    "pow_": "2", "rsqrt_": "", "log_": "", "log1p_": "", "sqrt_": "",
    "clamp_": "-0.5, 0.75", "clip_": "max=0.5", "clamp_min_": "0.25", "clamp_max_": "0.25",
    "addcmul_": "y, y, value=0.5", "addcdiv_": "y, 2 + y.abs()", "lerp_": "y, 0.25",
    "addmm_": "y, y[:, :3], alpha=2", "addmv_": "y, y[0]", "baddbmm_": "y, y", "tril_": "", "triu_": "1",
    "cumsum_": "0", "cumprod_": "1",
    "masked_fill_": "y > 0, 3.0", "masked_scatter_": "y > 0, y",
    "scatter_": "0, torch.tensor([[0, 1, 0], [1, 0, 1]]), y",
    "scatter_add_": "0, torch.tensor([[0, 1, 0], [0, 0, 0]]), y",
    "logit_": "0.2", "scatter_reduce_": "0, torch.tensor([[0, 1, 0], [1, 0, 1]]), y, 'sum'",
    "index_add_": "1, torch.tensor([0, 2, 0]), y, alpha=3", "index_copy_": "1, torch.tensor([2, 1, 0]), y",
    "index_fill_": "1, torch.tensor([0, -1]), 4.0", "fill_diagonal_": "9.0",
    "transpose_": "0, 1", "swapaxes_": "0, 1", "swapdims_": "1, 0", "unsqueeze_": "1",
}  # fmt: skip
"""Every method, with arguments."""
RANDOM = {
    "uniform_": "-1.0, 2.0", "normal_": "1.0, 0.5", "bernoulli_": "0.25", "random_": "3, 10", "exponential_": "2.0",
    "geometric_": "0.5", "log_normal_": "0.0, 0.25", "cauchy_": "1.0, 0.5",
}  # fmt: skip
GRADIENTS = "gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in (leaf, y)]"
"""That nothing comes back, or zeros, is the same."""
UNRECORDED = {
    "logical_and_", "logical_or_", "logical_xor_", "logical_not_", "floor_divide_", "acosh_", "asinh_", "atanh_"
}  # fmt: skip
"""torch computes these without a gradient and leaves the old history, or refuses one."""
POSITIVE = {"acosh_", "log2_", "log10_", "log_", "log1p_", "sqrt_", "rsqrt_", "cumprod_"}
SHAPES = {"addmm_": "3, 3", "addmv_": "3", "baddbmm_": "2, 3, 3"}
"""Of the tensor that is changed, where it is not [2, 3]."""
SHOWN = {"t_", "squeeze_", "transpose_", "swapaxes_", "swapdims_", "unsqueeze_", "detach_"}
"""Those that write nothing."""
SCRIPT = """
values = (torch.arange({count}.0) * 7 % 11 / 4 {offset}).reshape({shape})
given = (torch.arange(18.0) * 5 % 7 / 3 - 1.1).reshape({other})
base, y = {ready}
x = {taken}
same = x.{name}({arguments}) is x
result = x.clone()
{then}
"""


def script(name: str, arguments: str, taken: str, gradient: bool) -> str:
    """A script that changes a tensor, or a part of one, and takes the gradient."""
    shape = SHAPES.get(name, "2, 3")
    count = {"3, 3": 9, "3": 3, "2, 3, 3": 18}.get(shape, 6)
    other = {"addmm_": "3, 6", "addmv_": "6, 3", "baddbmm_": "2, 3, 3"}.get(name, "6, 3")
    ready, then = "values.clone(), given", ""
    if gradient:
        then = f"(x.float() * torch.arange(float(x.numel())).reshape(x.shape)).sum().backward()\n{GRADIENTS}"
        ready = "(leaf * 1), given.requires_grad_()"
    if name == "addmm_":
        ready = ready.replace("given", "given[:, :3]")
    elif name == "addmv_":
        ready = ready.replace("given", "given[:3]")
    elif name != "baddbmm_":
        ready = ready.replace("given", "given[:2]")
    text = SCRIPT.format(
        count=count, shape=shape, other=other, ready=ready, taken=taken, name=name, arguments=arguments, then=then,
        offset="+ 0.5" if name in POSITIVE else "- 1.2",
    )  # fmt: skip
    text = text.replace("base, y =", "leaf = values.clone().requires_grad_()\nbase, y =") if gradient else text
    if name in OF_INTEGERS:
        text = text.replace("y = values.clone(), given[:2]", "y = values.int(), given[:2].int()")
    return IMPORTS + text


def test_every_method_is_in_the_tables() -> None:
    methods = {name for name in vars(InPlace) if name.endswith("_") and not name.startswith("_")}
    assert methods == {*ARGUMENTS, *RANDOM}


def test_what_torch_does_in_place_is_done_in_place() -> None:
    names = [name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")]
    assert [name for name in names if name[:-1] in dir(Tensor) and name not in dir(Tensor)] == []
    assert {*ARGUMENTS, *RANDOM} <= {*names}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_it_does_what_torchs_does(name: str) -> None:
    compare(script(name, ARGUMENTS[name], "base", gradient=False))


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name not in OF_INTEGERS | UNRECORDED | {"detach_"}])
def test_its_gradient_is_torchs(name: str) -> None:
    compare(script(name, ARGUMENTS[name], "base", gradient=True))


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("name", [n for n in ARGUMENTS if n not in OF_INTEGERS | UNRECORDED | SHOWN | set(SHAPES)])
def test_through_a_view(name: str, gradient: bool) -> None:
    text = script(name, ARGUMENTS[name], "wide[1:3, ::2]", gradient)
    spread = "wide = torch.zeros(4, 6)\nwide[1:3, ::2] = base\nx ="
    compare(text.replace("x =", spread, 1) + "\nseen = wide.clone()")


@pytest.mark.parametrize(("name", "arguments"), RANDOM.items())
def test_random_numbers_have_the_mean_and_spread_of_torchs(name: str, arguments: str) -> None:
    found: list[list[float]] = []
    torch.manual_seed(0)
    filled: tuple[Any, Any] = torch.zeros(20000), tensor([0.0] * 20000)
    for x in filled:
        assert eval(f"x.{name}({arguments})", {"x": x}) is x
        values = sorted(x.tolist())
        found.append([values[len(values) * k // 10] for k in range(1, 10)])
    assert found[1] == pytest.approx(found[0], rel=0.08, abs=0.05)


def test_random_numbers_are_drawn_anew_in_a_jitted_function() -> None:
    kept = tensor([0.0, 0.0])

    @jit
    def step() -> Tensor:
        return kept.uniform_() * 1

    assert step().tolist() != step().tolist()


W = [[1.0, 2.0], [3.0, 4.0]]


def changed_after_saving(change: Callable[[Tensor], Any]) -> None:
    w = tensor(W, requires_grad=True)
    h = w * 1
    y = h * h
    change(h)
    y.sum().backward()


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.add_(1), lambda h: h.__setitem__(0, 1), lambda h: h[0].zero_(), lambda h: h.t().mul_(2),
        lambda h: h.detach().neg_(), lambda h: h.__setitem__(h > 2, 0.0), lambda h: no_grad(h.mul_)(3),
    ],
)  # fmt: skip
def test_what_was_saved_for_backward_is_not_changed(change: Callable[[Tensor], Any]) -> None:
    text = (
        r"test_in_place.py:\d+: the gradient of mul \(at .*test_in_place.py:\d+\) needs a value, float32\[2, 2\], "
        r"that was changed in place since, at .*test_in_place.py:\d+; change a .clone\(\) of it, or write x = ... anew"
    )
    with pytest.raises(GradientError, match=text):
        changed_after_saving(change)


@pytest.mark.parametrize(
    "change",
    [lambda h: h.data.mul_(3), lambda h: h.clone().mul_(2), lambda h: (h + 1).zero_(), lambda h: h.requires_grad_()],
)
def test_what_does_not_count_as_a_change(change: Callable[[Tensor], Any]) -> None:
    changed_after_saving(change)


def test_a_jitted_step_between_forward_and_backward_is_a_change() -> None:
    layer = nn.Linear(2, 2)

    @jit
    def step() -> None:
        with no_grad():
            layer.weight.mul_(2)

    x = tensor(W, requires_grad=True)
    step()
    y = layer(x).sum()
    step()
    with pytest.raises(GradientError, match="changed in place since, at a jitted step"):
        y.backward()


def refused(message: str, error: type[Exception] = FrameworkError) -> Any:
    return pytest.raises(error, match=rf"test_in_place.py:\d+: .*{message}")


def test_what_is_refused() -> None:
    leaf, x, n = tensor(W, requires_grad=True), tensor(W), tensor([1, 2])
    with refused("in-place change of a tensor that requires a gradient; use no_grad", GradientError):
        leaf.mul_(2)
    with refused("in-place change of a view of a tensor that requires a gradient", GradientError):
        leaf[0].mul_(2)
    with refused("transpose_.. on a tensor that requires a gradient; use no_grad", GradientError):
        leaf.transpose_(0, 1)
    with refused("the result is float32, which a tensor of int32 cannot hold in place", DTypeError):
        n.add_(0.5)
    with refused("the result is int32, which a tensor of bool cannot hold in place", DTypeError):
        (n > 1).add_(1)
    with refused(r"through a view that repeats elements \(\[2, 1, 2\] expanded to \[2, 3, 2\]\)"):
        x.unsqueeze(1).expand(2, 3, 2).add_(1)
    with refused("detach_.. of a view", GradientError):
        (leaf * 2)[0].detach_()
    with refused("there is no number from 5 to below 5"):
        x.random_(5, 5)
    with refused("uniform_ fills floats, not int32; use random_", DTypeError):
        n.uniform_()


def test_a_tensor_from_outside_keeps_its_axes_in_a_jitted_function() -> None:
    kept = tensor(W)

    @jit
    def step() -> Tensor:
        return kept.t_() * 1

    with pytest.raises(TraceError, match=r"t_.. in a jitted function of a tensor from outside"):
        step()


def test_axes_changed_in_place_stay_those_of_a_leaf_and_of_its_views() -> None:
    w = tensor(W, requires_grad=True)
    row = w.detach()[0]
    with no_grad():
        w.t_().unsqueeze_(0)
    (w * tensor([[[1.0, 2.0], [3.0, 4.0]]])).sum().backward()
    assert w.is_leaf
    assert w.grad is not None
    assert w.grad.tolist() == [[[1, 2], [3, 4]]]
    with no_grad():
        w[0, 1].fill_(9)
    assert (row.tolist(), w.tolist()) == ([1, 9], [[[1, 3], [9, 9]]])


def test_gradients_that_are_one_are_changed_one_by_one() -> None:
    a, b = tensor([1.0], requires_grad=True), tensor([1.0], requires_grad=True)
    (a + b).sum().backward(create_graph=True)
    assert a.grad is not None
    assert b.grad is not None
    loss = (b.grad * b * b).sum()
    with no_grad():
        a.grad.mul_(5)
    loss.backward()
    assert b.grad.tolist() == [3]
