"""Losses: how far what a model gives is from what it should give."""

from __future__ import annotations

from weft.framework.axes import count
from weft.framework.dtypes import int32
from weft.framework.errors import DTypeError, FrameworkError, ShapeError
from weft.framework.functional import operand, where
from weft.framework.labels import expect_labels
from weft.framework.lazy import apply
from weft.framework.nn.functional.activation import _log_softmax
from weft.framework.nn.functional.operands import alike, rounded_once
from weft.framework.operators import cast, expand
from weft.framework.origin import part_of, user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "mse_loss", "one_hot"]


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
        return rounded_once(_label_losses)(logits, wanted=wanted, reduction=reduction)


def _label_losses(logits: Tensor, wanted: Tensor, reduction: str) -> Tensor:
    chosen = where(wanted, _log_softmax(logits, 1), 0.0).sum(1)
    return _reduced(chosen, reduction, sign=-1)


def binary_cross_entropy_with_logits(logits: Operand, targets: Operand, reduction: str = "mean") -> Tensor:
    """-y log σ(x) - (1-y) log(1 - σ(x)), both float, of one shape: y softplus(-x) + (1-y) softplus(x), in which neither
    value nor gradient cancels."""
    logits, targets = alike("binary_cross_entropy_with_logits", logits, targets)
    with part_of("", "binary cross-entropy loss"):
        return rounded_once(_logit_losses)(logits, targets, reduction=reduction)


def _logit_losses(logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
    losses = targets * (-logits).softplus() + (1 - targets) * logits.softplus()
    return _reduced(losses, reduction)


def mse_loss(x: Operand, target: Operand, reduction: str = "mean") -> Tensor:
    """Squared difference; both of one shape."""
    x, target = alike("mse_loss", x, target)
    with part_of("", "squared-error loss"):
        return rounded_once(_square_losses)(x, target, reduction=reduction)


def _square_losses(x: Tensor, target: Tensor, reduction: str) -> Tensor:
    return _reduced((x - target) ** 2, reduction)
