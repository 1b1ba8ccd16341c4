"""Activations: what is applied to each element, or to the elements along an axis."""

from __future__ import annotations

from weft.framework.axes import axis
from weft.framework.functional import ones_like, operand
from weft.framework.lazy import no_grad
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["log_softmax", "logsigmoid", "relu", "sigmoid", "softmax", "softplus", "tanh"]


def relu(x: Operand) -> Tensor:
    """max(x, 0), with derivative 0 at 0."""
    return operand("relu", x).relu()


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x))."""
    return operand("sigmoid", x).sigmoid()


def tanh(x: Operand) -> Tensor:
    """Hyperbolic tangent."""
    return operand("tanh", x).tanh()


def softplus(x: Operand) -> Tensor:
    """log(1 + exp(x))."""
    return operand("softplus", x).softplus()


def logsigmoid(x: Operand) -> Tensor:
    """log σ(x), as -softplus(-x)."""
    return -(-operand("logsigmoid", x)).softplus()


def log_softmax(x: Operand, dim: int = -1) -> Tensor:
    """x - log Σ exp(x) along ``dim``, shifted by the largest element so that nothing overflows."""
    return rounded_once(_log_softmax)(operand("log_softmax", x), dim=dim)


def _log_softmax(x: Tensor, dim: int) -> Tensor:
    dim = axis(dim, x.shape)
    if not x.numel():
        return ones_like(x)
    with no_grad():
        largest = x.amax(dim, keepdim=True)  # the result does not depend on the shift, so neither does the gradient
    shifted = x - largest
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def softmax(x: Operand, dim: int = -1) -> Tensor:
    """exp(x) / Σ exp(x) along ``dim``."""
    return rounded_once(_softmax)(operand("softmax", x), dim=dim)


def _softmax(x: Tensor, dim: int) -> Tensor:
    dim = axis(dim, x.shape)
    if not x.numel():
        return ones_like(x)
    with no_grad():
        largest = x.amax(dim, keepdim=True)
    grown = (x - largest).exp()
    return grown / grown.sum(dim, keepdim=True)
