"""Attention with several heads, its parameters as torch names them."""

from __future__ import annotations

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.functional import zeros
from weft.framework.module import Module, Parameter
from weft.framework.nn import init
from weft.framework.nn.functional.dropout import probability
from weft.framework.nn.functional.multihead import HeadWeights, Masks, attended_by_heads
from weft.framework.nn.linear import Linear
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Queries, keys and values projected, attended to in ``num_heads`` parts, joined and projected again.

    in_proj_weight [3·embed_dim, embed_dim] (of other widths ``q_proj_weight`` …), in_proj_bias and
    out_proj are trained. batch_first: [batch, length, width] instead of [length, batch, width]. dropout: of weights.
    add_bias_kv: a key and a value more, bias_k and bias_v, which are trained. add_zero_attn: one more of zeros.
    """

    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
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
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(zeros(1, 1, width)) if add_bias_kv else None)
        self.add_zero_attn = bool(add_zero_attn)
        for weight in self.parameters(recurse=False):
            if weight.ndim == 2:
                init.xavier_uniform_(weight)
            elif weight.ndim == 3:
                init.xavier_normal_(weight)
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
        single, first = query.ndim == 2, self.batch_first
        given = [x.unsqueeze(0) if single else x if first or x.ndim != 3 else x.transpose(0, 1)
                 for x in (query, key, value)]  # fmt: skip
        padding = key_padding_mask.unsqueeze(0) if single and key_padding_mask is not None else key_padding_mask
        result, shown = attended_by_heads(
            "MultiheadAttention", given, self._weights(), Masks(attn_mask, padding, is_causal),
            self.dropout if self.training else 0.0, need_weights, average_attn_weights,
        )  # fmt: skip
        if single:
            return result.squeeze(0), None if shown is None else shown.squeeze(0)
        return (result if first else result.transpose(0, 1)), shown

    def _weights(self) -> HeadWeights:
        packed, width = self.in_proj_weight, self.embed_dim
        own = [getattr(self, f"{part}_proj_weight") for part in "qkv"]
        inwards = own if packed is None else [packed[i * width : (i + 1) * width] for i in range(3)]
        more = None if self.bias_k is None or self.bias_v is None else (self.bias_k, self.bias_v)
        out = self.out_proj
        return HeadWeights(
            self.num_heads, inwards, self.in_proj_bias, out.weight, out.bias, more, self.add_zero_attn
        )
