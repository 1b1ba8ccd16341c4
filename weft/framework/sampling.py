"""Tensors of random numbers of every kind, from the generator of ``random``."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from weft.framework.axes import count, sizes, whole
from weft.framework.creation import arange
from weft.framework.dtypes import float64, int32, int64
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functions import minimum
from weft.framework.like import Place, Type
from weft.framework.operators import operand
from weft.framework.ordering import argsort
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator, placed
from weft.framework.running import cumsum
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace
from weft.framework.writing import Operand


def rand_like(
    input: Operand, *, dtype: Type = None, device: Place = None, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Numbers in [0, 1) with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("rand_like", input)
    drawn = (generator or default_generator()).rand(x.shape)
    place = x._expr.device if device is None else device
    return placed(drawn, x.dtype if dtype is None else dtype, place, requires_grad)


def randn_like(
    input: Operand, *, dtype: Type = None, device: Place = None, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers, mean 0 and variance 1, with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("randn_like", input)
    drawn = (generator or default_generator()).randn(x.shape)
    place = x._expr.device if device is None else device
    return placed(drawn, x.dtype if dtype is None else dtype, place, requires_grad)


def randint(
    low: SupportsIndex, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Type = None,
    device: Place = None, requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from ``low`` (0 if one bound is given) to below ``high``, int32 unless ``dtype`` is given.

    Each is as likely as the others but for 2^-24. Raises FrameworkError for an empty range.
    """
    if size is None:
        low, high, size = 0, low, high
    first, last = whole(low, "low"), whole(high, "high")
    if last <= first:
        raise OptionError(f"{user_line()}: randint: there is no number from {first} to below {last}")
    unit = (generator or default_generator()).rand(sizes((size,)))
    drawn = (unit.to(float64) * (last - first) + first).floor().clamp(max=last - 1)
    return placed(drawn, int32 if dtype is None else dtype, device, requires_grad)


def randint_like(
    input: Operand, low: SupportsIndex, high: Any = None, *, generator: Generator | None = None, dtype: Type = None,
    device: Place = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """As ``randint``, with the shape, dtype and device of ``input``, unless others are given."""
    x = operand("randint_like", input)
    bounds: tuple[Any, Any] = (0, low) if high is None else (low, high)
    place = x._expr.device if device is None else device
    kind = x.dtype if dtype is None else dtype
    return randint(*bounds, x.shape, generator=generator, dtype=kind, device=place, requires_grad=requires_grad)


def randperm(
    n: SupportsIndex, *, generator: Generator | None = None, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The numbers 0 to n - 1 in random order, int32 unless ``dtype`` is given."""
    source, number = generator or default_generator(), count(n, "n")
    if current_trace() is None:
        order = Tensor(source.permutation(number), int64)
    else:
        low, high = (source.words((number,)).long() for _ in range(2))
        order = argsort(((high - 2**31) << 32) + low, stable=True)  # by the second draw, and then the first
    return placed(order, int32 if dtype is None else dtype, device, requires_grad)


def normal(
    mean: Operand = 0.0, std: Operand = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: Type = None, device: Place = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers of a mean and a standard deviation, numbers (then of a ``size``) or tensors.

    Raises FrameworkError for a negative number as the deviation.
    """
    if isinstance(std, int | float) and std < 0:
        raise OptionError(f"{user_line()}: normal: a standard deviation is at least 0, not {std}")
    numbers = isinstance(mean, int | float) and isinstance(std, int | float)
    if numbers and size is None:
        raise ShapeError(f"{user_line()}: normal() of two numbers needs a size")
    shape = sizes((size,)) if numbers else (_of(mean) + _of(std)).shape
    drawn = (generator or default_generator()).randn(shape)
    return placed(drawn * std + mean, dtype, device, requires_grad)


def _of(value: Operand) -> Tensor:
    return operand("normal", value)


def bernoulli(input: Operand, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element is, else 0. Raises FrameworkError for what is no probability, where
    that is known: not in a jitted function."""
    x = operand("bernoulli", input)
    if current_trace() is None:
        chance = x.numpy()
        if chance.size and not ((chance >= 0) & (chance <= 1)).all():
            raise OptionError(f"{user_line()}: bernoulli takes probabilities, from 0 to 1")
    return placed((generator or default_generator()).rand(x.shape) < x.detach(), x.dtype, x._expr.device, False)


def multinomial(
    input: Operand, num_samples: SupportsIndex, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """int64 [..., num_samples]: indices drawn with the weights of each row, which need not sum to 1.

    Realises the weights. Raises FrameworkError for weights below 0 or none above it, and for more draws without
    replacement than there are weights above 0, where that is known: not in a jitted function.
    """
    x, number = operand("multinomial", input), count(num_samples, "num_samples", 1)
    if x.ndim not in (1, 2):
        raise ShapeError(f"{user_line()}: multinomial takes weights [n] or [rows, n], not {list(x.shape)}")
    if current_trace() is not None:
        rows = x.detach().to(float64) if x.ndim == 2 else x.detach().to(float64).unsqueeze(0)
        traced = _drawn(rows, number, replacement, generator or default_generator())
        return traced if x.ndim == 2 else traced.squeeze(0)
    weights = np.atleast_2d(x.numpy().astype(np.float64))
    most = int((weights > 0).sum(1).min(initial=weights.shape[1]))
    bad = (weights < 0).any() or not np.isfinite(weights).all() or not (weights.sum(1) > 0).all()
    if bad or (number > most and not replacement):
        raise OptionError(f"{user_line()}: multinomial: {number} cannot be drawn with these weights")
    source = generator or default_generator()
    if replacement:
        edges = np.cumsum(weights, 1) / weights.sum(1, keepdims=True)
        unit = source.uniform((len(weights), number)).astype(np.float64)
        drawn = np.stack([np.searchsorted(e, u, side="right") for e, u in zip(edges, unit, strict=True)])
        last = weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, 1)
        drawn = np.minimum(drawn, last[:, None])
    else:  # the largest of exponential races (P. S. Efraimidis and P. G. Spirakis, 2006)
        unit = source.uniform(weights.shape).astype(np.float64) + 2.0**-25
        with np.errstate(divide="ignore"):
            drawn = np.argsort(-np.log(unit) / weights, 1, kind="stable")[:, :number]
    return Tensor(drawn if x.ndim == 2 else drawn[0], int64)


def _drawn(weights: Tensor, number: int, replacement: bool, source: Generator) -> Tensor:
    """What ``multinomial`` computes on the host, with the same numbers, as operations of a jitted function."""
    if not replacement:
        unit = source.rand(weights.shape).to(float64) + 2.0**-25
        return argsort(-unit.log() / weights, 1, stable=True)[:, :number].long()
    edges = cumsum(weights, 1) / weights.sum(1, keepdim=True)
    unit = source.rand((weights.shape[0], number)).to(float64)
    passed = (edges.unsqueeze(1) <= unit.unsqueeze(2)).sum(2)
    last = ((weights > 0) * arange(weights.shape[1])).amax(1, keepdim=True)
    return minimum(passed, last.long())
