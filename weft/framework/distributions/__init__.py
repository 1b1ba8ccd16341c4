"""Probability distributions with parameters that gradients go through: densities, entropies, draws, divergences."""

from __future__ import annotations

from weft.framework.distributions.continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from weft.framework.distributions.discrete import Bernoulli, Categorical, OneHotCategorical
from weft.framework.distributions.distribution import Distribution
from weft.framework.distributions.divergence import kl_divergence
from weft.framework.distributions.independent import Independent

__all__ = [
    "Bernoulli", "Categorical", "Distribution", "Exponential", "Independent", "Laplace", "LogNormal", "Normal",
    "OneHotCategorical", "Uniform", "kl_divergence",
]
