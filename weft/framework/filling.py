"""What ``x.uniform_()`` and its like fill a tensor with: random numbers of each kind, and a diagonal.

Each takes the tensor that is filled, and gives another of its shape and element type. What is drawn comes from
``random``, in a jitted function anew at every call.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from weft.framework.axes import real, whole
from weft.framework.dtypes import bool_, int64
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.random import Generator
    from weft.framework.tensor import Tensor


def uniform(input: Operand, low: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers in [low, to). Raises DTypeError for a tensor of integers, FrameworkError for an empty range."""
    first, last = real(low, "low"), real(to, "to")
    if last < first:
        raise OptionError(f"{user_line()}: uniform_: there is no number from {first} to {last}")
    unit = _unit("uniform_", input, generator)
    return _as(input, unit * (last - first) + first)


def normal(input: Operand, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Normal numbers of a mean and a standard deviation. Raises DTypeError, and FrameworkError for a negative one."""
    if real(std, "std") < 0:
        raise OptionError(f"{user_line()}: normal_: a standard deviation is at least 0, not {std}")
    x = _floats("normal_", input)
    return _as(x, _source(generator).randn(x.shape) * std + real(mean, "mean"))


def log_normal(input: Operand, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """e to the power of normal numbers. Raises DTypeError and FrameworkError as ``normal``."""
    return normal(input, mean, std, generator=generator).exp()


def exponential(input: Operand, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers above 0 with the density λ · exp(-λx). Raises DTypeError, and FrameworkError for a λ not above 0."""
    if real(lambd, "lambd") <= 0:
        raise OptionError(f"{user_line()}: exponential_: lambd is above 0, not {lambd}")
    return _as(input, -_inside("exponential_", input, generator).log() / lambd)


def cauchy(input: Operand, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers with the density of Cauchy. Raises DTypeError."""
    turned = (_inside("cauchy_", input, generator) - 0.5) * math.pi
    return _as(input, turned.sin() / turned.cos() * real(sigma, "sigma") + real(median, "median"))


def geometric(input: Operand, p: float, *, generator: Generator | None = None) -> Tensor:
    """How many trials it takes, each successful with probability ``p``. Raises FrameworkError for one not in (0, 1)."""
    if not 0 < real(p, "p") < 1:
        raise OptionError(f"{user_line()}: geometric_: p lies between 0 and 1, not at {p}")
    x = operand("geometric_", input)
    return _as(x, (_drawn(x, generator).log() / math.log1p(-p)).ceil())


def bernoulli(input: Operand, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """1 with probability ``p``, a number or a tensor that broadcasts, else 0. Raises FrameworkError for a number that
    is no probability."""
    x = operand("bernoulli_", input)
    if isinstance(p, int | float) and not 0 <= p <= 1:
        raise OptionError(f"{user_line()}: bernoulli_: a probability lies in 0..1, not at {p}")
    chance = p.detach() if hasattr(p, "_storage") else p
    return _as(x, _source(generator).rand(x.shape) < chance)


def random(
    input: Operand, low: SupportsIndex = 0, to: SupportsIndex | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Whole numbers from ``low`` to below ``to``; of one number to below that, of none all that the type can hold: of a
    float those up to 2 to the number of its digits. Raises FrameworkError for an empty range."""
    x = operand("random_", input)
    first, last = whole(low, "low"), None if to is None else whole(to, "to")
    if last is None:
        first, last = (0, first) if first else (0, _numbers_of(x))
    if last <= first:
        raise OptionError(f"{user_line()}: random_: there is no number from {first} to below {last}")
    source = _source(generator)
    drawn = source.words(x.shape).to(int64)
    if last - first > 2**32:
        drawn = (drawn & 0x7FFFFFFF) * 2**32 + source.words(x.shape).to(int64)
    return _as(x, drawn % (last - first) + first)


def diagonal(input: Operand, fill_value: float, wrap: bool = False) -> Tensor:
    """The tensor with a number where all its indices are equal. Raises ShapeError for less than two axes, or more that
    differ in extent; ``wrap``: the diagonal of a tall matrix begins again after each square and a row."""
    x = operand("fill_diagonal_", input)
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) > 1):
        raise ShapeError(f"{user_line()}: fill_diagonal_ takes a matrix, or axes of one extent, not {list(x.shape)}")
    on = np.zeros(x.shape, bool)
    if x.ndim == 2 and wrap:
        on.reshape(-1)[:: x.shape[1] + 1] = True
    else:
        on[(np.arange(min(x.shape)),) * x.ndim] = True
    return x.masked_fill(x._tensor(on), fill_value)


def _source(generator: Generator | None) -> Generator:
    from weft.framework.random import default_generator

    return generator or default_generator()


def _floats(function: str, input: Operand) -> Tensor:
    x = operand(function, input)
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: {function} fills floats, not {x.dtype}; use random_()")
    return x


def _unit(function: str, input: Operand, generator: Generator | None) -> Tensor:
    return _source(generator).rand(_floats(function, input).shape)


def _inside(function: str, input: Operand, generator: Generator | None) -> Tensor:
    return _drawn(_floats(function, input), generator)


def _drawn(x: Tensor, generator: Generator | None) -> Tensor:
    """Numbers above 0 and below 1."""
    return _source(generator).rand(x.shape) + 2.0**-25


def _as(input: Operand, drawn: Tensor) -> Tensor:
    return drawn.to(operand("random_", input).dtype)


def _numbers_of(x: Tensor) -> int:
    """How many whole numbers from 0 on the type of ``x`` holds, each of them."""
    if x.dtype is bool_:
        return 2
    digits = {"float64": 53, "bfloat16": 8}.get(x.dtype.name, 24) if x.dtype.is_float else 0
    return 2**digits + 1 if digits else int(np.iinfo(x.dtype.numpy).max) + (x.dtype is not int64)
