"""What every distribution has: shapes of its batch and of one event, draws, and parameters that are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from weft.framework.device import Value, host
from weft.framework.errors import AbstractError, OptionError
from weft.framework.grad_mode import no_grad
from weft.framework.operators import broadcast
from weft.framework.origin import user_line
from weft.framework.random import rand
from weft.framework.size import Size
from weft.framework.tensor import Tensor


class Distribution:
    """A distribution of events of shape ``event_shape``, one for each element of ``batch_shape``.

    ``sample`` has no history, ``rsample`` has that of the parameters. log_prob takes values [..., batch, event] and
    gives [..., batch]. What is not defined for a distribution raises AbstractError.
    """

    batch_shape: Size
    event_shape: Size
    has_rsample = False

    def __init__(self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = ()) -> None:
        self.batch_shape, self.event_shape = Size(batch_shape), Size(event_shape)

    @property
    def mean(self) -> Tensor:
        """[batch, event]"""
        raise self._missing("mean")

    @property
    def variance(self) -> Tensor:
        """[batch, event]"""
        raise self._missing("variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A draw, or of each several: [sample_shape, batch, event], without history."""
        with no_grad():
            return self.rsample(sample_shape).detach()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """As ``sample``, made of the parameters, so that gradients go through them."""
        raise self._missing("rsample")

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, at ``value``."""
        raise self._missing("log_prob")

    def entropy(self) -> Tensor:
        """[batch]"""
        raise self._missing("entropy")

    def cdf(self, value: Any) -> Tensor:
        """The probability of what is not above ``value``."""
        raise self._missing("cdf")

    def _missing(self, what: str) -> AbstractError:
        return AbstractError(f"{user_line()}: {type(self).__name__} has no {what}")

    def _extended(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of a draw."""
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={list(self.batch_shape)}, event_shape={list(self.event_shape)})"


def at(value: Any) -> Tensor:
    """The place at which a density is asked for, as a tensor."""
    return value if isinstance(value, Tensor) else Tensor(value)


def inner_unit(shape: Sequence[int]) -> Tensor:
    """Uniform in (0, 1): never 0, of which the logarithm would be taken."""
    return rand(*shape) * (1 - 2.0**-23) + 2.0**-24


def floats(*values: Any) -> list[Tensor]:
    """Parameters, numbers or tensors, as float tensors of one shape."""
    tensors = [value if isinstance(value, Tensor) else Tensor(float(value)) for value in values]
    tensors = [t if t.dtype.is_float else t.float() for t in tensors]
    shape = broadcast("distribution", [t.shape for t in tensors])
    return [t if t.shape == shape else t.expand(shape) for t in tensors]


def require(owner: Distribution, what: str, holds: Callable[..., Any], *parameters: Tensor) -> None:
    """Raise FrameworkError for parameters whose values are known and not what they have to be."""
    known = [p._expr.value for p in parameters]
    if all(value is not None for value in known) and not holds(*map(host, filter(_is_there, known))).all():
        raise OptionError(f"{user_line()}: {type(owner).__name__}: {what}")


def _is_there(value: Value | None) -> TypeGuard[Value]:
    return value is not None
