"""Nested state as named arrays and one text: what a checkpoint of several parts is made of, without any code in it.

Arrays are named by their path (``optimizer.state.0.exp_avg``). The text is JSON that tells how dictionaries, lists,
tuples and plain data lie around them; floats come back with their very bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.base.reading import parse_json, reading, shown
from weft.framework.errors import CheckpointError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor

KEY = "weft.nest"
"""Where a file's metadata have the text."""
_DEEPEST = 100
_MOST_TEXT = 1 << 24  # bytes of the text
_MOST_BITS = 4096  # of an integer
_MOST_NAME = 500  # characters of a name made of keys


def is_nested(state: Any) -> bool:
    """Whether a state is more than numbers and arrays by name, which need no text beside them."""
    if not isinstance(state, Mapping):
        return True
    return any(_is_more(value) for value in state.values())


def _is_more(value: Any, listed: bool = False) -> bool:
    if isinstance(value, list | tuple):
        return any(_is_more(part, True) for part in value)
    return value is None or isinstance(value, str | Mapping) or (listed and not isinstance(value, bool | int | float))


def taken_apart(state: Any) -> tuple[dict[str, Any], str]:
    """The arrays and tensors of a nested state by name, and the text that puts them together again.

    Raises CheckpointError for what is neither a container, nor an array or tensor, nor plain data, and for too much.
    """
    arrays: dict[str, Any] = {}
    text = json.dumps(_written(state, "", arrays, 0), allow_nan=False)
    if len(text) > _MOST_TEXT:
        raise CheckpointError(
            f"{user_line()}: what is no array in the state takes {len(text):,} bytes, and {_MOST_TEXT:,} at most; make "
            "arrays of long lists"
        )
    return arrays, text


def _written(value: Any, path: str, arrays: dict[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        raise CheckpointError(f"{user_line()}: {path[:60]}... is nested more than {_DEEPEST} deep; it is not saved")

    def below(key: Any, part: Any) -> Any:
        return _written(part, f"{path}.{key}" if path else str(key), arrays, depth + 1)

    if isinstance(value, Mapping):
        wrong = next((key for key in value if type(key) not in (str, int)), None)
        if wrong is not None:
            raise CheckpointError(f"{user_line()}: {path or 'the state'}: keys are texts and ints, not {wrong!r:.60}")
        for key in value:
            _check_text(str(key), path)
        return {"dict": [[key, below(key, part)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        parts = [below(i, part) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, Tensor | np.ndarray | np.generic):
        name = "".join(c if c.isprintable() else "_" for c in path[:_MOST_NAME]) or "array"
        while name in arrays or name == "__metadata__":
            name += "_"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise CheckpointError(
            f"{user_line()}: {path} is an integer of {value.bit_length()} bits, of {_MOST_BITS} at most"
        )
    if isinstance(value, str):
        _check_text(value, path)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(
        f"{user_line()}: {path} is a {type(value).__name__}; what is saved are arrays, tensors, numbers, texts, None, "
        "and lists, tuples and dictionaries of these"
    )


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CheckpointError(f"{user_line()}: {path or 'the state'} has a text with half of a character") from None


def put_together(text: str, arrays: Mapping[str, Array], where: str) -> Any:
    """The state that ``taken_apart`` took apart. Raises CheckpointError for a text that is none of its, and for arrays
    that it does not name."""
    used: set[str] = set()
    with reading(f"{where}: damaged: how its parts lie together is not to be understood", CheckpointError):
        if len(text) > _MOST_TEXT:
            raise ValueError(f"{len(text):,} bytes, {_MOST_TEXT:,} at most")
        state = _read(parse_json(text), arrays, used)
        if left := arrays.keys() - used:
            raise ValueError(f"nothing of the array {shown(min(left))!r}")
    return state


def _read(written: Any, arrays: Mapping[str, Array], used: set[str], depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(written, list):
        return [_read(part, arrays, used, depth + 1) for part in written]
    if not isinstance(written, dict):
        return written
    if len(written) != 1:
        raise ValueError(f"{len(written)} kinds of one value")
    ((kind, held),) = written.items()
    if kind in ("dict", "tuple") and not isinstance(held, list):
        raise ValueError(f"a {kind} of no list")
    if kind == "dict":
        pairs = [(key, _read(part, arrays, used, depth + 1)) for key, part in held]
        if any(type(key) not in (str, int) for key, _ in pairs) or len(dict(pairs)) != len(pairs):
            raise ValueError("a key comes twice, or is no text or int")
        return dict(pairs)
    if kind == "tuple":
        return tuple(_read(part, arrays, used, depth + 1) for part in held)
    if kind == "float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[held]
    if kind == "array":
        if held in used:
            raise ValueError(f"the array {held} comes twice")
        used.add(held)
        return arrays[held]
    raise ValueError(f"unknown kind {shown(repr(kind), 40)}")
