"""Products with weights."""

from __future__ import annotations

from weft.framework.autocast import casting
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.origin import user_line
from weft.framework.remembering import called_again
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["bilinear", "linear"]


@casting
def linear(input: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """x @ Wᵀ + b: [..., in] by weight [out, in] and bias [out] → [..., out]. Raises ShapeError."""
    x, w = operand("linear", input), operand("linear", weight)
    if w.ndim != 2 or not x.shape or x.shape[-1] != w.shape[1]:
        raise ShapeError(f"{user_line()}: linear takes [..., in] and a weight [out, in], not {list(x.shape)} and "
                         f"{list(w.shape)}")  # fmt: skip
    b = None if bias is None else operand("linear", bias)
    return called_again(_linear, x, w, b)


def _linear(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    rows = x if x.ndim == 2 else x.reshape(-1, w.shape[1]) if x.numel() else x.reshape(0, w.shape[1])
    product = rows @ w.T
    if b is not None:
        product = product + b
    return product if x.ndim == 2 else product.reshape(*x.shape[:-1], w.shape[0])


def bilinear(input1: Operand, input2: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """x1ᵀ W x2 + b: [..., in1], [..., in2] by weight [out, in1, in2] → [..., out]. Raises ShapeError."""
    a, b, w = (operand("bilinear", x) for x in (input1, input2, weight))
    if w.ndim != 3 or not a.shape or not b.shape or a.shape[:-1] != b.shape[:-1] or w.shape[1:] != (
        a.shape[-1], b.shape[-1]
    ):  # fmt: skip
        raise ShapeError(f"{user_line()}: bilinear takes [..., in1], [..., in2] and a weight [out, in1, in2], not "
                         f"{list(a.shape)}, {list(b.shape)} and {list(w.shape)}")  # fmt: skip
    out, rows = w.shape[0], a.reshape(-1, w.shape[1])
    half = (rows @ w.permute(1, 0, 2).reshape(w.shape[1], -1)).reshape(-1, out, w.shape[2])
    made = (half * b.reshape(-1, 1, w.shape[2])).sum(-1)
    made = made if bias is None else made + operand("bilinear", bias)
    return made.reshape(*a.shape[:-1], out)
