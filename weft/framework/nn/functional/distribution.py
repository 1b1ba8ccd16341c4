"""Softmax and its kin: elements along an axis made into probabilities, or their logarithms."""

from __future__ import annotations

from typing import Any

from weft.framework.axes import axis
from weft.framework.dtypes import DType, as_dtype
from weft.framework.functional import operand
from weft.framework.lazy import no_grad
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["log_softmax", "softmax", "softmin"]


def _given(function: str, value: Operand, dtype: DType | str | None) -> Tensor:
    x = operand(function, value)
    return x if dtype is None else x.to(as_dtype(dtype))


def _axis(dim: Any, x: Tensor) -> int:
    """``dim``; for None the axis that torch takes then."""
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    return axis(dim, x.shape)


def log_softmax(input: Operand, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """x - log Σ exp(x) along ``dim``, shifted by the largest element so that nothing overflows.

    dim: without it axis 1, or 0 of tensors of 0, 1 or 3 axes, as torch has it. dtype: what the input is cast to first.
    """
    return rounded_once(log_softmax_along)(_given("log_softmax", input, dtype), dim=dim)


def log_softmax_along(x: Tensor, dim: int | None) -> Tensor:
    """``log_softmax`` of what is not bfloat16."""
    at = _axis(dim, x)
    if not x.numel():
        return x.exp()  # none, with a history
    with no_grad():
        largest = x.amax(at, keepdim=True)  # the result does not depend on the shift, so neither does the gradient
    shifted = x - largest
    return shifted - shifted.exp().sum(at, keepdim=True).log()


def softmax(input: Operand, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along ``dim``; the arguments are those of ``log_softmax``."""
    return rounded_once(_softmax)(_given("softmax", input, dtype), dim=dim)


def _softmax(x: Tensor, dim: int | None) -> Tensor:
    at = _axis(dim, x)
    if not x.numel():
        return x.exp()  # none, with a history
    with no_grad():
        largest = x.amax(at, keepdim=True)
    grown = (x - largest).exp()
    return grown / grown.sum(at, keepdim=True)


def softmin(input: Operand, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """softmax(-x)."""
    return rounded_once(lambda x, dim: _softmax(-x, dim))(_given("softmin", input, dtype), dim=dim)
