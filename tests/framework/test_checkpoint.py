"""Checkpoints: what is saved comes back, and a bad file gives one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from framework import nn
from framework.checkpoint import load, save
from framework.errors import CheckpointError
from framework.tensor import tensor


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
    ],
)
def test_damaged_files(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = tmp_path / "model.safetensors"
    save(path, nn.Linear(3, 2).state_dict())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=f"model.safetensors: {message}"):
        load(path)


def test_places_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none.safetensors: cannot read the checkpoint: No such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint: No such file"):
        save(tmp_path / "no" / "where", {"x": np.zeros(1, np.float32)})


def test_element_types_that_no_tensor_has(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"z": np.zeros(2, np.uint64)}, tmp_path / "f.safetensors")
    with pytest.raises(CheckpointError, match=r"f.safetensors: tensor 'z' is U64; what can be loaded is F64, F32"):
        load(tmp_path / "f.safetensors")
