"""Checkpoints in the safetensors format: named arrays, no code, checked before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.dtypes import as_dtype
from framework.errors import CheckpointError, DTypeError
from framework.primitives.base import Array
from framework.tensor import Tensor


def save(path: str | Path, state: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays or tensors (and text) to ``path``, all or nothing. Raises CheckpointError."""
    from safetensors.numpy import save as encode

    arrays = {name: np.ascontiguousarray(v.numpy() if isinstance(v, Tensor) else v) for name, v in state.items()}
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_bytes(encode(arrays, dict(metadata) if metadata else None))
        partial.replace(target)
    except OSError as error:
        raise CheckpointError(f"{target}: cannot write the checkpoint: {error.strerror or error}") from None


def load(path: str | Path) -> dict[str, Array]:
    """The named arrays in ``path``. Raises CheckpointError saying what is wrong with the file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as decode

    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint: {error.strerror or error}") from None
    if len(raw) < 8 or int.from_bytes(raw[:8], "little") > len(raw) - 8:
        raise CheckpointError(
            f"{path}: not a safetensors file, or truncated: its {len(raw)} bytes are fewer than its header says"
        )
    try:
        arrays = decode(raw)
        for name, array in arrays.items():
            _check(path, name, array)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged safetensors file: {error}") from None
    return arrays


def _check(path: str | Path, name: str, array: Array) -> None:
    try:
        as_dtype(array.dtype)
    except DTypeError as error:
        raise CheckpointError(f"{path}: tensor {name!r}: {error}") from None
