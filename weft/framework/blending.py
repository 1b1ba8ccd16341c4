"""Sums of a tensor and what two others make, weighted: each the tensor's method of that name as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.operators import operand
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def addcmul(input: Operand, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Tensor:
    """input + value · tensor1 · tensor2; all three broadcast."""
    product = operand("addcmul", tensor1) * tensor2
    return operand("addcmul", input) + (product if value == 1 else product * value)


def addcdiv(input: Operand, tensor1: Operand, tensor2: Operand, *, value: float = 1) -> Tensor:
    """input + value · tensor1 / tensor2; all three broadcast."""
    quotient = operand("addcdiv", tensor1) / tensor2
    return operand("addcdiv", input) + (quotient if value == 1 else quotient * value)


def lerp(input: Operand, end: Operand, weight: Operand) -> Tensor:
    """input + weight · (end - input), exactly ``end`` where the ``weight``, a number or a tensor, is 1."""
    start, last = operand("lerp", input), operand("lerp", end)
    way = last - start
    if isinstance(weight, int | float):
        return start + way * weight if -0.5 < weight < 0.5 else last - way * (1 - weight)
    share = operand("lerp", weight)
    return where(share.abs() < 0.5, start + share * way, last - way * (1 - share))
