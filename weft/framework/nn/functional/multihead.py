"""Attention with several heads over given weights, as torch's function of that name has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from weft.framework.axes import count
from weft.framework.dtypes import bool_
from weft.framework.errors import OptionError, ShapeError
from weft.framework.functional import where, zeros
from weft.framework.nn.functional.attention import attended, causal
from weft.framework.nn.functional.linear import linear
from weft.framework.nn.functional.taking import joined
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["multi_head_attention_forward"]


class HeadWeights(NamedTuple):
    """The trained parts of attention with ``heads`` heads.

    inwards: the weights of queries, keys and values, each [E, width]. biases: theirs, or None. outwards, bias: of the
    result's projection. more: a key and a value [1, 1, E] behind all others, or None. zero: a further one of zeros.
    """

    heads: int
    inwards: Sequence[Tensor]
    biases: Tensor | None
    outwards: Tensor
    bias: Tensor | None
    more: tuple[Tensor, Tensor] | None = None
    zero: bool = False


class Masks(NamedTuple):
    """Which keys a query takes: by place, [L, S] or [N·heads, L, S], and by example, [N, S].

    bool (True is left out) or float (added). causal: that the first is the causal one, which stands in for it.
    """

    attn: Tensor | None
    padding: Tensor | None
    causal: bool


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """[L, N, E], [S, N, kdim], [S, N, vdim] (or all without N) → [L, N, E], and the weights [N, L, S] ([N, heads, L, S]
    unless averaged), or None unless needed: what ``nn.MultiheadAttention`` computes, its parameters given.

    static_k, static_v [N·heads, S, E/heads]: keys and values that are projected already. Raises ShapeError, and
    FrameworkError for weights that are missing.
    """
    name, width = "multi_head_attention_forward", embed_dim_to_check
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    packed = None if in_proj_weight is None else [in_proj_weight[i * width : (i + 1) * width] for i in range(3)]
    inwards = [w for w in separate if w is not None] if use_separate_proj_weight else packed
    if inwards is None or len(inwards) != 3:
        needed = "q_, k_ and v_proj_weight" if use_separate_proj_weight else "in_proj_weight"
        raise OptionError(f"{user_line()}: {name}: {needed} are needed, as use_separate_proj_weight says")
    if (bias_k is None) is not (bias_v is None):
        raise OptionError(f"{user_line()}: {name}: bias_k and bias_v come together")
    more = None if bias_k is None or bias_v is None else (bias_k, bias_v)
    weights = HeadWeights(
        count(num_heads, "num_heads", 1), inwards, in_proj_bias, out_proj_weight, out_proj_bias, more, add_zero_attn
    )
    single = query.ndim == 2
    given = [x.unsqueeze(0) if single else x.transpose(0, 1) for x in (query, key, value)]
    padding = key_padding_mask.unsqueeze(0) if single and key_padding_mask is not None else key_padding_mask
    static = [None if x is None else _as_heads(name, x, num_heads) for x in (static_k, static_v)]
    result, shown = attended_by_heads(
        name, given, weights, Masks(attn_mask, padding, is_causal), dropout_p if training else 0.0, need_weights,
        average_attn_weights, static,
    )  # fmt: skip
    if single:
        return result.squeeze(0), None if shown is None else shown.squeeze(0)
    return result.transpose(0, 1), shown


def _as_heads(name: str, x: Tensor, heads: int) -> Tensor:
    """[N·heads, S, width] → [N, heads, S, width]. Raises ShapeError."""
    if x.ndim != 3 or x.shape[0] % heads:
        raise ShapeError(f"{user_line()}: {name}: static_k and static_v are [N·{heads}, S, width], not {list(x.shape)}")
    return x.reshape(x.shape[0] // heads, heads, *x.shape[1:])


def attended_by_heads(
    name: str, given: Sequence[Tensor], weights: HeadWeights, masks: Masks, dropout_p: float, need_weights: bool,
    average: bool, static: Sequence[Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Queries, keys and values [N, L, width] → [N, L, E], and the weights if needed."""
    width = weights.outwards.shape[1]
    widths = tuple(w.shape[1] for w in weights.inwards)
    if any(x.ndim != 3 or x.shape[-1] != n for x, n in zip(given, widths, strict=True)):
        shown = ", ".join(str(list(x.shape)) for x in given)
        raise ShapeError(f"{user_line()}: {name} takes widths {widths}, not {shown} (batch, length, width)")
    if width % weights.heads:
        raise ShapeError(f"{user_line()}: {name}: embed_dim {width} is no multiple of {weights.heads} heads")
    q, k, v = (_projected(x, weights, i) for i, x in enumerate(given))
    k, v = (own if own is not None else made for own, made in zip(static, (k, v), strict=True))
    keys = k.shape[2]
    if weights.more is not None:
        k, v = (joined([x, _spread(one, x, weights.heads)], 2) for x, one in zip((k, v), weights.more, strict=True))
    if weights.zero:
        k, v = (joined([x, zeros(*x.shape[:2], 1, x.shape[3], dtype=x.dtype)], 2) for x in (k, v))
    mask = _joint_mask(name, masks, q, keys, k.shape[2] - keys)
    mixed, found = attended(q, k, v, mask, dropout_p)
    batch, length = given[0].shape[:2]
    result = linear(mixed.permute(0, 2, 1, 3).reshape(batch, length, width), weights.outwards, weights.bias)
    return result, (found.mean(1) if average else found) if need_weights else None


def _projected(x: Tensor, weights: HeadWeights, part: int) -> Tensor:
    """[N, length, width] → [N, heads, length, width of a head]."""
    weight = weights.inwards[part]
    rows = slice(part * weight.shape[0], (part + 1) * weight.shape[0])
    made = linear(x, weight, None if weights.biases is None else weights.biases[rows])
    batch, length = x.shape[:2]
    return made.reshape(batch, length, weights.heads, weight.shape[0] // weights.heads).permute(0, 2, 1, 3)


def _spread(one: Tensor, like: Tensor, heads: int) -> Tensor:
    """A key or value [1, 1, E] for every example: [N, heads, 1, E/heads]."""
    return one.to(like.dtype).reshape(1, heads, 1, like.shape[3]).expand(like.shape[0], heads, 1, like.shape[3])


def _joint_mask(name: str, masks: Masks, query: Tensor, keys: int, more: int) -> Tensor | None:
    """Both masks as one that is added, or that bool keeps, of a shape that broadcasts to [N, heads, L, S + more]; no
    mask is about the keys that were added."""
    (batch, heads, length), attn, padding = query.shape[:3], masks.attn, masks.padding
    if attn is None and masks.causal:
        attn = ~causal(length, keys)
    parts: list[Tensor] = []
    if attn is not None:
        if attn.shape not in ((length, keys), (batch * heads, length, keys)):
            raise ShapeError(
                f"{user_line()}: {name}: attn_mask is {[length, keys]} or {[batch * heads, length, keys]}, not "
                f"{list(attn.shape)}"
            )
        parts.append(attn if attn.ndim == 2 else attn.reshape(batch, heads, length, keys))
    if padding is not None:
        if padding.shape != (batch, keys):
            raise ShapeError(f"{user_line()}: {name}: key_padding_mask is {[batch, keys]}, not {list(padding.shape)}")
        parts.append(padding.reshape(batch, 1, 1, keys))
    if more:
        parts = [joined([x, zeros(*x.shape[:-1], more, dtype=x.dtype)], x.ndim - 1) for x in parts]
    if not parts:
        return None
    if all(part.dtype is bool_ for part in parts):
        return ~(parts[0] if len(parts) == 1 else parts[0] | parts[1])
    added = [where(part, -math.inf, 0.0) if part.dtype is bool_ else part for part in parts]
    return added[0] if len(added) == 1 else added[0] + added[1]
