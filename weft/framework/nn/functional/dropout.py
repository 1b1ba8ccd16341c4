"""Dropout: elements, or whole channels, made 0 at random in training and the others scaled up. Under ``@jit`` every
call draws anew: where the generator stands is state of the compiled step."""

from __future__ import annotations

from weft.framework.axes import real
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functional import operand, where
from weft.framework.nn.functional.operands import written
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["dropout", "dropout1d", "dropout2d"]


def probability(function: str, p: float) -> float:
    """``p``. Raises FrameworkError outside [0, 1]."""
    number = real(p, f"{function}: p")
    if not 0 <= number <= 1:
        raise OptionError(f"{user_line()}: {function}: p lies between 0 and 1; it is {number}")
    return number


def _dropped(function: str, input: Operand, p: float, training: bool, inplace: bool, shape: Shape | None) -> Tensor:
    x, p = operand(function, input), probability(function, p)
    if not training or not p:
        return x
    kept = default_generator().rand(x.shape if shape is None else shape) >= p
    return written(x, lambda: where(kept, x * (1 / (1 - p)) if p < 1 else x, 0.0), inplace)


def dropout(input: Operand, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability p, else times 1 / (1 - p); the input itself unless ``training``."""
    return _dropped("dropout", input, p, training, inplace, None)


def _channels(function: str, input: Operand, ranks: tuple[int, int]) -> tuple[Tensor, Shape]:
    """The input, and its shape with all axes behind the channels as 1. Raises ShapeError."""
    x = operand(function, input)
    if x.ndim not in ranks:
        raise ShapeError(f"{user_line()}: {function} takes {ranks[0]} or {ranks[1]} axes, not {list(x.shape)}")
    return x, (*x.shape[: x.ndim - ranks[0] + 1], *(1 for _ in range(ranks[0] - 1)))


def dropout1d(input: Operand, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """As ``dropout``, but whole channels of [N, C, length] or [C, length]."""
    x, shape = _channels("dropout1d", input, (2, 3))
    return _dropped("dropout1d", x, p, training, inplace, shape)


def dropout2d(input: Operand, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """As ``dropout``, but whole channels of [N, C, height, width] or [C, height, width]."""
    x, shape = _channels("dropout2d", input, (3, 4))
    return _dropped("dropout2d", x, p, training, inplace, shape)
