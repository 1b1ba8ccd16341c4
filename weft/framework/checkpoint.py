"""Checkpoints in the safetensors format: named arrays, no code, checked before anything is believed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import ml_dtypes
import numpy as np

from weft.base.files import replacing
from weft.base.reading import shown
from weft.framework.dtypes import DTYPES, DType, bfloat16
from weft.framework.errors import CheckpointError
from weft.framework.nesting import KEY, is_nested, put_together, taken_apart
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor

STORED: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": bfloat16.numpy,
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I8": np.dtype(np.int8),
    "U32": np.dtype(np.uint32),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}
"""safetensors' names of the types that a tensor can be made of."""
_STATES = (Mapping, list, tuple, Tensor, np.ndarray)
_MOST_HEADER = 100_000_000  # bytes: safetensors' own limit
_MOST_NAME = 1000  # characters of a tensor's name
_CHUNK = 1 << 24


def save(
    path: Any,
    state: Any,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays or tensors (and text) to ``path``, all or nothing, on the disk before it is seen.

    A state of several parts, such as ``{"model": model.state_dict(), "losses": [0.5], "epoch": 3}``,
    comes back as it is: dictionaries, lists, tuples, texts, None, and numbers among them as numbers; tensors come back
    as arrays. Every reader of safetensors finds the arrays, under the keys that lead to them. torch's order,
    (state, path), is as good. A symbolic link stays one; a file that is there keeps its mode.
    Raises CheckpointError.
    """
    from safetensors.numpy import save as encode

    if isinstance(path, _STATES) and isinstance(state, str | Path):
        path, state = state, path
    if not isinstance(path, str | Path) or not isinstance(state, _STATES):
        raise CheckpointError(
            f"{user_line()}: save takes named arrays and a path, as in weft.save(model.state_dict(), "
            f'"model.safetensors"), not a {type(path).__name__} and a {type(state).__name__}'
        )
    target = Path(path)
    nested = is_nested(state)
    wrong = None if nested else next((name for name in state if not isinstance(name, str)), None)
    if wrong is not None:
        raise CheckpointError(f"{user_line()}: arrays are saved under names, which {wrong!r} is not")
    texts = dict(metadata or {})
    if nested:
        state, texts[KEY] = taken_apart(state)
    arrays = {name: _storable(target, name, value) for name, value in state.items()}
    content = _ordered(encode(arrays, texts or None))
    try:
        with replacing(target) as whole:
            whole.write_bytes(content)
    except OSError as error:
        raise CheckpointError(f"{target}: cannot write the checkpoint: {error.strerror or error}") from None


def load(path: str | Path, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """The named arrays in ``path``, or the nested state that was saved there.

    map_location: taken for torch's sake; arrays are the host's, and a model that loads them stays where it is.
    weights_only: True, as nothing but arrays, numbers and texts is ever read. Raises CheckpointError saying what is
    wrong with the file.
    """
    if not weights_only:
        raise CheckpointError(f"{user_line()}: weights_only=False would read objects, and run what is in them")
    arrays, metadata = load_with_metadata(path)
    return dict(arrays) if KEY not in metadata else put_together(metadata[KEY], arrays, shown(str(path), 4096))


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its texts in the order of their names: the library's order is another in every run."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def load_with_metadata(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The named arrays in ``path``, flat, and the text beside them. Raises CheckpointError as ``load`` does."""
    from safetensors import SafetensorError, deserialize

    if not isinstance(path, str | Path):
        raise CheckpointError(f"{user_line()}: load takes a path, not a {type(path).__name__}")
    untyped: Any = deserialize  # safetensors gives it no types
    where = shown(str(path), 4096)
    try:
        with Path(path).open("rb") as file:
            raw = _content(where, file)
        arrays = {name: _array(where, name, entry) for name, entry in untyped(raw)}
        return arrays, json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    except OSError as error:
        raise CheckpointError(f"{where}: cannot read the checkpoint: {error.strerror or error}") from None
    except CheckpointError:
        raise
    except MemoryError:
        raise CheckpointError(f"{where}: its tensors need more memory than there is") from None
    except (SafetensorError, ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{where}: damaged safetensors file: {shown(str(error), 200)}") from None


def _content(where: str, file: BinaryIO) -> bytes:
    """The bytes of a checkpoint: no more of them than its header says there are, whatever ``file`` is."""
    length = file.read(8)
    size = int.from_bytes(length, "little")
    header = file.read(size) if len(length) == 8 and size <= _MOST_HEADER else b""
    if len(header) < max(size, 2):
        count = len(length) + len(header)
        raise CheckpointError(
            f"{where}: not a safetensors file, or truncated: its {count} bytes are fewer than its header says"
            if size <= _MOST_HEADER
            else f"{where}: not a safetensors file, or truncated: its header would be {size:,} bytes"
        )
    wanted, parts = 1, [length, header]  # one byte more than there should be, to see whether anything is left over
    with contextlib.suppress(ValueError, OverflowError, LookupError, TypeError, AttributeError, RecursionError):
        entries = [one for name, one in json.loads(header).items() if name != "__metadata__"]
        wanted += max((int(one["data_offsets"][1]) for one in entries), default=0)
    while wanted > 0 and (part := file.read(min(wanted, _CHUNK))):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def fitted(name: str, value: Any, like: Tensor) -> Array:
    """``value`` (an array, tensor or number) for the place of ``like``, in its element type.

    Raises CheckpointError, naming ``name``, for another shape, for what is no real number, and for values that the
    element type cannot hold: those out of its range, and fractions where it has integers.
    """
    dtype = like.dtype
    try:
        array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
    except ValueError:
        raise CheckpointError(f"{name} is {list(like.shape)} in the model, but a ragged list in the state") from None
    if array.shape != like.shape:
        raise CheckpointError(f"{name} is {list(like.shape)} in the model, but {list(array.shape)} in the state")
    if array.dtype.kind not in "biuf" and array.dtype != bfloat16.numpy:
        raise CheckpointError(f"{name} is {dtype} in the model, but {array.dtype} in the state; give real numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        made = array.astype(dtype.numpy)
        lost = np.isfinite(array) & ~np.isfinite(made) if dtype.is_float else made != array
    if lost.any():
        bad = array[lost][0]
        raise CheckpointError(
            f"{name} is {dtype} in the model, but the state holds {bad}; {dtype} holds {_RANGES[dtype.name]}"
        )
    return made


def _range(dtype: DType) -> str:
    if dtype.kind == "bool":
        return "False and True"
    if dtype.kind == "int":
        return f"integers from {np.iinfo(dtype.numpy).min} to {np.iinfo(dtype.numpy).max}"
    limits: Any = ml_dtypes.finfo  # ml_dtypes gives it no types
    return f"magnitudes up to {float(limits(dtype.numpy).max):.3g}"


_RANGES = {name: _range(dtype) for name, dtype in DTYPES.items()}


def _storable(path: Path, name: str, value: Any) -> Array:
    """``value`` as it is stored, of the same shape: rows one after the other, in the machine's own order of bytes."""
    if not isinstance(value, Tensor | np.ndarray | np.generic | bool | int | float | list | tuple):
        raise CheckpointError(
            f"{path}: {name!r} is a {type(value).__name__}; what is saved are arrays and tensors, such as "
            "model.state_dict() holds"
        )
    array = np.asarray(value.numpy() if isinstance(value, Tensor) else value, order="C")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in STORED.values():
        raise CheckpointError(f"{path}: {name!r} is {array.dtype}; what can be stored is {', '.join(STORED)}")
    return array


def _array(path: str, name: str, entry: Mapping[str, Any]) -> Array:
    if not name.isprintable() or len(name) > _MOST_NAME:
        told = f"must be of characters that print, {_MOST_NAME} at most"
        raise CheckpointError(f"{path}: the name {name[:100]!r} of a tensor {told}")
    if entry["dtype"] not in STORED:
        raise CheckpointError(f"{path}: tensor {name!r} is {entry['dtype']}; what can be loaded is {', '.join(STORED)}")
    array = np.frombuffer(bytearray(entry["data"]), STORED[entry["dtype"]]).reshape(entry["shape"])
    if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise CheckpointError(f"{path}: tensor {name!r} is BOOL, and holds bytes that are neither 0 nor 1")
    return array


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("checkpoint", globals())
