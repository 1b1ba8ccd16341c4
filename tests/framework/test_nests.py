"""Nested checkpoints: what is saved comes back, other readers find the arrays, and hostile files are refused."""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save as encode
from safetensors.numpy import save_file

from weft.framework import nn
from weft.framework.checkpoint import load, save
from weft.framework.errors import CheckpointError
from weft.framework.nesting import KEY
from weft.framework.random import Generator
from weft.framework.tensor import Tensor, tensor

STATE: dict[str, Any] = {
    "model": {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "0.bias": tensor([1.0], dtype="bfloat16")},
    "optimizer": {
        "state": {0: {"step": 3, "exp_avg": np.ones(2)}, 1: {}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1], "foreach": None, "nesterov": False}],
    },
    "scheduler": {"last_epoch": 7, "base_lrs": [0.1, 1e-300], "best": math.inf, "mode": "min", "_step_count": 2**70},
    "losses": [],
    "note": "größer\n\x00",
    "": (),
}


def same(mine: Any, other: Any) -> bool:
    """Whether two nests are the same, types and bits; tensors come back as arrays."""
    if isinstance(other, Tensor | np.ndarray | np.generic):
        array = other.numpy() if isinstance(other, Tensor) else np.asarray(other)
        return isinstance(mine, np.ndarray) and (mine.dtype, mine.shape, mine.tobytes()) == (
            array.dtype, array.shape, array.tobytes())  # fmt: skip
    if isinstance(other, dict):
        return type(mine) is dict and list(mine) == list(other) and all(same(mine[key], other[key]) for key in other)
    if isinstance(other, list | tuple):
        return type(mine) is type(other) and len(mine) == len(other) and all(map(same, mine, other))
    return type(mine) is type(other) and (mine == other or mine != mine)


def test_a_whole_training_comes_back(tmp_path: Path) -> None:
    save(STATE, tmp_path / "f")
    assert same(load(tmp_path / "f"), STATE)
    with safe_open(tmp_path / "f", "numpy") as file:
        assert sorted(file.keys()) == ["model.0.bias", "model.0.weight", "optimizer.state.0.exp_avg"]
        assert "nesterov" in file.metadata()[KEY]


@pytest.mark.parametrize("state", [[np.ones(2)], (np.ones(2), 3), np.ones(2), tensor(3), [], {"a": [1.5, "x"]}])
def test_any_nest_is_a_state(state: Any, tmp_path: Path) -> None:
    save(tmp_path / "f", state)
    assert same(load(tmp_path / "f"), state)


def drawn(chance: random.Random, depth: int) -> Any:
    """A nest, drawn at random."""
    kind = chance.choice(["array", "tensor", "scalar", "leaf", *(["list", "tuple", "dict"] if depth else [])])
    if kind in ("list", "tuple"):
        parts = [drawn(chance, depth - 1) for _ in range(chance.randint(0, 3))]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        keys = ["a", "b.c", "a.b", "", "\x1b", 3, -1, "__metadata__", "array", "é" * 600]
        return {key: drawn(chance, depth - 1) for key in chance.sample(keys, chance.randint(0, 4))}
    shape = tuple(chance.randint(0, 3) for _ in range(chance.randint(0, 3)))
    types = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.int32, np.int64, np.bool_]
    array = np.asarray(np.random.default_rng(chance.randint(0, 99)).integers(0, 2, shape)).astype(chance.choice(types))
    if kind == "array":
        return array
    if kind == "tensor":
        return tensor(chance.randint(-5, 5), dtype=chance.choice(["float32", "int64", "bfloat16"]))
    if kind == "scalar":
        return np.float32(chance.random())
    return chance.choice([None, True, False, 0, -7, 2**100, 1.5, -0.0, 1e-320, math.nan, -math.inf, "", "text", "{}"])


def test_random_nests_come_back(tmp_path: Path) -> None:
    chance = random.Random(8)
    for _ in range(300):
        state = {
            "plain": None,
            "state": drawn(chance, 4),
            **({"more": drawn(chance, 2)} if chance.random() < 0.5 else {}),
        }
        save(tmp_path / "f", state)
        assert same(load(tmp_path / "f"), state)
        assert (tmp_path / "f").read_bytes() == (save(tmp_path / "g", state), (tmp_path / "g").read_bytes())[1]


def test_arrays_by_name_are_written_as_safetensors_writes_them(tmp_path: Path) -> None:
    """To the byte, so that files of arrays alone are the same whoever wrote them."""
    arrays: dict[str, Any] = {"b": np.arange(3), "a.weight": np.ones((2, 2), np.float32)}
    for metadata in (None, {"epoch": "3"}):
        save(tmp_path / "f", OrderedDict(arrays), metadata)
        save_file(arrays, tmp_path / "g", metadata)
        assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes()


def test_other_classes_of_dictionaries_come_back_as_plain_ones(tmp_path: Path) -> None:
    save(tmp_path / "f", {"a": OrderedDict(b=1)})
    assert type(load(tmp_path / "f")["a"]) is dict


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, nn.Linear(1, 1), float])
def test_what_is_no_state_is_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"a.1 is a {type(value).__name__}; what is saved are arrays"):
        save(tmp_path / "f", {"a": [0, value]})
    assert not list(tmp_path.iterdir())


def test_nests_that_cannot_be_written(tmp_path: Path) -> None:
    own: list[Any] = []
    own.append(own)
    cases: list[tuple[Any, str]] = [
        ([own], "is nested more than 100 deep; it is not saved"),
        ({"a": {(1, 2): 3}}, r"a: keys are texts and ints, not \(1, 2\)"),
        ({"a": {np.int64(3): 3}}, "a: keys are texts and ints, not"),
        ({"a": "\ud800"}, "a has a text with half of a character"),
        ({"a": {"\ud800": 1}}, "a has a text with half of a character"),
        ({"a": [1 << 5000, None]}, "a.0 is an integer of 5001 bits, of 4096 at most"),
        ({"a": "x" * (1 << 24)}, "what is no array in the state takes 16,777,2.. bytes, and 16,777,216 at most; make"),
        ({"a": {"b": np.zeros(2, complex)}}, "'a.b' is complex128; what can be stored is F64"),
    ]
    for state, message in cases:
        with pytest.raises(CheckpointError, match=message):
            save(tmp_path / "f", state)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * 120 + "]" * 120, "nested more than 100 deep"),
        ('{"array":"y"}', "the key 'y' is missing"),
        ('[{"array":"x"},{"array":"x"}]', "the array x comes twice"),
        ('{"array":["x"]}', "unhashable"),
        ("[]", "nothing of the array 'x'"),
        ("7", "nothing of the array 'x'"),
        ('{"tuple":3}', "a tuple of no list"),
        ('{"tuple":"ab"}', "a tuple of no list"),
        ('{"dict":{}}', "a dict of no list"),
        ('{"dict":[[1]]}', "not enough values"),
        ('{"dict":[[[1],2]]}', "a key comes twice, or is no text or int"),
        ('{"dict":[[1,2],[1,3]]}', "a key comes twice"),
        ('{"float":"1e999"}', "the key '1e999' is missing"),
        ('{"exec":"x"}', "unknown kind 'exec'"),
        ('{"array":"x","dict":[]}', "2 kinds of one value"),
        ("NaN", "NaN is no JSON number"),
        ("9" * 5000, "a number has more than 4300 digits"),
        ('"\\ud800"', "half of a character"),
        ('{"dict"', "delimiter|Expecting"),
        (" " * ((1 << 24) + 1), "16,777,217 bytes, 16,777,216 at most"),
    ],
    ids=range(21),
)
def test_hostile_structures(state: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(encode({"x": np.ones(1)}, {KEY: state}))
    with pytest.raises(
        CheckpointError, match=rf"f: damaged: how its parts lie together is not to be understood.*{message}"
    ):
        load(tmp_path / "f")


# Between weft and torch


def torch_kinds() -> dict[str, Any]:
    """torch's tensors of every element type that weft stores."""
    torch = pytest.importorskip("torch")
    names = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "bool")
    return {name: torch.tensor([[0, 1], [1, 0]]).to(getattr(torch, name)) for name in names}


def test_a_state_of_torchs_loads_into_an_equal_model(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    files.save_file(theirs.state_dict(), tmp_path / "f")
    ours = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    ours.load_state_dict(load(tmp_path / "f"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(ours(tensor(x)).numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)
    for name, value in ours.state_dict().items():
        assert np.asarray(value).tobytes() == theirs.state_dict()[name].numpy().tobytes()


def test_element_types_go_both_ways(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    kinds = torch_kinds()
    files.save_file(kinds, tmp_path / "f")
    mine = load(tmp_path / "f")
    assert {name: value.dtype.name for name, value in mine.items()} == {name: name for name in kinds}
    save(tmp_path / "g", mine)
    back = files.load_file(tmp_path / "g")
    for name, value in kinds.items():
        assert back[name].dtype == value.dtype
        assert torch.equal(back[name], value)

    class Kinds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("short", tensor([[9.0, 9.0]] * 2, dtype="bfloat16"))
            self.register_buffer("count", tensor([[9, 9]] * 2, dtype="int64"))

    model = Kinds()
    model.load_state_dict({"short": mine["bfloat16"], "count": mine["int64"]})
    assert model.state_dict()["short"].tolist() == model.state_dict()["count"].tolist() == [[0, 1], [1, 0]]


def test_a_state_of_ours_loads_in_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    ours = nn.Sequential(nn.Linear(4, 3, generator=Generator(3)), nn.ReLU())
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    save(ours.state_dict(), tmp_path / "f")
    theirs.load_state_dict(files.load_file(tmp_path / "f"))
    for name, value in theirs.state_dict().items():
        assert value.numpy().tobytes() == np.asarray(ours.state_dict()[name]).tobytes()


def test_torchs_optimizer_state_goes_through_a_file(tmp_path: Path) -> None:
    """Parameter groups and state by number, as torch nests them."""
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter], lr=0.1)
    (parameter.sum() * 2).backward()
    optimizer.step()
    state = optimizer.state_dict()
    state["state"] = {i: {name: value.numpy() for name, value in one.items()} for i, one in state["state"].items()}
    save(tmp_path / "f", state)
    assert same(load(tmp_path / "f"), state)
