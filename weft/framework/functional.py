"""Functions of tensors: making them, choosing between them, activations and losses, all composed of primitives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from weft.framework.axes import Extent, axis, count, sizes
from weft.framework.device import Device, get_device
from weft.framework.dtypes import DType, as_dtype, bfloat16, bool_, float32, int32
from weft.framework.errors import DTypeError, FrameworkError, ShapeError
from weft.framework.labels import expect_labels
from weft.framework.lazy import Expr, apply, constant, no_grad
from weft.framework.operators import cast, elementwise, expand
from weft.framework.origin import part_of, user_line
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Number, Tensor, tensor
from weft.framework.writing import Operand


def full(
    shape: Extent, value: Number, dtype: DType | str = float32, device: str | Device | None = None
) -> Tensor:
    """A tensor of one value."""
    made: Expr = expand(constant(value, as_dtype(dtype)), sizes((shape,)))
    made.device = None if device is None else get_device(device)
    return Tensor._of(made)


def zeros(*shape: Extent, dtype: DType | str = float32, device: str | Device | None = None) -> Tensor:
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3))."""
    return full(sizes(shape), 0, dtype, device)


def ones(*shape: Extent, dtype: DType | str = float32, device: str | Device | None = None) -> Tensor:
    """A tensor of ones."""
    return full(sizes(shape), 1, dtype, device)


def zeros_like(like: Operand) -> Tensor:
    """Zeros with the shape, dtype and device of ``like``."""
    like = operand("zeros_like", like)
    return full(like.shape, 0, like.dtype, like._expr.device)


def ones_like(like: Operand) -> Tensor:
    """Ones with the shape, dtype and device of ``like``."""
    like = operand("ones_like", like)
    return full(like.shape, 1, like.dtype, like._expr.device)


def arange(stop: SupportsIndex) -> Tensor:
    """int32 [stop]: 0, 1, …"""
    return Tensor._of(apply("iota", shape=sizes((stop,), "range"), axis=0))


def operand(function: str, value: Operand) -> Tensor:
    """``value`` as the tensor that ``function`` takes; arrays become one. Raises DTypeError naming the function."""
    if isinstance(value, Tensor):
        return value
    if value is None or not isinstance(value, np.ndarray | np.generic | list | tuple | bool | int | float):
        shown = "None" if value is None else f"a {type(value).__name__}"
        raise DTypeError(f"{user_line()}: {function} was given {shown}; give a tensor or an array")
    return Tensor(value)


def where(condition: Operand, a: Operand, b: Operand) -> Tensor:
    """a where the bool ``condition`` holds, else b; all three broadcast."""
    condition = operand("where", condition)
    if condition.dtype != bool_:
        raise DTypeError(f"{user_line()}: the condition of where() is {condition.dtype}, not bool; write x != 0")
    return elementwise("select", condition, a, b, leading=(condition,))


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of each pair; at a tie the gradient goes to b."""
    return elementwise("maximum", _tensor_of("maximum", a, b), a, b)


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of each pair; at a tie the gradient goes to b."""
    return elementwise("minimum", _tensor_of("minimum", a, b), a, b)


def _tensor_of(function: str, *operands: Any) -> Tensor:
    """The first tensor among the operands, or the first operand as one. Raises DTypeError naming the function."""
    found = next((x for x in operands if isinstance(x, Tensor)), None)
    return operand(function, operands[0]) if found is None else found


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


def _rounded_once(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``compute``, a function of tensors, done in float32 where they are bfloat16, and its result rounded to that."""

    def computed(*tensors: Tensor, **options: Any) -> Tensor:
        narrow = all(t.dtype is bfloat16 for t in tensors)
        wide = (t.float() if t.dtype is bfloat16 else t for t in tensors)
        result = compute(*wide, **options)
        return result.to(bfloat16) if narrow else result

    return computed


def log_softmax(x: Operand, dim: int = -1) -> Tensor:
    """x - log Σ exp(x) along ``dim``, shifted by the largest element so that nothing overflows."""
    return _rounded_once(_log_softmax)(operand("log_softmax", x), dim=dim)


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
    return _rounded_once(_softmax)(operand("softmax", x), dim=dim)


def _softmax(x: Tensor, dim: int) -> Tensor:
    dim = axis(dim, x.shape)
    if not x.numel():
        return ones_like(x)
    with no_grad():
        largest = x.amax(dim, keepdim=True)
    grown = (x - largest).exp()
    return grown / grown.sum(dim, keepdim=True)


def is_class(labels: Tensor, classes: int) -> Tensor:
    """bool [..., classes]: where the class is the row's integer label (nowhere for a label out of range)."""
    if labels.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: labels are class numbers, so integers, not {labels.dtype}")
    shape = (*labels.shape, classes)
    index = apply("iota", shape=shape, axis=len(shape) - 1)
    wanted = expand(cast(labels.unsqueeze(-1)._read(), int32), shape)
    return Tensor._of(apply("eq", index, wanted))


def one_hot(labels: Operand, classes: int) -> Tensor:
    """int32 [..., classes]: 1 at the label of each row, else 0."""
    return is_class(operand("one_hot", labels), count(classes, "the number of classes")).to(int32)


def _reduced(losses: Tensor, reduction: str, sign: int = 1) -> Tensor:
    """``sign`` times the losses, as they are, summed or averaged."""
    scales = {"mean": sign / max(losses.numel(), 1), "sum": sign, "none": sign}
    if reduction not in scales:
        raise FrameworkError(f"{user_line()}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    total = losses if reduction == "none" else losses.sum()
    scale = scales[reduction]
    return total if scale == 1 else -total if scale == -1 else total * scale


def cross_entropy(logits: Operand, labels: Operand, reduction: str = "mean") -> Tensor:
    """Negative log-probability of the labels under softmax(logits).

    logits: float [rows, classes]; labels: integer [rows], a tensor or array, 0 ≤ label < classes. Raises ShapeError or
    DTypeError, and FrameworkError for a label out of range (labels computed by a pending operation are not checked).
    """
    logits, labels = operand("cross_entropy", logits), operand("cross_entropy", labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ShapeError(
            f"{user_line()}: cross_entropy takes logits [rows, classes] and labels [rows], not "
            f"{list(logits.shape)} and {list(labels.shape)}"
        )
    with part_of("", "cross-entropy loss"):
        wanted = is_class(labels, logits.shape[1])
        expect_labels(labels._read(), logits.shape[1])
        return _rounded_once(_label_losses)(logits, wanted=wanted, reduction=reduction)


def _label_losses(logits: Tensor, wanted: Tensor, reduction: str) -> Tensor:
    chosen = where(wanted, _log_softmax(logits, 1), 0.0).sum(1)
    return _reduced(chosen, reduction, sign=-1)


def binary_cross_entropy_with_logits(logits: Operand, targets: Operand, reduction: str = "mean") -> Tensor:
    """-y log σ(x) - (1-y) log(1 - σ(x)), both float, of one shape: y softplus(-x) + (1-y) softplus(x), in which neither
    value nor gradient cancels."""
    logits, targets = _alike("binary_cross_entropy_with_logits", logits, targets)
    with part_of("", "binary cross-entropy loss"):
        return _rounded_once(_logit_losses)(logits, targets, reduction=reduction)


def _logit_losses(logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
    losses = targets * (-logits).softplus() + (1 - targets) * logits.softplus()
    return _reduced(losses, reduction)


def mse_loss(x: Operand, target: Operand, reduction: str = "mean") -> Tensor:
    """Squared difference; both of one shape."""
    x, target = _alike("mse_loss", x, target)
    with part_of("", "squared-error loss"):
        return _rounded_once(_square_losses)(x, target, reduction=reduction)


def _square_losses(x: Tensor, target: Tensor, reduction: str) -> Tensor:
    return _reduced((x - target) ** 2, reduction)


def _alike(name: str, first: Any, second: Any) -> tuple[Tensor, Tensor]:
    a, b = operand(name, first), operand(name, second)
    if a.shape != b.shape:
        raise ShapeError(f"{user_line()}: {name}: shapes {list(a.shape)} and {list(b.shape)} differ")
    return a, b


__all__ = [
    "arange", "binary_cross_entropy_with_logits", "cross_entropy", "full", "is_class", "log_softmax", "logsigmoid",
    "maximum", "minimum", "mse_loss", "one_hot", "ones", "ones_like", "relu", "sigmoid", "softmax", "softplus", "tanh",
    "tensor", "where", "zeros", "zeros_like",
]


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("weft.functional", globals())
