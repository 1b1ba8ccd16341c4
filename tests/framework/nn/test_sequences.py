"""Embeddings, recurrent layers, attention and transformers against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.framework.nn.against_torch import Case, both, check, check_jitted, flat, ids, integers, normal
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.tensor import tensor

RNG = np.random.default_rng(3)
SEQUENCE = (normal(5, 2, 3),)
STATE = RNG.normal(size=(4, 2, 4)).astype(np.float32)
QKV = (normal(3, 2, 8), normal(5, 2, 8), normal(5, 2, 8))
CAUSAL = np.triu(np.ones((3, 5), bool), 1)
PADDING = np.array([[False, False, True, False, True], [False, True, False, False, False]])
ADDED = RNG.normal(size=(3, 5)).astype(np.float32)
BATCH, SOURCE = (normal(2, 4, 8),), (normal(4, 2, 8),)
RECURRENT = [
    Case(layer, args, options, inputs=inputs, call=call)
    for layer in ("RNN", "LSTM", "GRU")
    for args, options, inputs, call in (
        ((3, 4), {}, SEQUENCE, {}),
        ((3, 4, 2), {"bidirectional": True}, SEQUENCE, {"hx": (STATE, STATE + 1) if layer == "LSTM" else STATE}),
        ((3, 4), {"batch_first": True, "bias": False}, SEQUENCE, {}),
        ((3, 4), {"bidirectional": True}, (normal(5, 3),), {}),
        ((3, 1), {}, (normal(1, 1, 3),), {}),
        ((3, 4, 2), {"dropout": 0.0}, (normal(2, 0, 3),), {}),
    )
]  # fmt: skip
CELLS = [
    *(Case(f"{kind}Cell", (3, 4), inputs=(normal(2, 3),)) for kind in ("RNN", "LSTM", "GRU")),
    *(Case(f"{kind}Cell", (3, 4), inputs=(normal(3),)) for kind in ("RNN", "LSTM", "GRU")),
    *(Case(f"{kind}Cell", (3, 4, False), inputs=(normal(2, 3), normal(2, 4))) for kind in ("RNN", "GRU")),
    Case("RNNCell", (3, 4), {"nonlinearity": "relu"}, inputs=(normal(2, 3),)),
    Case("RNN", (3, 4), {"nonlinearity": "relu"}, inputs=SEQUENCE),
]  # fmt: skip
ATTENTION = [
    Case("MultiheadAttention", (8, 2), {}, inputs=QKV, call=call, shown=False)
    for call in (
        {}, {"attn_mask": CAUSAL}, {"key_padding_mask": PADDING}, {"attn_mask": ADDED},
        {"attn_mask": CAUSAL, "key_padding_mask": np.zeros((2, 5), bool)},
        {"attn_mask": np.where(CAUSAL, -np.inf, 0).astype(np.float32), "need_weights": False},
        {"need_weights": False}, {"average_attn_weights": False}, {"attn_mask": np.stack([CAUSAL] * 4)},
    )
] + [
    Case("MultiheadAttention", (8, 2), {"bias": False, "batch_first": True}, shown=False,
         inputs=(normal(2, 3, 8),) * 3),
    Case("MultiheadAttention", (8, 4), {"kdim": 3, "vdim": 5}, shown=False,
         inputs=(normal(3, 2, 8), normal(4, 2, 3), normal(4, 2, 5))),
    Case("MultiheadAttention", (8, 1), inputs=(normal(3, 8), normal(5, 8), normal(5, 8)), shown=False),
    *(
        Case("MultiheadAttention", (8, 2), more, inputs=QKV, call=call, shown=False)
        for more in ({"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True})
        for call in (
            {}, {"key_padding_mask": PADDING, "attn_mask": CAUSAL}, {"attn_mask": ADDED, "need_weights": False},
        )
    ),
]  # fmt: skip
THREE7, THREE8, FLAT = weft.zeros(2, 1, 7), weft.zeros(2, 1, 8), weft.zeros(2, 2)
SQUARE = np.where(np.triu(np.ones((4, 4), bool), 1), -np.inf, 0).astype(np.float32)
TRANSFORMERS = [
    *(
        Case("TransformerEncoderLayer", (8, 2, 16, 0.0), options, inputs=BATCH, call=call, shown=False)
        for options in ({}, {"norm_first": True}, {"activation": "gelu", "batch_first": True, "bias": False})
        for call in ({}, {"src_mask": SQUARE} if "batch_first" in options else {})
    ),
    *(
        Case("TransformerDecoderLayer", (8, 2, 16, 0.0), options, inputs=(normal(4, 2, 8), normal(3, 2, 8)), call=call,
             shown=False)
        for options in ({}, {"norm_first": True})
        for call in ({}, {"tgt_mask": SQUARE})
    ),
    Case("Transformer", (8, 2, 2, 1, 16, 0.0), {"batch_first": True}, inputs=(normal(2, 4, 8), normal(2, 4, 8)),
         call={"tgt_mask": SQUARE}, shown=False),
]  # fmt: skip
EMBEDDINGS = [
    Case("Embedding", (5, 3), inputs=(integers(2, 4, below=5),)),
    Case("Embedding", (5, 3), {"padding_idx": -2}, inputs=(integers(6, below=5),)),
    Case("Embedding", (5, 3), {"padding_idx": 0}, inputs=(integers(below=5),)),
    Case("Embedding", (5, 3), inputs=(integers(0, below=5),)),
    *(
        Case("EmbeddingBag", (6, 3), {"mode": mode, **options}, inputs=inputs, call=call)
        for mode in ("sum", "mean", "max") for options in ({}, {"padding_idx": 2})
        for inputs, call in (
            ((integers(4, 5, below=6),), {}), ((integers(0, 5, below=6),), {}),
            ((integers(9, below=6),), {"offsets": np.array([0, 3, 3, 7])}),
            ((integers(9, below=6),), {"offsets": np.array([0, 9, 9])}),
            ((integers(0, below=6),), {"offsets": np.array([0, 0])}),
        )
    ),
    Case("EmbeddingBag", (6, 3), {"mode": "sum", "include_last_offset": True}, inputs=(integers(9, below=6),),
         call={"offsets": np.array([0, 2, 2, 9])}),
    Case("EmbeddingBag", (6, 3), {"mode": "sum"}, inputs=(integers(9, below=6),),
         call={"offsets": np.array([0, 2, 4]), "per_sample_weights": np.linspace(-1, 2, 9).astype(np.float32)}),
]
CASES = [*RECURRENT, *CELLS, *ATTENTION, *TRANSFORMERS, *EMBEDDINGS]


@pytest.mark.parametrize("case", ids(CASES))
def test_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids([*RECURRENT[:15:4], *CELLS[:2], *ATTENTION[:4], TRANSFORMERS[0], *EMBEDDINGS[:2]]))
def test_jitted(case: Case) -> None:
    check_jitted(case)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (2, 2, 3, 3)])
def test_scaled_dot_product_attention(shape: tuple[int, ...], causal: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(*shape[:-1], 4)).astype(np.float32) for _ in range(3))
    for scale in (None, 0.3):
        found = F.scaled_dot_product_attention(tensor(q), tensor(k), tensor(v), is_causal=causal, scale=scale)
        expected = torch.nn.functional.scaled_dot_product_attention(
            *map(torch.tensor, (q, k, v)), is_causal=causal, scale=scale
        )
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_query_without_keys_gives_zeros() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    mask = np.array([[True, False], [False, False]])
    mine = tensor(x, requires_grad=True)
    found = F.scaled_dot_product_attention(mine, mine, mine, attn_mask=tensor(mask))
    expected = torch.nn.functional.scaled_dot_product_attention(*[torch.tensor(x)] * 3, attn_mask=torch.tensor(mask))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)
    found.sum().backward()
    assert mine.grad is not None
    assert np.isfinite(mine.grad.numpy()).all()


def test_stacks_copy_their_layer() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    stack = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))
    assert [type(m).__name__ for m in stack.layers] == ["TransformerEncoderLayer"] * 2
    first, second = (one.get_parameter("self_attn.in_proj_weight") for one in stack.layers)
    assert first is not second
    assert stack(weft.zeros(2, 3, 8)).shape == (2, 3, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(2)
    assert mask.tolist() == [[0, -np.inf], [0, 0]]


def test_a_frozen_table() -> None:
    made = nn.Embedding.from_pretrained(tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert not made.weight.requires_grad
    assert made(tensor([1])).tolist() == [[3, 4]]
    assert nn.Embedding.from_pretrained(np.ones((2, 2)), freeze=False).weight.requires_grad


def test_the_padding_row_starts_as_zeros_and_is_not_trained() -> None:
    layer = nn.Embedding(3, 2, padding_idx=1)
    layer(tensor([0, 1, 1])).sum().backward()
    assert layer.weight.numpy()[1].tolist() == [0, 0]
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0]]


def test_jitted_lookups_check_their_numbers() -> None:
    layer = nn.Embedding(3, 2)
    step = weft.jit(lambda i: layer(i))
    assert step(tensor([2])).shape == (1, 2)
    with pytest.raises(FrameworkError, match="embedding: number 3 in row 0 of 'i' is not a row: the table has 3 rows"):
        step(tensor([3]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Embedding(3, 2)(tensor([[0, -1]])), r"embedding: number -1 in \[0, 1\] is not a row: .*0 to 2$"),
        (lambda: nn.EmbeddingBag(3, 2)(tensor([0, 1])), r"takes numbers \[bags, n\], or numbers \[n\] with offsets"),
        (lambda: nn.EmbeddingBag(3, 2)(tensor([[3]])), r"embedding: number 3 in row 0 is not a row"),
        (lambda: nn.EmbeddingBag(3, 2)(tensor([0, 1]), tensor([1, 0])), r"offsets begin with 0 and do not fall"),
        (lambda: nn.EmbeddingBag(3, 2)(tensor([0, 1]), tensor([0.0])), r"offsets are integers \[bags\], not float32"),
        (lambda: nn.EmbeddingBag(3, 2, mode="min")(tensor([[1]])), "mode is 'sum', 'mean' or 'max', not 'min'"),
        (lambda: nn.EmbeddingBag(3, 2, max_norm=1.0), "EmbeddingBag: max_norm is not supported; scale the rows"),
        (lambda: F.embedding(tensor([0]), FLAT, sparse=True), "embedding: sparse is not supported; the"),
        (
            lambda: nn.EmbeddingBag(3, 2)(tensor([[1]]), per_sample_weights=tensor([[1.0]])),
            r"per_sample_weights are for mode 'sum', one for each number \[1, 1\], not \[1, 1\] for 'mean'",
        ),
        (lambda: nn.Embedding(3, 2)(tensor([0.0])), "embedding takes numbers of rows, so integers, not float32"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "Embedding: padding_idx 3 is no row of 3"),
        (lambda: nn.LSTM(3, 4)(weft.zeros(2, 1, 2)), r"LSTM takes 2 or 3 axes, the last of 3, not \[2, 1, 2\]"),
        (lambda: nn.GRU(3, 4)(weft.zeros(2, 1, 3), weft.zeros(1, 4)), r"GRU: the state is 1 × \[1, 1, 4\], not \[\[1"),
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), "RNN: nonlinearity is 'tanh' or 'relu', not 'gelu'"),
        (lambda: nn.RNN(3, 4)(weft.zeros(0, 1, 3)), r"RNN takes sequences of one step or more, not \[0, 1, 3\]"),
        (lambda: nn.MultiheadAttention(7, 2), "embed_dim 7 is no multiple of 2 heads"),
        (lambda: nn.MultiheadAttention(8, 2)(THREE7, THREE7, THREE7), r"takes widths \(8, 8, 8\), not \[1, 2, 7\]"),
        (
            lambda: nn.MultiheadAttention(8, 2)(THREE8, THREE8, THREE8, attn_mask=weft.zeros(3, 2)),
            r"attn_mask is \[2, 2\] or \[2, 2, 2\], not \[3, 2\]",
        ),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), "activation is 'relu', 'gelu' or a function"),
        (
            lambda: F.scaled_dot_product_attention(FLAT, FLAT, FLAT, FLAT, is_causal=True),
            "takes a mask or is_causal, not both",
        ),
    ],
)  # fmt: skip
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_sequences.py:\d+: .*{message}"):
        call()


def test_masks_of_a_case_are_of_both_kinds() -> None:
    ours, _ = both(ATTENTION[0])
    weights = flat(ours(*(tensor(draw(RNG)) for draw in QKV), attn_mask=tensor(CAUSAL)))[1]
    assert weights.numpy()[0, 0, 1:].tolist() == [0] * 4
