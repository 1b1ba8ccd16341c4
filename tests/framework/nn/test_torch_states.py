"""The states of torch's layers as safetensors: each loads into the layer here, which then computes the same.

At the edges of their inputs too: no batch, one example and a ragged last batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft import nn

torch = pytest.importorskip("torch")
Make = Callable[[Any], Any]

LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "Linear": (lambda nn: nn.Linear(6, 4), (6,)), "Linear without bias": (lambda nn: nn.Linear(6, 4, bias=False), (6,)),
    "Conv1d": (lambda nn: nn.Conv1d(3, 4, 2), (3, 5)), "Conv2d": (lambda nn: nn.Conv2d(2, 4, 2, groups=2), (2, 4, 4)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(3, 4, 2), (3, 5)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(2, 4, 2, bias=False), (2, 4, 4)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(6).eval(), (6,)), "BatchNorm2d": (lambda nn: nn.BatchNorm2d(2).eval(),
                                                                               (2, 3, 3)),
    "BatchNorm2d without weights": (lambda nn: nn.BatchNorm2d(2, affine=False).eval(), (2, 3, 3)),
    "BatchNorm3d": (lambda nn: nn.BatchNorm3d(2).eval(), (2, 2, 3, 2)),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(3, affine=True), (3, 5)),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(2, affine=True, track_running_stats=True).eval(), (2, 3, 3)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), (4, 3)), "LayerNorm": (lambda nn: nn.LayerNorm((3, 2)), (4, 3, 2)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), (6,)), "PReLU": (lambda nn: nn.PReLU(3), (3, 2)),
    "Bilinear": (lambda nn: nn.Bilinear(6, 6, 3), (6,)),
    "RNN": (lambda nn: nn.RNN(3, 4, num_layers=2, batch_first=True), (5, 3)),
    "LSTM": (lambda nn: nn.LSTM(3, 4, bidirectional=True, batch_first=True), (5, 3)),
    "GRU": (lambda nn: nn.GRU(3, 4, bias=False, batch_first=True), (5, 3)),
    "RNNCell": (lambda nn: nn.RNNCell(3, 4), (3,)), "LSTMCell": (lambda nn: nn.LSTMCell(3, 4), (3,)),
    "GRUCell": (lambda nn: nn.GRUCell(3, 4), (3,)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(4, 2, batch_first=True), (5, 4)),
    "MultiheadAttention of more keys": (lambda nn: nn.MultiheadAttention(4, 2, add_bias_kv=True, batch_first=True),
                                        (5, 4)),
    "TransformerEncoderLayer": (lambda nn: nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), (5, 4)),
    "TransformerDecoderLayer": (lambda nn: nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True), (5, 4)),
    "TransformerEncoder": (
        lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 2,
                                         nn.LayerNorm(4), enable_nested_tensor=False), (5, 4)),
    "TransformerDecoder": (
        lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True), 2), (5, 4)),
    "Transformer": (lambda nn: nn.Transformer(4, 2, 1, 1, 8, 0.0, batch_first=True), (5, 4)),
    "Embedding": (lambda nn: nn.Embedding(6, 3), ()), "EmbeddingBag": (lambda nn: nn.EmbeddingBag(6, 3), (2,)),
    "weight norm": (lambda nn: nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), (6,)),
    "a model": (
        lambda nn: nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
                                 nn.Linear(27, 2)).eval(),
        (2, 4, 4)),
}  # fmt: skip
"""Layer → how either library makes it, and the shape of an example."""
TWICE = frozenset({"Bilinear", "TransformerDecoderLayer", "TransformerDecoder", "Transformer"})
THRICE = frozenset({"MultiheadAttention", "MultiheadAttention of more keys"})
"""Layers that are called with their input so many times."""
SIZES = {"no batch": 0, "one example": 1, "a full batch": 4, "a ragged last batch": 3}
NO_BATCH = {"RNN", "LSTM", "GRU"}
"""What torch refuses an empty batch of, or has no gradient of."""


def both(name: str, folder: Path) -> tuple[Any, Any]:
    """torch's layer with random state, and ours with the same, loaded from a file."""
    from safetensors.torch import save_file

    make, _ = LAYERS[name]
    theirs, ours = make(torch.nn), make(nn)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) * 0.8 + 0.1)
    save_file({key: value.contiguous().clone() for key, value in theirs.state_dict().items()}, folder / "s.safetensors")
    found = ours.load_state_dict(weft.load(folder / "s.safetensors"))
    assert repr(found) == "<All keys matched successfully>"
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return theirs, ours


def called(of: Any, layer: Any, name: str, x: Any) -> tuple[list[Any], Any]:
    """The tensors of a result, and the gradient of their weighted sum by the input."""
    kind = of.int64 if x.dtype.kind == "i" else of.float32
    given = of.tensor(x, dtype=kind)
    given = given if x.dtype.kind == "i" else given.requires_grad_()
    made = layer(*(given,) * (2 if name in TWICE else 3 if name in THRICE else 1))
    parts = flat(made)
    rng = np.random.default_rng(5)
    loss = sum((part * of.tensor(rng.normal(size=tuple(part.shape)), dtype=of.float32)).sum() for part in parts)
    loss.backward()
    gradients = [given.grad if x.dtype.kind != "i" else None, *(p.grad for p in layer.parameters())]
    return [part.detach().numpy() for part in parts], [None if g is None else g.numpy() for g in gradients]


def flat(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [part for one in result for part in flat(one)]
    return [] if result is None else [result]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_state_of_torchs_loads_and_computes_the_same(name: str, size: str, tmp_path: Path) -> None:
    if size == "no batch" and name in NO_BATCH:
        pytest.skip("torch takes no empty batch here")
    theirs, ours = both(name, tmp_path)
    shape = (SIZES[size], *LAYERS[name][1])
    rng = np.random.default_rng(11)
    table = name in ("Embedding", "EmbeddingBag")
    x = rng.integers(0, 6, shape) if table else rng.normal(size=shape).astype(np.float32)
    try:
        expected, wanted = called(torch, theirs, name, x)
    except (RuntimeError, ValueError, IndexError) as refused:
        pytest.skip(f"torch: {refused}")
    found, gradients = called(weft, ours, name, x)
    for a, b in zip(expected, found, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)
    for a, b in zip(wanted, gradients, strict=True):
        if a is not None:
            assert b is not None
            np.testing.assert_allclose(b, a, rtol=2e-3, atol=1e-4)


def test_every_layer_with_parameters_is_in_the_table() -> None:
    there = {type(part).__name__ for make, _ in LAYERS.values() for part in make(nn).modules()}
    kinds = {name: getattr(nn, name) for name in dir(nn)}
    layers = {name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, nn.Module)}
    lists = {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
    without = set()
    for name in layers - there - lists:
        try:
            made = getattr(nn, name)()
        except Exception:  # it takes arguments, whatever they are
            continue
        if not list(made.parameters()):
            without.add(name)
    rest = layers - there - lists - without
    assert {name for name in rest if name.startswith(TRAINED)} == set(), rest


TRAINED = ("Linear", "Conv", "BatchNorm", "Group", "Layer", "RMS", "RNN", "LSTM", "GRU", "Embedding", "Multihead",
           "Transformer", "Bilinear", "PReLU")  # fmt: skip
"""How the names of layers with parameters begin."""
