"""Distributions over real numbers: Normal, LogNormal, Laplace, Uniform, Exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft.framework.distributions.distribution import Distribution, at, floats, inner_unit, require
from weft.framework.random import rand, randn
from weft.framework.selection import where
from weft.framework.tensor import Tensor


class _LocationScale(Distribution):
    """A distribution around ``loc``, as wide as ``scale``."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = floats(loc, scale)
        super().__init__(self.loc.shape)
        if validate_args is not False:
            require(self, "scale is above 0", lambda s: s > 0, self.scale)

    @property
    def mean(self) -> Tensor:
        """loc"""
        return self.loc


class Normal(_LocationScale):
    """The normal distribution with mean ``loc`` and standard deviation ``scale``, tensors or numbers that broadcast."""

    mode = _LocationScale.mean

    @property
    def variance(self) -> Tensor:
        """scale²"""
        return self.scale.square()

    @property
    def stddev(self) -> Tensor:
        """scale"""
        return self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + scale · a standard normal draw."""
        return self.loc + self.scale * randn(*self._extended(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        """-(x - loc)² / 2 scale² - log(scale √(2π))"""
        apart = at(value) - self.loc
        return -apart.square() / (2 * self.variance) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Tensor:
        """(1 + erf((x - loc) / scale √2)) / 2"""
        return 0.5 * (1 + ((at(value) - self.loc) / (self.scale * math.sqrt(2))).erf())

    def entropy(self) -> Tensor:
        """(1 + log 2π) / 2 + log scale"""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class LogNormal(Distribution):
    """exp of a normal draw with mean ``loc`` and standard deviation ``scale``."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.base_dist = Normal(loc, scale, validate_args)
        self.loc, self.scale = self.base_dist.loc, self.base_dist.scale
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        """exp(loc + scale² / 2)"""
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def variance(self) -> Tensor:
        """(exp(scale²) - 1) exp(2 loc + scale²)"""
        squared = self.scale.square()
        return squared.expm1() * (2 * self.loc + squared).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """exp of a normal draw."""
        return self.base_dist.rsample(sample_shape).exp()

    def log_prob(self, value: Any) -> Tensor:
        """That of the logarithm, less the logarithm."""
        log = at(value).log()
        return self.base_dist.log_prob(log) - log

    def entropy(self) -> Tensor:
        """The normal one's, and loc."""
        return self.base_dist.entropy() + self.loc


class Laplace(_LocationScale):
    """``exp(-|x - loc| / scale) / (2 scale)``."""

    @property
    def variance(self) -> Tensor:
        """2 scale²"""
        return 2 * self.scale.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """By the inverse of the distribution function."""
        unit = 2 * inner_unit(self._extended(sample_shape)) - 1
        return self.loc - self.scale * unit.sign() * (-unit.abs()).log1p()

    def log_prob(self, value: Any) -> Tensor:
        """``-|x - loc| / scale - log(2 scale)``"""
        return -(2 * self.scale).log() - (at(value) - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Tensor:
        """``1/2 - sign(x - loc) (exp(-|x - loc| / scale) - 1) / 2``"""
        apart = at(value) - self.loc
        return 0.5 - 0.5 * apart.sign() * (-apart.abs() / self.scale).expm1()

    def entropy(self) -> Tensor:
        """1 + log 2 scale"""
        return 1 + (2 * self.scale).log()


class Uniform(Distribution):
    """Equally likely in [low, high)."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = floats(low, high)
        super().__init__(self.low.shape)
        if validate_args is not False:
            require(self, "low is below high", lambda low, high: low < high, self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def variance(self) -> Tensor:
        """(high - low)² / 12"""
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """low + (high - low) · a draw from [0, 1)."""
        return self.low + (self.high - self.low) * rand(*self._extended(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        """-log(high - low) inside, minus infinity outside."""
        x = at(value)
        inside = ((self.low <= x) & (x < self.high)).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value: Any) -> Tensor:
        """How far between low and high."""
        return ((at(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def entropy(self) -> Tensor:
        """log(high - low)"""
        return (self.high - self.low).log()


class Exponential(Distribution):
    """rate · exp(-rate x), for x from 0 on."""

    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = floats(rate)
        super().__init__(self.rate.shape)
        if validate_args is not False:
            require(self, "rate is above 0", lambda r: r > 0, self.rate)

    @property
    def mean(self) -> Tensor:
        """1 / rate"""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """1 / rate²"""
        return self.rate.square().reciprocal()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """By the inverse of the distribution function."""
        return -inner_unit(self._extended(sample_shape)).log() / self.rate

    def log_prob(self, value: Any) -> Tensor:
        """log rate - rate x, from 0 on"""
        x = at(value)
        return where(x >= 0, self.rate.log() - self.rate * x, -math.inf)

    def cdf(self, value: Any) -> Tensor:
        """1 - exp(-rate x)"""
        return -(-self.rate * at(value)).expm1()

    def entropy(self) -> Tensor:
        """1 - log rate"""
        return 1 - self.rate.log()
