"""Attention: the mean of values, weighted by how queries match keys (Vaswani and others 2017)."""

from __future__ import annotations

import math

import numpy as np

from weft.framework.autocast import casting
from weft.framework.axes import real
from weft.framework.dtypes import bool_
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functional import operand, where
from weft.framework.lazy import no_grad
from weft.framework.nn.functional.distribution import softmax
from weft.framework.nn.functional.dropout import dropout
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Operand, key: Operand, value: Operand, attn_mask: Operand | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """softmax(query keyᵀ · scale + mask) value: [..., L, E], [..., S, E], [..., S, V] → [..., L, V].

    attn_mask: of [..., L, S], bool (True takes part) or float (added). is_causal: query i takes keys up to i.
    dropout_p: of the weights; it applies whenever it is above 0. scale: 1/√E by default. A query that takes no key
    gives zeros.
    Raises ShapeError, and FrameworkError for a mask beside is_causal.
    """
    q, k, v = (operand("scaled_dot_product_attention", x) for x in (query, key, value))
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{user_line()}: scaled_dot_product_attention takes [..., L, E], [..., S, E] and [..., S, V], not "
            f"{list(q.shape)}, {list(k.shape)} and {list(v.shape)}"
        )
    mask = None if attn_mask is None else operand("scaled_dot_product_attention", attn_mask)
    if is_causal:
        if mask is not None:
            raise OptionError(f"{user_line()}: scaled_dot_product_attention takes a mask or is_causal, not both")
        mask = causal(q.shape[-2], k.shape[-2])
    return attended(q, k, v, mask, dropout_p, scale)[0]


def causal(queries: int, keys: int) -> Tensor:
    """bool [queries, keys]: whether key j is not behind query i."""
    return Tensor(np.tri(queries, keys, dtype=np.bool_))


@casting
def attended(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """The result and the weights before dropout."""
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else real(scale, "the scale")
    scores = (q @ k.transpose(-2, -1)) * factor
    if mask is None:
        weights = softmax(scores, -1)
    else:
        added = where(mask, 0.0, -math.inf).to(scores.dtype) if mask.dtype is bool_ else mask
        weights = rounded_once(_masked_softmax)(scores + added)
    kept = dropout(weights, dropout_p) if dropout_p else weights
    return kept @ v, weights


def _masked_softmax(scores: Tensor) -> Tensor:
    """softmax along the last axis, and zeros where all scores are minus infinity."""
    with no_grad():
        largest = scores.amax(-1, keepdim=True)
        largest = where(largest == -math.inf, 0.0, largest)
    grown = (scores - largest).exp()
    total = grown.sum(-1, keepdim=True)
    return grown / where(total == 0, 1.0, total)
