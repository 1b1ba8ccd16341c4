"""Attention with several heads, its parameters as torch names them."""

from __future__ import annotations

import math

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType, bool_
from weft.framework.errors import FrameworkError, ShapeError
from weft.framework.functional import where, zeros
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.nn import init
from weft.framework.nn.functional.attention import attended, causal
from weft.framework.nn.functional.dropout import probability
from weft.framework.nn.linear import Linear
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Queries, keys and values projected, attended to in ``num_heads`` parts, joined and projected again.

    in_proj_weight [3·embed_dim, embed_dim] (of other widths ``q_proj_weight`` …), in_proj_bias and
    out_proj are trained. batch_first: [batch, length, width] instead of [length, batch, width]. dropout: of weights.
    add_bias_kv and add_zero_attn are not supported.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if add_bias_kv or add_zero_attn:
            raise FrameworkError(f"{user_line()}: MultiheadAttention: add_bias_kv and add_zero_attn are not supported")
        self.embed_dim, self.num_heads = count(embed_dim, "embed_dim", 1), count(num_heads, "num_heads", 1)
        self.kdim = self.embed_dim if kdim is None else count(kdim, "kdim", 1)
        self.vdim = self.embed_dim if vdim is None else count(vdim, "vdim", 1)
        self.dropout, self.batch_first = probability("MultiheadAttention", dropout), bool(batch_first)
        if self.embed_dim % self.num_heads:
            raise ShapeError(
                f"{user_line()}: MultiheadAttention: embed_dim {embed_dim} is no multiple of {num_heads} heads"
            )
        width = self.embed_dim
        same = self.kdim == width == self.vdim
        self.in_proj_weight = Parameter(zeros(3 * width, width)) if same else None
        for name, columns in (("q", width), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", None if same else Parameter(zeros(width, columns)))
        self.in_proj_bias = Parameter(zeros(3 * width)) if bias else None
        self.out_proj = Linear(width, width, bias)
        for weight in self.parameters(recurse=False):
            if weight.ndim == 2:
                init.xavier_uniform_(weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        self._place(device, dtype)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """[L, N, embed_dim], [S, N, kdim], [S, N, vdim] (N first if batch_first; or all without N) → the same as query,
        and the weights [N, L, S] ([N, heads, L, S] unless averaged), or None unless needed.

        key_padding_mask [N, S] and attn_mask [L, S] or [N·heads, L, S]: bool (True is left out) or float (added).
        is_causal: that attn_mask is the causal one, which stands in for it if it is not given. Raises ShapeError.
        """
        given = [list(x.shape) for x in (query, key, value)]
        single = query.ndim == 2
        if single:
            query, key, value = (x.unsqueeze(0 if self.batch_first else 1) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        if not self.batch_first and query.ndim == 3:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        widths = (self.embed_dim, self.kdim, self.vdim)
        if any(x.ndim != 3 or x.shape[-1] != n for x, n in zip((query, key, value), widths, strict=True)):
            raise ShapeError(
                f"{user_line()}: MultiheadAttention takes widths {widths}, not {given[0]}, {given[1]} and {given[2]}"
            )
        q, k, v = (self._heads(x, i) for i, x in enumerate((query, key, value)))
        mask = self._mask(attn_mask, key_padding_mask, is_causal, q, k)
        mixed, weights = attended(q, k, v, mask, self.dropout if self.training else 0.0)
        batch, length = query.shape[:2]
        result: Tensor = self.out_proj(mixed.permute(0, 2, 1, 3).reshape(batch, length, self.embed_dim))
        result = result if self.batch_first else result.transpose(0, 1)
        shown = (weights.mean(1) if average_attn_weights else weights) if need_weights else None
        if single:
            return result.squeeze(0 if self.batch_first else 1), None if shown is None else shown.squeeze(0)
        return result, shown

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """[N, length, width] projected → [N, heads, length, width of a head]."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        own: Tensor = getattr(self, f"{'qkv'[part]}_proj_weight")
        weight = own if self.in_proj_weight is None else self.in_proj_weight[rows]
        made = F.linear(x, weight, None if self.in_proj_bias is None else self.in_proj_bias[rows])
        batch, length = x.shape[:2]
        return made.reshape(batch, length, self.num_heads, self.embed_dim // self.num_heads).permute(0, 2, 1, 3)

    def _mask(
        self, attn: Tensor | None, padding: Tensor | None, is_causal: bool, query: Tensor, key: Tensor
    ) -> Tensor | None:
        """Both masks as one that is added, or that bool keeps, of a shape that broadcasts to [N, heads, L, S]."""
        batch, length, keys = query.shape[0], query.shape[2], key.shape[2]
        if attn is None and is_causal:
            attn = ~causal(length, keys)
        parts: list[Tensor] = []
        if attn is not None:
            if attn.shape not in ((length, keys), (batch * self.num_heads, length, keys)):
                raise ShapeError(
                    f"{user_line()}: MultiheadAttention: attn_mask is {[length, keys]} or "
                    f"{[batch * self.num_heads, length, keys]}, not {list(attn.shape)}"
                )
            parts.append(attn if attn.ndim == 2 else attn.reshape(batch, self.num_heads, length, keys))
        if padding is not None:
            if padding.shape != (batch, keys):
                raise ShapeError(
                    f"{user_line()}: MultiheadAttention: key_padding_mask is {[batch, keys]}, not {list(padding.shape)}"
                )
            parts.append(padding.reshape(batch, 1, 1, keys))
        if not parts:
            return None
        if all(part.dtype is bool_ for part in parts):
            return ~(parts[0] if len(parts) == 1 else parts[0] | parts[1])
        added = [where(part, -math.inf, 0.0) if part.dtype is bool_ else part for part in parts]
        return added[0] if len(added) == 1 else added[0] + added[1]
