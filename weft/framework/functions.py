"""Functions that are the tensor's operators and movements, written before their operand instead of behind it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from weft.framework.in_place import InPlace
from weft.framework.movement import Movement
from weft.framework.operators import TensorOperators, operand
from weft.framework.writing import Operand

P = ParamSpec("P")
R = TypeVar("R")


def _function(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Operand, P], R]:
    """A method of tensors as a function, which takes an array too."""

    @functools.wraps(method)
    def function(input: Operand, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(operand(method.__name__, input), *args, **kwargs)

    return function


add, sub, mul = TensorOperators.add, TensorOperators.sub, TensorOperators.mul
eq, ne = _function(TensorOperators.eq), _function(TensorOperators.ne)
lt, le, gt, ge = TensorOperators.lt, TensorOperators.le, TensorOperators.gt, TensorOperators.ge
maximum, minimum = TensorOperators.maximum, TensorOperators.minimum
neg, abs, sqrt, reciprocal = (
    TensorOperators.neg, TensorOperators.abs, TensorOperators.sqrt, TensorOperators.reciprocal
)
exp, expm1, log, log1p = TensorOperators.exp, TensorOperators.expm1, TensorOperators.log, TensorOperators.log1p
erf, sigmoid, tanh = TensorOperators.erf, TensorOperators.sigmoid, TensorOperators.tanh
sin, cos, atan2 = TensorOperators.sin, TensorOperators.cos, TensorOperators.atan2
bitwise_and, bitwise_or = TensorOperators.bitwise_and, TensorOperators.bitwise_or
bitwise_xor, bitwise_not = TensorOperators.bitwise_xor, TensorOperators.bitwise_not
relu_ = InPlace.relu_
matmul = _function(TensorOperators.__matmul__)
reshape, flatten, permute = _function(Movement.reshape), _function(Movement.flatten), _function(Movement.permute)
transpose, squeeze, unsqueeze = (
    _function(Movement.transpose), _function(Movement.squeeze), _function(Movement.unsqueeze)
)
