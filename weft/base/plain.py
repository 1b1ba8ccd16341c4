"""Results as plain data, which ``json.dumps(value, allow_nan=False)`` takes."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]


def elements(values: Any) -> Any:
    """Nested lists of numbers with those that JSON has not as the texts "NaN", "Infinity" and "-Infinity", which
    ``float`` of Python reads."""
    if isinstance(values, list):
        return [elements(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return "NaN" if math.isnan(values) else "Infinity" if values > 0 else "-Infinity"
    return values


def array(value: Numbers) -> dict[str, Any]:
    """An array of numbers: ``dtype``, ``shape`` and ``values``, nested lists (see ``elements``)."""
    known = value.astype(np.float32) if value.dtype.name == "bfloat16" else value
    return {"dtype": value.dtype.name, "shape": list(value.shape), "values": elements(known.tolist())}


def memory(content: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """What is in a memory, too much to list: its size in bytes, and the SHA-256 of them."""
    return {"bytes": len(content), "sha256": hashlib.sha256(np.ascontiguousarray(content).data).hexdigest()}


def outline(value: Numbers) -> str:
    """An array in a word: ``float32[64, 10]``."""
    return f"{value.dtype.name}{list(value.shape)}"
