"""Checking gradients by differences: what it says of a wrong one, and Jacobians that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.framework import derivatives, func
from weft.framework.errors import GradientError
from weft.framework.function import Function
from weft.framework.gradcheck import GradcheckError, gradcheck, gradgradcheck
from weft.framework.tensor import Tensor, tensor


class Third(Function):
    """t³, with a gradient that is wrong where t is 2."""

    @staticmethod
    def forward(ctx: Any, t: Tensor) -> Tensor:
        ctx.save_for_backward(t)
        return t * t * t

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (t,) = ctx.saved_tensors
        wrong: Tensor = gradient * 3 * t * t * (1 + (t == 2).to(t.dtype))
        return wrong


def doubles(*values: float) -> Tensor:
    return tensor(list(values), dtype="float64", requires_grad=True)


def test_the_worst_element_is_named() -> None:
    assert gradcheck(Third.apply, doubles(1.0, 3.0))
    with pytest.raises(
        GradcheckError,
        match=r"test_gradcheck.py:\d+: gradcheck: the derivative of result 0, float64\[2\], by input 0, "
        r"float64\[2\], is wrong in 1 of 4 elements; worst is element \[1\] of the result by element \[1\] of the "
        r"input: 24, by finite "
        r"differences 12",
    ):
        gradcheck(Third.apply, doubles(1.0, 2.0))
    assert not gradcheck(Third.apply, doubles(1.0, 2.0), raise_exception=False)


def test_a_gradient_that_is_lost_is_seen_in_second_ones() -> None:
    def half(t: Tensor) -> Tensor:
        return t * t.detach() * 2

    assert not gradcheck(half, doubles(1.0), raise_exception=False)
    assert gradgradcheck(lambda t: t.sin() * t, doubles(0.5, 2.0))
    assert gradgradcheck(lambda t, s: (t @ s, s.exp()), (doubles(0.5, 2.0), doubles(1.0, -1.0)), None)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: gradcheck(Tensor.sin, tensor([1.0], requires_grad=True)), "input 0 is float32; give float64"),
        (lambda: gradcheck(Tensor.sin, tensor([1.0], "float64")), "no input requires a gradient; call requires_grad_"),
        (lambda: gradcheck(lambda t: t.detach(), doubles(1.0)), "no result of the function depends on an input"),
        (lambda: gradcheck(lambda t: 3, doubles(1.0)), "the function gives no tensor of floats"),
        (lambda: func.jacrev(lambda t: t > 0)(doubles(1.0)), r"jacrev: only float tensors have derivatives, not bool"),
        (lambda: func.jacfwd(lambda t: 1)(doubles(1.0)), "jacfwd: only float tensors have derivatives, not a int"),
        (lambda: func.jacrev(Tensor.sin, 2)(doubles(1.0)), "jacrev: argnums 2 for a call with 1 arguments"),
        (lambda: derivatives.vjp(Tensor.sin, doubles(1.0, 2.0)), r"vjp needs v, of the shape of float64\[2\]"),
        (lambda: derivatives.jacobian(Tensor.sin, 3), "derivatives are by tensors, not by a int"),  # type: ignore[arg-type]  # that is the mistake
        (lambda: derivatives.jacobian(Tensor.sin, doubles(1.0), strategy="up"), "strategy is 'reverse-mode', or"),
        (
            lambda: derivatives.jacobian(lambda a, b: a, (doubles(1.0), doubles(1.0)), strict=True),
            "jacobian: strict, but a result does not depend on an argument",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(run: Callable[[], Any], message: str) -> None:
    with pytest.raises(GradientError, match=rf"test_gradcheck.py:\d+: .*{message}"):
        run()
