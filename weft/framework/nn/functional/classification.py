"""Losses over classes: cross-entropy and negative log-likelihood, of labels or of probabilities."""

from __future__ import annotations

from typing import Any

from weft.framework.autocast import casting
from weft.framework.axes import count, real, whole
from weft.framework.dtypes import int32, int64
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import operand, where
from weft.framework.labels import expect_labels
from weft.framework.lazy import apply
from weft.framework.nn.functional.distribution import log_softmax_along
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.nn.functional.reduction import reduced, reduction_of
from weft.framework.operators import cast, expand
from weft.framework.origin import part_of, user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["cross_entropy", "nll_loss", "one_hot"]


def is_class(labels: Tensor, classes: int, at: int = -1) -> Tensor:
    """bool, ``labels`` with an axis of ``classes`` put in at ``at``: whether each class is the label.

    Raises DTypeError for labels that are no integers.
    """
    _check_labels(labels)
    wide = labels.unsqueeze(at)
    axis = at % wide.ndim
    shape = (*wide.shape[:axis], classes, *wide.shape[axis + 1 :])
    index = apply("iota", shape=shape, axis=axis)
    return Tensor._of(apply("eq", index, expand(cast(wide._read(), int32), shape)))


def _check_labels(labels: Tensor) -> None:
    if labels.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: labels are class numbers, so integers, not {labels.dtype}")


def one_hot(tensor: Operand, num_classes: int = -1) -> Tensor:
    """int64 [..., num_classes]: 1 at the label of each row, else 0.

    num_classes: -1 for one more than the largest label, which is read then. Raises DTypeError for what is no integer
    and AxisError for what is no class.
    """
    labels = operand("one_hot", tensor)
    _check_labels(labels)
    classes = whole(num_classes, "the number of classes")
    if classes == -1:
        classes = int(labels.max().item()) + 1 if labels.numel() else 0
    classes = count(classes, "the number of classes")
    expect_labels(labels._read(), classes, function="one_hot")
    return is_class(labels, classes).to(int64)


def _is_target(logits: Shape, target: Shape) -> bool:
    """Whether the shapes are [N, C, …] and [N, …], or [C] and []."""
    return bool(logits) and target == (logits[:1] if len(logits) > 1 else ()) + logits[2:]


def _class_weights(function: str, weight: Operand | None, classes: int, at: int, rank: int) -> Tensor | None:
    """One weight a class, along axis ``at`` of ``rank``. Raises ShapeError."""
    if weight is None:
        return None
    w = operand(function, weight)
    if w.shape != (classes,):
        raise ShapeError(f"{user_line()}: {function}: weight has one number for each of {classes} classes, not shape "
                         f"{list(w.shape)}")  # fmt: skip
    return w.float().detach().reshape(*(classes if d == at else 1 for d in range(rank)))


@casting
def cross_entropy(
    input: Operand, target: Operand, weight: Operand | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Negative log-probability of the target under softmax(input) along the class axis.

    input: float [N, C], [N, C, d…] or [C]. target: integer [N], [N, d…] or [], or float of input's shape:
    probabilities. weight [C]: how much each class counts; "mean" divides by the weights that count. ignore_index: a
    label that counts nothing, need it be no class. label_smoothing: how much of the target is spread over all
    classes (Szegedy and others 2016). Raises ShapeError or DTypeError, and FrameworkError for a label out of range
    (labels computed by a pending operation are not checked) and a smoothing outside [0, 1].
    """
    reduction = reduction_of(size_average, reduce, reduction)
    logits, labels = operand("cross_entropy", input), operand("cross_entropy", target)
    smoothing = real(label_smoothing, "label_smoothing")
    if not 0 <= smoothing <= 1:
        raise OptionError(f"{user_line()}: label_smoothing lies between 0 and 1; it is {smoothing}")
    if labels.dtype.is_float and labels.shape == logits.shape and logits.shape:
        if whole(ignore_index, "ignore_index") >= 0:
            raise OptionError(f"{user_line()}: cross_entropy: ignore_index is for labels, not for probabilities")
        at = 1 if logits.ndim > 1 else 0
        w = _class_weights("cross_entropy", weight, logits.shape[at], at, logits.ndim)
        with part_of("", "cross-entropy loss"):
            return rounded_once(_of_probabilities)(
                logits, labels, weight=w, reduction=reduction, smoothing=smoothing, at=at
            )
    return _of_labels("cross_entropy", logits, labels, weight, ignore_index, reduction, smoothing)


@casting
def nll_loss(
    input: Operand, target: Operand, weight: Operand | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the element of the target's class: ``cross_entropy`` of what are log-probabilities already."""
    reduction = reduction_of(size_average, reduce, reduction)
    given, labels = operand("nll_loss", input), operand("nll_loss", target)
    return _of_labels("nll_loss", given, labels, weight, ignore_index, reduction, 0.0)


def _of_labels(
    function: str, logits: Tensor, labels: Tensor, weight: Operand | None, ignore_index: int, reduction: str,
    smoothing: float,
) -> Tensor:  # fmt: skip
    if not _is_target(logits.shape, labels.shape):
        raise ShapeError(
            f"{user_line()}: {function} takes logits [rows, classes] and labels [rows], not "
            f"{list(logits.shape)} and {list(labels.shape)}"
        )
    at = 1 if logits.ndim > 1 else 0
    classes = logits.shape[at]
    ignored = whole(ignore_index, "ignore_index")
    w = _class_weights(function, weight, classes, at, logits.ndim)
    with part_of("", "cross-entropy loss"):
        _check_labels(labels)
        ignoring = expect_labels(labels._read(), classes, ignored)
        return rounded_once(_label_losses)(
            logits, labels=labels, ignored=ignored if ignoring else None, weight=w, reduction=reduction,
            smoothing=smoothing, at=at, logged=function == "nll_loss",
        )  # fmt: skip


def _label_losses(
    logits: Tensor, labels: Tensor, ignored: int | None, weight: Tensor | None, reduction: str, smoothing: float,
    at: int, logged: bool,
) -> Tensor:  # fmt: skip
    wanted = is_class(labels, logits.shape[at], at)
    counted = None if ignored is None else (labels != ignored)
    logs = logits if logged else log_softmax_along(logits, at)
    kept = wanted if counted is None else wanted & counted.unsqueeze(at)
    weighted = logs if weight is None else logs * weight
    chosen = where(kept, weighted, 0.0).sum(at)
    over = None
    if weight is not None:
        over = where(kept, weight, 0.0).sum()
    elif counted is not None:
        over = counted.float().sum()
    if not smoothing:
        return reduced(chosen, reduction, -1, over)
    spread = (weighted if counted is None else where(counted.unsqueeze(at), weighted, 0.0)).sum(at)
    share = smoothing / logits.shape[at]
    return reduced(chosen * (1 - smoothing) + spread * share, reduction, -1, over)


def _of_probabilities(
    logits: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, at: int
) -> Tensor:
    logs = log_softmax_along(logits, at)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / logits.shape[at]
    weighted: Any = logs if weight is None else logs * weight
    return reduced((weighted * target).sum(at), reduction, -1)
