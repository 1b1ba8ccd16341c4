"""Checkpoints: what is saved comes back, and a bad file gives one message."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.checkpoint import load, save
from weft.framework.dtypes import DTYPES
from weft.framework.errors import CheckpointError, FrameworkError
from weft.framework.quantisation import quantise
from weft.framework.random import Generator
from weft.framework.tensor import tensor


@pytest.mark.smoke
def test_round_trip(tmp_path: Path) -> None:
    model, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    path = tmp_path / "model.safetensors"
    extra = {"half": tensor([1.5], dtype="bfloat16"), "flag": np.array([True])}
    save(path, {**model.state_dict(), **extra}, {"epoch": "3"})
    state = load(path)
    assert state.pop("half").dtype == ml_dtypes.bfloat16
    assert state.pop("flag").tolist() == [True]
    twin.load_state_dict(state)
    np.testing.assert_array_equal(twin.weight.numpy(), model.weight.numpy())
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:40], "not a safetensors file, or truncated: its 40 bytes are fewer than its header says"),
        (lambda raw: b"", "not a safetensors file, or truncated: its 0 bytes"),
        (lambda raw: raw[:-4], "damaged safetensors file: .*"),
        (lambda raw: raw[:8] + b"#" + raw[9:], "damaged safetensors file: .*header"),
        (lambda raw: raw.replace(b'"F32"', b'"F16"'), "damaged safetensors file: .*"),
        (lambda raw: raw + b"x", "damaged safetensors file: .*"),
        (lambda raw: b"\xff" * 8 + raw[8:], "not a safetensors file, or truncated: its header would be"),
        (lambda raw: _with_header(raw, b"[" * 2000), "damaged safetensors file: .*"),
        (lambda raw: _with_header(raw, b'{"x": 7}'), "damaged safetensors file: .*"),
        (lambda raw: _with_header(raw, b'{"x": {"data_offsets": [0, ' + b"9" * 5000 + b"]}}"), "damaged safetensors"),
        (lambda raw: raw.replace(b"weight", b"\\u001b"), r"the name '\\x1b' of a tensor must be of characters"),
    ],
)
def test_damaged_files(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = tmp_path / "model.safetensors"
    save(path, nn.Linear(3, 2).state_dict())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=f"model.safetensors: {message}"):
        load(path)


def _with_header(raw: bytes, header: bytes) -> bytes:
    """The checkpoint with another header, and a length that is right for it."""
    end = 8 + int.from_bytes(raw[:8], "little")
    return len(header).to_bytes(8, "little") + header + raw[end:]


def test_no_more_is_read_than_the_header_says(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="/dev/zero: not a safetensors file"):
        load("/dev/zero")
    path = tmp_path / "model.safetensors"
    save(path, {"x": np.zeros(4, np.float32)})
    with path.open("r+b") as file:
        file.truncate(1 << 33)  # 8 GiB that take no place on the disk
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="damaged safetensors file"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_truth_is_one_bit(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, {"x": np.array([True, False])})
    path.write_bytes(path.read_bytes()[:-2] + b"\x02\x00")
    with pytest.raises(CheckpointError, match="tensor 'x' is BOOL, and holds bytes that are neither 0 nor 1"):
        load(path)


def test_places_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none.safetensors: cannot read the checkpoint: No such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint: No such file"):
        save(tmp_path / "no" / "where", {"x": np.zeros(1, np.float32)})


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "f.safetensors.partial"
    theirs.write_text("mine")
    save(tmp_path / "f.safetensors", {"x": np.zeros(1, np.float32)})
    assert theirs.read_text() == "mine"
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="folder: cannot write the checkpoint: Is a directory"):
        save(tmp_path / "folder", {"x": np.zeros(1, np.float32)})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.safetensors", "f.safetensors.partial", "folder"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "f.safetensors"
    save(target, {"x": np.zeros(1, np.float32)})
    before = target.read_bytes()
    seen: list[str] = []

    def replace(whole: Path, target: Path) -> None:
        seen.append(str(whole))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="cannot write the checkpoint: No space left"):
            save(target, {"x": np.ones(1, np.float32)})
    assert len(set(seen)) == 2, "two savers at once do not write one file"
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == before


def test_element_types_that_no_tensor_has(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"z": np.zeros(2, np.uint64)}, tmp_path / "f.safetensors")
    with pytest.raises(CheckpointError, match=r"f.safetensors: tensor 'z' is U64; what can be loaded is F64, F32"):
        load(tmp_path / "f.safetensors")


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (2, 0, 4), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "int32", "bool"])
def test_every_shape_and_element_type_comes_back(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    before = np.random.default_rng(0).integers(0, 2, shape)
    save(tmp_path / "f.safetensors", {"x": tensor(before, dtype=dtype)})
    after = load(tmp_path / "f.safetensors")["x"]
    assert (after.shape, after.dtype) == (shape, DTYPES[dtype].numpy)
    np.testing.assert_array_equal(after.astype(np.int32), before)


def test_layouts_in_memory_do_not_matter(tmp_path: Path) -> None:
    grid = np.arange(6, dtype=np.float32).reshape(2, 3)
    forms = {"turned": grid.T, "fortran": np.asfortranarray(grid), "strided": grid[:, ::2], "big": grid.astype(">f4")}
    save(tmp_path / "f.safetensors", forms)
    for name, value in load(tmp_path / "f.safetensors").items():
        np.testing.assert_array_equal(value, forms[name])


def test_a_quantised_model_comes_back_from_its_file(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)

    def fresh(seed: int, scale: float) -> nn.Module:
        generator = Generator(seed)
        layers = [nn.Linear(6, 5, generator=generator), nn.ReLU(), nn.Linear(5, 3, bias=False, generator=generator)]
        return quantise(nn.Sequential(*layers), x * np.float32(scale))

    model, other = fresh(1, 1), fresh(2, 3)
    save(tmp_path / "f.safetensors", model.state_dict())
    assert not np.array_equal(other(tensor(x)).numpy(), model(tensor(x)).numpy())
    other.load_state_dict(load(tmp_path / "f.safetensors"))
    np.testing.assert_array_equal(other(tensor(x)).numpy(), model(tensor(x)).numpy())


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"f.safetensors: 'z' is complex128; what can be stored is F64, F32"):
        save(tmp_path / "f.safetensors", {"z": np.zeros(2, complex)})
    assert not list(tmp_path.iterdir())


class Kinds(nn.Module):
    """State of every element type."""

    def __init__(self) -> None:
        super().__init__()
        for name in DTYPES:
            self.register_buffer(f"{name}_", tensor([1, 0], dtype=name))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("int8", [300.7, 0], "int8_ is int8 in the model, but the state holds 300.7; int8 holds integers from -128"),
        ("int8", np.array([0, -129]), "the state holds -129; int8 holds"),
        ("int8", [1.5, 0], "the state holds 1.5; int8 holds integers"),
        ("int32", [np.nan, 0], "the state holds nan; int32 holds integers from -2147483648 to 2147483647"),
        ("int32", np.array([0, 1 << 63], np.uint64), "the state holds 9223372036854775808; int32"),
        ("int64", [2.0**63, 0], "the state holds 9.22.*; int64 holds integers from -9223372036854775808 to 9223372"),
        ("int64", np.array([0, 1 << 63], np.uint64), "the state holds 9223372036854775808; int64"),
        ("bool", [1, 2], "the state holds 2; bool holds False and True"),
        ("float32", np.array([1e300, 0]), r"the state holds 1e\+300; float32 holds magnitudes up to 3.4e\+38"),
        ("bfloat16", np.array([0, -3.4e38]), r"the state holds -3.4e\+38; bfloat16 holds magnitudes up to 3.39e\+38"),
        ("float32", [1j, 0], "float32_ is float32 in the model, but complex128 in the state; give real numbers"),
        ("float32", ["a", "b"], "but <U1 in the state; give real numbers"),
        ("float32", [1.0], r"float32_ is \[2\] in the model, but \[1\] in the state"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(name: str, value: object, message: str) -> None:
    model = Kinds()
    before = model.state_dict()
    with pytest.raises(CheckpointError, match=message):
        model.load_state_dict({**{other: array * 0 for other, array in before.items()}, f"{name}_": value})
    for other, array in model.state_dict().items():
        assert array.tolist() == before[other].tolist() == [1, 0], "a refused state changes nothing"


def test_values_that_fit_in_another_type() -> None:
    model = Kinds()
    given: dict[str, list[float]] = {
        "float32": [np.inf, np.nan], "bfloat16": [1.00001, 7], "int8": [-128.0, 127.0], "int32": [True, False],
        "int64": [2.0**40, -(2.0**63)], "bool": [0, 1], "float64": [0.1, 1e300], "uint8": [0, 255.0],
        "uint32": [2.0**32 - 1, 7],
    }  # fmt: skip
    model.load_state_dict({f"{name}_": np.array(value) for name, value in given.items()})
    assert model.state_dict()["int8_"].tolist() == [-128, 127]
    assert model.state_dict()["int64_"].tolist() == [2**40, -(2**63)]
    assert model.state_dict()["uint32_"].tolist() == [2**32 - 1, 7]
    assert model.state_dict()["float64_"].tolist() == [0.1, 1e300]
    assert model.state_dict()["bfloat16_"].tolist() == [1, 7]
    assert np.isnan(model.state_dict()["float32_"][1].item())


def test_an_optimiser_refuses_what_does_not_fit() -> None:
    optimizer = optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1, momentum=0.9)
    whole = optimizer.state_dict()
    for entry, message in (
        (
            {"momentum_buffer": np.ones(1)},
            r"momentum_buffer of parameter 1 is \[2\] in the model, but \[1\] in the state",
        ),
        (
            {"momentum_buffer": np.ones(2) * 1j},
            "momentum_buffer of parameter 1 is float32 in the model, but complex128",
        ),
        ({"sum": np.ones(2)}, "the state of parameter 1 .* this SGD: missing momentum_buffer; unknown sum"),
    ):
        with pytest.raises(CheckpointError, match=message):
            optimizer.load_state_dict({**whole, "state": {0: {"momentum_buffer": np.ones((2, 3))}, 1: entry}})
        assert optimizer.state_dict()["state"][0]["momentum_buffer"].sum() == 0, "all or nothing"
    with pytest.raises(
        CheckpointError, match=r"the optimiser's groups have \[2\] parameters, but \[2, 1\] in the state"
    ):
        optimizer.load_state_dict({**whole, "param_groups": [*whole["param_groups"], {"params": [2]}]})
    with pytest.raises(FrameworkError, match="the learning rate must not be negative; it is -1"):
        optimizer.load_state_dict({**whole, "param_groups": [{**whole["param_groups"][0], "lr": -1}]})


def test_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {
        "model": {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "0.bias": np.zeros(2, np.int8)},
        "optimizer": {
            "state": {0: {"m": np.ones(2, np.float32)}, 1: {}},
            "groups": [{"lr": 0.1, "betas": (0.9, 0.99)}],
        },
        "epoch": 3,
        "best": float("inf"),
        "third": 1 / 3,
        "name": "\u03b2 net",
        "done": False,
        "nothing": None,
        "empty": [],
        "a.b": np.zeros(1, np.float32),
        "a": {"b": np.ones(1, np.float32)},
        "tensor": nn.Linear(1, 1).weight * 0 + 2,
    }
    save(tmp_path / "f", state)
    found = load(tmp_path / "f")
    assert list(found) == list(state)
    assert found["model"]["0.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["model"]["0.bias"].dtype == np.int8
    assert found["optimizer"]["state"][0]["m"].tolist() == [1, 1]
    assert (found["a.b"].tolist(), found["a"]["b"].tolist(), found["tensor"].tolist()) == ([0], [1], [[2]])
    assert found["optimizer"]["groups"] == [{"lr": 0.1, "betas": (0.9, 0.99)}]
    plain = ("epoch", "best", "third", "name", "done", "nothing", "empty")
    assert [found[key] for key in plain] == [state[key] for key in plain]
    assert [type(found[key]) for key in plain] == [type(state[key]) for key in plain]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {1.5: 2}}, r"test_checkpoint.py:\d+: a: keys are texts and ints, not 1.5"),
        ({"a": {"b": [object()]}}, r"test_checkpoint.py:\d+: a.b.0 is a object; what is saved are arrays, tensors"),
    ],
)
def test_what_nested_state_cannot_hold(value: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        save(tmp_path / "f", value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "3",
        "[]",
        '{"dict": [["a", {"array": "y"}]]}',
        '{"dict": [["a", 1], ["a", 2]]}',
        '{"dict": [[[], 1]]}',
        '{"dict": [["a", {"array": "x"}], ["b", {"array": "x"}]]}',
        '{"odd": 1}',
        '{"dict": 1}',
        '{"dict": [["a", {"float": "1"}]]}',
        '{"dict": [["a", ' + "[" * 200 + "]" * 200 + "]]}",
    ],
)
def test_damaged_nests_are_refused(text: str, tmp_path: Path) -> None:
    save(tmp_path / "f", {"x": np.ones(1, np.float32)}, {"weft.nest": text})
    with pytest.raises(CheckpointError, match="f: damaged: "):
        load(tmp_path / "f")
