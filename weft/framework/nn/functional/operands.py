"""How the functions of ``nn.functional`` take their operands, and how those that must not lose bits compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.dtypes import bfloat16
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.origin import user_line
from weft.framework.remembering import called_again
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand, in_place


def rounded_once(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``compute``, a function of tensors, done in float32 where they are bfloat16, and its result rounded to that."""

    def computed(*tensors: Tensor, **options: Any) -> Tensor:
        narrow = all(t.dtype is bfloat16 for t in tensors)
        wide = (t.float() if t.dtype is bfloat16 else t for t in tensors)
        result = called_again(compute, *wide, **options)
        return result.to(bfloat16) if narrow else result

    return computed


def written(x: Tensor, compute: Callable[[], Tensor], inplace: bool) -> Tensor:
    """What ``compute`` gives; as the new value of ``x`` if that was asked for."""
    return in_place(lambda own: compute())(x) if inplace else compute()


def alike(name: str, first: Operand, second: Operand) -> tuple[Tensor, Tensor]:
    """Both as tensors. Raises ShapeError, naming the function, if their shapes differ."""
    a, b = operand(name, first), operand(name, second)
    if a.shape != b.shape:
        raise ShapeError(f"{user_line()}: {name}: shapes {list(a.shape)} and {list(b.shape)} differ")
    return a, b
