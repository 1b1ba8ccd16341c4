"""Sequences of several lengths: padded, packed, and through recurrent layers."""

from __future__ import annotations

PRELUDE = """
import torch
import torch.nn as nn
from torch.nn.utils.rnn import (
    PackedSequence, invert_permutation, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence,
    unpack_sequence, unpad_sequence,
)
def grid(*shape):
    n = 1
    for extent in shape:
        n *= extent
    return (((torch.arange(n) * 7) % 23).float() / 8 - 1.25).reshape(shape)
def fill(m):
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(grid(*p.shape) * 0.3)
    return m
def refused(run):
    try:
        run()
    except Exception as error:
        return "refused"
    return "taken"
def learned(layer, packed, *state):
    results, last = fill(layer)(packed, *state)
    ends = last if isinstance(last, tuple) else (last,)
    weight = sum(((end * grid(*end.shape)).sum() for end in ends), (results.data * grid(*results.data.shape)).sum())
    weight.backward()
    return tuple(results), ends, [p.grad for p in layer.parameters()]
a, b, c = grid(4, 3), grid(2, 3) + 1, grid(3, 3) - 1
x = grid(5, 4, 3)
"""

LAYERS = {
    "a plain layer": "nn.RNN(3, 2), {}", "one with relu": "nn.RNN(3, 2, nonlinearity='relu'), {}",
    "an LSTM": "nn.LSTM(3, 2), {}", "a GRU": "nn.GRU(3, 2), {}",
    "both directions": "nn.LSTM(3, 2, bidirectional=True), {}",
    "layers in both directions": "nn.GRU(3, 2, num_layers=2, bidirectional=True), {}",
    "the batch first": "nn.LSTM(3, 2, batch_first=True), {}", "without bias": "nn.GRU(3, 2, bias=False), {}",
}  # fmt: skip
"""Recurrent layers over packed sequences, sorted and not."""

CASES = {
    "padding": "pad_sequence([a, b, c]), pad_sequence([a, b, c], batch_first=True, padding_value=-1.0), "
    "pad_sequence([a, b], padding_side='left'), pad_sequence([a[:, 0], b[:, 0]])",
    "padding taken off": "unpad_sequence(pad_sequence([a, b, c]), torch.tensor([4, 2, 3])), "
    "unpad_sequence(pad_sequence([a, b], True), torch.tensor([4, 2]), batch_first=True)",
    "packing": "tuple(pack_sequence([a, c, b])), tuple(pack_sequence([b, a, c], enforce_sorted=False)), "
    "tuple(pack_padded_sequence(x, [5, 3, 3, 1])), tuple(pack_padded_sequence(x, torch.tensor([2, 5, 1, 2]), "
    "enforce_sorted=False)), tuple(pack_padded_sequence(x, [4, 4, 3, 2, 1], batch_first=True))",
    "packing there and back": "[pad_packed_sequence(pack_padded_sequence(x, lengths, enforce_sorted=False), **how) for "
    "lengths in ([5, 3, 3, 1], [1, 2, 5, 2], [2, 2, 2, 2]) for how in ({}, {'batch_first': True, 'padding_value': 7.0},"
    " {'total_length': 6})], unpack_sequence(pack_sequence([b, a, c], enforce_sorted=False))",
    "gradients through packing": """
w = x.clone().requires_grad_()
y, _ = pad_packed_sequence(pack_padded_sequence(w, [2, 5, 1, 2], enforce_sorted=False), total_length=7)
(y * grid(*y.shape)).sum().backward()
w.grad
""",
    "a packed sequence as it is": """
p = pack_sequence([b, a], enforce_sorted=False)
isinstance(p, PackedSequence), p.data, p.batch_sizes, invert_permutation(p.sorted_indices), p.to(torch.float64).data
""",
    "what is not packed": """
[refused(call) for call in (
    lambda: pack_padded_sequence(x, [1, 2, 3, 4]), lambda: pack_padded_sequence(x, [5, 3]),
    lambda: pack_padded_sequence(x, [5, 3, 1, 0]), lambda: pad_sequence([]), lambda: pad_sequence([a, b[:, :2]]),
    lambda: pad_packed_sequence(pack_sequence([a]), total_length=3),
)]
""",
    **{
        f"{name} over packed sequences": f"layer, _ = {given}\nfirst = learned(layer, pack_sequence([a, c, b]))\n"
        "layer.zero_grad()\nfirst, learned(layer, pack_sequence([b, a, c, b], enforce_sorted=False))"
        for name, given in LAYERS.items()
    },
    "packed sequences with a state to begin from": """
first = learned(nn.GRU(3, 2), pack_sequence([b, a, c], enforce_sorted=False), grid(1, 3, 2))
h = grid(2, 3, 2)
first, learned(nn.LSTM(3, 2, bidirectional=True), pack_sequence([b, a, c], enforce_sorted=False), (h, h * 0.5))
""",
    "packed sequences equal the sequences one by one": """
layer = fill(nn.LSTM(3, 2, bidirectional=True))
together = unpack_sequence(layer(pack_sequence([b, a, c], enforce_sorted=False))[0])
together, [layer(one)[0] for one in (b, a, c)]
""",
    "a step packs what it is given lengths of": """
layer = fill(nn.GRU(3, 2))
def step(t):
    layer.zero_grad()
    results, last = layer(pack_padded_sequence(t, [4, 3, 3, 1]))
    padded, _ = pad_packed_sequence(results)
    (padded.sum() + last.sum()).backward()
    return padded.detach(), [p.grad.clone() for p in layer.parameters()]
step(x), step(x * 0.5)
""",
}
