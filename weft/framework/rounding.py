"""Nearest whole numbers, quotients and remainders that rest on them, signs, and limits.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.framework.errors import FrameworkError
from weft.framework.logic import everywhere
from weft.framework.operators import elementwise, operand
from weft.framework.origin import user_line
from weft.framework.selection import where
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def sign(input: Operand) -> Tensor:
    """1, 0 or -1 as the element is above, at or below 0 (0 of NaN); its gradient is 0."""
    x = operand("sign", input)
    if x.dtype.kind == "bool":
        return x
    return _still(x, where(x > 0, 1, where(x < 0, -1, 0)).to(x.dtype))


def _still(x: Tensor, value: Tensor) -> Tensor:
    """``value``, which does not change where ``x`` changes a little, with a gradient of 0."""
    return elementwise("select", x, x, value, leading=(everywhere(x, False),)) if x.requires_grad else value


def clamp(input: Operand, min: Any = None, max: Any = None) -> Tensor:
    """Elements below ``min`` raised to it, then those above ``max`` lowered to it: numbers or tensors, one at least.

    The gradient goes to the element where it lies within the limits, or at one, else to the limit. Raises
    FrameworkError.
    """
    x = operand("clamp", input)
    if min is None and max is None:
        raise FrameworkError(f"{user_line()}: clamp needs min or max")
    for limit, beyond in ((min, "lt"), (max, "gt")):
        if limit is not None:
            x = elementwise("select", x, limit, x, leading=(elementwise(beyond, x, x, limit),))
    return x
