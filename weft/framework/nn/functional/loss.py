"""Losses of elements: how far numbers or probabilities are from what they should be."""

from __future__ import annotations

import math

from weft.framework.autocast import casting
from weft.framework.axes import real
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functional import maximum, operand, where
from weft.framework.nn.functional.operands import alike, rounded_once
from weft.framework.nn.functional.reduction import reduced, reduction_of, weighted
from weft.framework.origin import part_of, user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "hinge_embedding_loss",
    "huber_loss", "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]


def _weights(function: str, weight: Operand | None) -> Tensor | None:
    return None if weight is None else operand(function, weight).detach()


@casting
def binary_cross_entropy(
    input: Operand, target: Operand, weight: Operand | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-y log p - (1-y) log(1-p) of probabilities p, logarithms not below -100; both float, of one shape.

    weight: multiplies the losses, broadcast to them.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    p, y = alike("binary_cross_entropy", input, target)
    w = _weights("binary_cross_entropy", weight)
    with part_of("", "binary cross-entropy loss"):
        return rounded_once(_probability_losses)(p, y, weight=w, reduction=reduction)


def _probability_losses(p: Tensor, y: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    losses = y * maximum(p.log(), -100.0) + (1 - y) * maximum((-p).log1p(), -100.0)
    return reduced(losses if weight is None else losses * weight, reduction, -1)


@casting
def binary_cross_entropy_with_logits(
    input: Operand, target: Operand, weight: Operand | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Operand | None = None,
) -> Tensor:  # fmt: skip
    """-y log σ(x) - (1-y) log(1 - σ(x)), both float, of one shape: y softplus(-x) + (1-y) softplus(x), in which neither
    value nor gradient cancels.

    weight: multiplies the losses; pos_weight: multiplies their first part. Both broadcast.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    logits, y = alike("binary_cross_entropy_with_logits", input, target)
    w, positive = (_weights("binary_cross_entropy_with_logits", given) for given in (weight, pos_weight))
    with part_of("", "binary cross-entropy loss"):
        return rounded_once(_logit_losses)(logits, y, weight=w, positive=positive, reduction=reduction)


def _logit_losses(
    logits: Tensor, targets: Tensor, weight: Tensor | None, positive: Tensor | None, reduction: str
) -> Tensor:
    hits = targets * (-logits).softplus()
    losses = (hits if positive is None else hits * positive) + (1 - targets) * logits.softplus()
    return reduced(losses if weight is None else losses * weight, reduction)


@casting
def mse_loss(
    input: Operand, target: Operand, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Operand | None = None,
) -> Tensor:  # fmt: skip
    """Squared difference; both of one shape. weight: how much each counts; the mean is divided by their sum."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("mse_loss", input, target)
    with part_of("", "squared-error loss"):
        return rounded_once(lambda x, y: weighted((x - y) ** 2, weight, reduction))(x, y)


@casting
def l1_loss(
    input: Operand, target: Operand, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Operand | None = None,
) -> Tensor:  # fmt: skip
    """Absolute difference; both of one shape. weight: as in ``mse_loss``."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("l1_loss", input, target)
    with part_of("", "absolute-error loss"):
        return rounded_once(lambda x, y: weighted(abs(x - y), weight, reduction))(x, y)


@casting
def smooth_l1_loss(
    input: Operand, target: Operand, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """d² / 2beta where abs(d) < beta, else abs(d) - beta/2, of the difference d; beta = 0 is ``l1_loss``."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("smooth_l1_loss", input, target)
    beta = real(beta, "beta")
    if beta < 0:
        raise OptionError(f"{user_line()}: smooth_l1_loss: beta is not negative; it is {beta}")
    if not beta:
        return l1_loss(x, y, reduction=reduction)
    with part_of("", "smooth absolute-error loss"):
        return rounded_once(lambda x, y: reduced(_bent(x - y, beta, 1 / beta), reduction))(x, y)


@casting
def huber_loss(
    input: Operand, target: Operand, reduction: str = "mean", delta: float = 1.0, weight: Operand | None = None
) -> Tensor:
    """d² / 2 where abs(d) < delta, else delta·(abs(d) - delta/2), of the difference d (Huber 1964). delta > 0.

    weight: as in ``mse_loss``.
    """
    x, y = alike("huber_loss", input, target)
    delta = real(delta, "delta")
    if not delta > 0:
        raise OptionError(f"{user_line()}: huber_loss: delta is above 0; it is {delta}")
    with part_of("", "Huber loss"):
        return rounded_once(lambda x, y: weighted(_bent(x - y, delta, 1.0), weight, reduction))(x, y)


def _bent(difference: Tensor, at: float, scale: float) -> Tensor:
    """scale·d²/2 where abs(d) is below ``at``, and further on the line that continues it."""
    size = abs(difference)
    near = where(size > at, 0.0, difference)  # an infinite one is far, and its square has no gradient
    return where(size < at, near * near * (0.5 * scale), (size - 0.5 * at) * (at * scale))


@casting
def kl_div(
    input: Operand, target: Operand, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """target·(log target - input), input being log-probabilities; both of one shape.

    reduction: also "batchmean", the sum divided by the rows. log_target: the target is given as logarithms too.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    logs, y = alike("kl_div", input, target)
    rows = max(logs.shape[0] if logs.shape else 1, 1)

    def losses(logs: Tensor, y: Tensor) -> Tensor:
        entropy = y.exp() * y if log_target else where(y > 0, y * where(y > 0, y, 1.0).log(), y * 0.0)
        each = entropy - (y.exp() if log_target else y) * logs
        return each.sum() * (1 / rows) if reduction == "batchmean" else reduced(each, reduction)

    with part_of("", "Kullback-Leibler loss"):
        return rounded_once(losses)(logs, y)


@casting
def poisson_nll_loss(
    input: Operand, target: Operand, log_input: bool = True, full: bool = False, size_average: bool | None = None,
    eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """exp(x) - y·x, or x - y·log(x + eps) if ``log_input`` is False: counts y of mean exp(x) or x.

    full: with Stirling's approximation of log y! where y > 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("poisson_nll_loss", input, target)

    def losses(x: Tensor, y: Tensor) -> Tensor:
        each = x.exp() - y * x if log_input else x - y * (x + real(eps, "eps")).log()
        if full:
            counts = where(y > 1, y, 1.0)
            each = each + where(y > 1, counts * counts.log() - counts + (counts * (2 * math.pi)).log() * 0.5, 0.0)
        return reduced(each, reduction)

    with part_of("", "Poisson loss"):
        return rounded_once(losses)(x, y)


def gaussian_nll_loss(
    input: Operand, target: Operand, var: Operand, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log v + (x - y)² / v) / 2 with v = max(var, eps), whose own derivative is that of var everywhere.

    var: of the shape of x, or with a last axis of 1 or without it. full: with the constant log(2π) / 2.
    """
    x, y = alike("gaussian_nll_loss", input, target)
    v = operand("gaussian_nll_loss", var)
    if v.shape != x.shape:
        v = v.unsqueeze(-1) if v.shape == x.shape[:-1] else v
        if v.shape != (*x.shape[:-1], 1):
            raise ShapeError(f"{user_line()}: gaussian_nll_loss: var {list(v.shape)} does not fit {list(x.shape)}")

    def losses(x: Tensor, y: Tensor, v: Tensor) -> Tensor:
        held = v + (maximum(v, real(eps, "eps")) - v).detach()
        each = (held.log() + (x - y) ** 2 / held) * 0.5
        return reduced(each + 0.5 * math.log(2 * math.pi) if full else each, reduction)

    with part_of("", "Gaussian loss"):
        return rounded_once(losses)(x, y, v)


@casting
def hinge_embedding_loss(
    input: Operand, target: Operand, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """x where the target is 1, and max(margin - x, 0) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("hinge_embedding_loss", input, target)

    def losses(x: Tensor, y: Tensor) -> Tensor:
        apart = where(y != 1, maximum(real(margin, "margin") - x, 0.0), 0.0)
        return reduced(apart + where(y != -1, x, 0.0), reduction)

    with part_of("", "hinge loss"):
        return rounded_once(losses)(x, y)


@casting
def soft_margin_loss(
    input: Operand, target: Operand, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-y·x)) of targets y that are 1 or -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = alike("soft_margin_loss", input, target)
    with part_of("", "soft margin loss"):
        return rounded_once(lambda x, y: reduced((-(y * x)).softplus(), reduction))(x, y)
