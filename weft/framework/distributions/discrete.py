"""Distributions over choices: Bernoulli, Categorical, OneHotCategorical, by probabilities or by logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.framework.distributions.distribution import Distribution, at, floats, inner_unit, require
from weft.framework.errors import OptionError
from weft.framework.grad_mode import no_grad
from weft.framework.nn.functional.activation import softplus
from weft.framework.nn.functional.classification import one_hot
from weft.framework.operators import broadcast
from weft.framework.origin import user_line
from weft.framework.random import rand
from weft.framework.tensor import Tensor
from weft.framework.typeinfo import FloatInfo


def _either(owner: Distribution, probs: Any, logits: Any) -> Tensor:
    """What was given. Raises FrameworkError unless it is one of the two."""
    if (probs is None) is (logits is None):
        raise OptionError(f"{user_line()}: {type(owner).__name__} takes probs or logits, and one of them")
    (given,) = floats(logits if probs is None else probs)
    return given


def _inner(probs: Tensor) -> Tensor:
    """Probabilities held off 0 and 1, of which the logarithm is infinite."""
    eps = FloatInfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


class Bernoulli(Distribution):
    """1 with probability ``probs``, or sigmoid(``logits``), else 0; draws are floats."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        given = _either(self, probs, logits)
        super().__init__(given.shape)
        if probs is None:
            self.logits, self.probs = given, given.sigmoid()
            return
        if validate_args is not False:
            require(self, "probs is from 0 to 1", lambda p: (p >= 0) & (p <= 1), given)
        self.probs, held = given, _inner(given)
        self.logits = held.log() - (-held).log1p()

    @property
    def mean(self) -> Tensor:
        """probs"""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """p (1 - p)"""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """0 or 1, as floats."""
        with no_grad():
            return (rand(*self._extended(sample_shape)) < self.probs).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """x log p + (1 - x) log(1 - p)"""
        return at(value) * self.logits - softplus(self.logits)

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)"""
        return softplus(self.logits) - self.probs * self.logits


class Categorical(Distribution):
    """One of K choices, int64: probs or logits [..., K], which need not be normalised."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        given = _either(self, probs, logits)
        if not given.shape:
            raise OptionError(f"{user_line()}: {type(self).__name__} takes probs or logits [..., K], not []")
        super().__init__(given.shape[:-1])
        self._num_events = given.shape[-1]
        if probs is None:
            self.logits = given - given.logsumexp(-1, keepdim=True)
            self.probs = self.logits.softmax(-1)
            return
        if validate_args is not False:
            require(self, "probs is not negative", lambda p: p >= 0, given)
        self.probs = given / given.sum(-1, keepdim=True)
        self.logits = _inner(self.probs).log()

    @property
    def mode(self) -> Tensor:
        """The likeliest choice."""
        return self.probs.argmax(-1).long()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The greatest of the logits plus Gumbel noise (E. J. Gumbel, 1954): in jitted functions too."""
        with no_grad():
            unit = inner_unit((*sample_shape, *self.batch_shape, self._num_events))
            return (self.probs.log() - (-unit.log()).log()).argmax(-1).long()

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability of each choice."""
        chosen = at(value).long()
        shape = broadcast("log_prob", (chosen.shape, self.batch_shape))
        wide = self.logits.expand(*shape, self._num_events)
        return wide.gather(-1, chosen.expand(shape).unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """-Σ p log p"""
        return -(self.probs * self.logits.clamp(min=FloatInfo(self.logits.dtype).min)).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Every choice: [K, batch], or with expand=False [K, 1, …]."""
        from weft.framework.creation import arange

        values = arange(self._num_events).long().reshape(-1, *(1,) * len(self.batch_shape))
        return values.expand(self._num_events, *self.batch_shape) if expand else values


class OneHotCategorical(Distribution):
    """As ``Categorical``, a draw being a vector of K floats, one of them 1."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._chosen = Categorical(probs, logits, validate_args)
        super().__init__(self._chosen.batch_shape, (self._chosen._num_events,))
        self.probs, self.logits = self._chosen.probs, self._chosen.logits

    @property
    def mean(self) -> Tensor:
        """probs"""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """p (1 - p)"""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Vectors of 0 and 1, as floats."""
        return one_hot(self._chosen.sample(sample_shape), self._chosen._num_events).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability of the place where the 1 is."""
        return self._chosen.log_prob(at(value).argmax(-1))

    def entropy(self) -> Tensor:
        """-Σ p log p"""
        return self._chosen.entropy()
