"""Kullback-Leibler divergences in closed form, a row for each pair of distributions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from weft.framework.distributions.continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from weft.framework.distributions.discrete import Bernoulli, Categorical, OneHotCategorical
from weft.framework.distributions.distribution import Distribution
from weft.framework.distributions.independent import Independent, summed
from weft.framework.errors import AbstractError
from weft.framework.nn.functional.activation import softplus
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.tensor import Tensor


def _normal(p: Normal | LogNormal, q: Normal | LogNormal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    outside = (q.low > p.low) | (q.high < p.high)
    return where(outside, math.inf, ((q.high - q.low) / (p.high - p.low)).log())


def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    of_one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    return of_one + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))


def _categorical(p: Categorical | OneHotCategorical, q: Categorical | OneHotCategorical) -> Tensor:
    each = p.probs * (p.logits - q.logits)
    each = where(q.probs == 0, math.inf, each)
    return where(p.probs == 0, 0.0, each).sum(-1)


def _independent(p: Independent, q: Independent) -> Tensor:
    return summed(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


KNOWN: Mapping[tuple[type[Distribution], type[Distribution]], Callable[[Any, Any], Tensor]] = {
    (Normal, Normal): _normal,
    (LogNormal, LogNormal): _normal,
    (Laplace, Laplace): _laplace,
    (Uniform, Uniform): _uniform,
    (Exponential, Exponential): _exponential,
    (Bernoulli, Bernoulli): _bernoulli,
    (Categorical, Categorical): _categorical,
    (OneHotCategorical, OneHotCategorical): _categorical,
    (Independent, Independent): _independent,
}
"""The pairs that there is a formula for → the formula."""


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """[batch]: the mean, over ``p``, of log p - log q. Raises AbstractError for a pair without a formula."""
    formula = KNOWN.get((type(p), type(q)))
    if formula is None:
        pairs = ", ".join(f"{a.__name__} and {b.__name__}" for a, b in KNOWN)
        raise AbstractError(
            f"{user_line()}: no divergence of {type(p).__name__} from {type(q).__name__} is known; of {pairs} it is"
        )
    return formula(p, q)
