"""Parts of tensors put together or picked out, as several functions here need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.framework.lazy import apply
from weft.framework.operators import expand
from weft.framework.tensor import Tensor


def joined(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """The tensors one behind the other along ``axis``."""
    if len(tensors) == 1:
        return tensors[0]
    return Tensor._of(apply("concatenate", *(t._read() for t in tensors), axis=axis))


def stacked(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """The tensors, all of one shape, along a new axis."""
    return joined([t.unsqueeze(axis) for t in tensors], axis)


def taken(x: Tensor, places: Any, axis: int) -> Tensor:
    """The elements of ``x`` at ``places``, int [n], along ``axis``."""
    index = places if isinstance(places, Tensor) else Tensor(places)
    shape = (*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :])
    wide = index.reshape(*(index.shape[0] if d == axis else 1 for d in range(x.ndim)))
    return Tensor._of(apply("gather", x._read(), expand(wide._read(), shape), axis=axis))
