"""Element types and torch's promotion rules between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import ml_dtypes
import numpy as np

from weft.framework.errors import DTypeError

Kind = Literal["bool", "int", "float"]
Rank = Literal["dimensioned", "zero-dimensional", "python"]


@dataclass(frozen=True, eq=False)
class DType:
    """An element type: its ``name``, ``kind``, size ``bits`` in storage, and the NumPy dtype that stores it.

    There is one object for each type, so they are compared by identity, also after copying and pickling.
    """

    name: str
    kind: Kind
    bits: int
    numpy: np.dtype[Any]

    @property
    def signed(self) -> bool:
        """Whether there are negative values of this type."""
        return self.numpy.kind != "u" and self.kind != "bool"

    @property
    def is_float(self) -> bool:
        """Whether gradients can flow through values of this type."""
        return self.kind == "float"

    @property
    def itemsize(self) -> int:
        """Bytes an element takes in memory (a bool takes one)."""
        return self.numpy.itemsize

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


float32 = DType("float32", "float", 32, np.dtype(np.float32))
float64 = DType("float64", "float", 64, np.dtype(np.float64))
bfloat16 = DType("bfloat16", "float", 16, np.dtype(ml_dtypes.bfloat16))
int8 = DType("int8", "int", 8, np.dtype(np.int8))
int32 = DType("int32", "int", 32, np.dtype(np.int32))
int64 = DType("int64", "int", 64, np.dtype(np.int64))
uint8 = DType("uint8", "int", 8, np.dtype(np.uint8))
uint32 = DType("uint32", "int", 32, np.dtype(np.uint32))
bool_ = DType("bool", "bool", 8, np.dtype(np.bool_))

DTYPES: dict[str, DType] = {d.name: d for d in (float32, float64, bfloat16, int8, int32, int64, uint8, uint32, bool_)}
"""Every element type by name."""

_BY_NUMPY = {d.numpy: d for d in DTYPES.values()}
_STORED_AS = {
    "float16": float32,
    **dict.fromkeys(("int16", "uint16"), int32),
    "uint64": int64,
}
"""NumPy types that have no element type of their own, and the one their values are stored in."""

_CATEGORY = {"bool": 0, "int": 1, "float": 2}
_RANKS: tuple[Rank, ...] = ("dimensioned", "zero-dimensional", "python")
_DEFAULT = {"bool": bool_, "int": int32, "float": float32}


def as_dtype(value: DType | str | np.dtype[Any] | type) -> DType:
    """The element type that ``value`` names.

    Takes a DType, its name, or a NumPy dtype (one that is no element type gives the one its values are stored in).
    Raises DTypeError.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    try:
        stored = np.dtype(value)
    except (TypeError, ValueError):
        stored = None
    found = None if stored is None else _BY_NUMPY.get(stored) or _STORED_AS.get(stored.name)
    if found is None:
        raise DTypeError(f"unknown element type {value!r}; known: {', '.join(DTYPES)}")
    return found


def data_dtype(stored: np.dtype[Any]) -> DType:
    """The element type that data take which come as NumPy type ``stored`` and name none.

    Numbers wider than 32 bits become float32 and int32, as Python's do: NumPy makes float64 and int64 of whatever
    nobody chose a type for. Raises DTypeError.
    """
    dtype = as_dtype(stored)
    return {int64: int32, float64: float32}.get(dtype, dtype)


def promote(a: DType, b: DType) -> DType:
    """The type two tensors of one rank promote to, as in torch: float over int over bool, then the wider.

    Of a signed and an unsigned type of which neither holds the other's numbers it is the next wider signed one that
    there is (int8 and uint8: int32, where torch has int16).
    """
    if a.kind != b.kind:
        return a if _CATEGORY[a.kind] > _CATEGORY[b.kind] else b
    wide, narrow = (a, b) if a.bits >= b.bits else (b, a)
    if a.kind != "int" or wide.signed == narrow.signed or (wide.signed and wide.bits > narrow.bits):
        return wide
    return int32 if wide.bits < 32 else int64


def holds(target: DType, source: DType) -> bool:
    """Whether ``target`` has every value of ``source``, so that a cast there loses nothing."""
    if source is target or source.kind == "bool":
        return True
    if _CATEGORY[source.kind] > _CATEGORY[target.kind]:
        return False
    if target.is_float:  # of the floats each wider one has the exponents too
        return _digits(target) >= (_digits(source) if source.is_float else source.bits - source.signed)
    inner, outer = np.iinfo(source.numpy), np.iinfo(target.numpy)
    return outer.min <= inner.min and inner.max <= outer.max


def _digits(dtype: DType) -> int:
    """The significant bits of a float type, the hidden one included."""
    of_type: Any = ml_dtypes.finfo
    return int(of_type(dtype.numpy).nmant) + 1


def result_type(operands: Iterable[tuple[DType, Rank]]) -> DType:
    """The element type of an operation on ``operands``, by torch's rule.

    A zero-dimensional tensor raises the type of dimensioned ones only if it is of a higher kind, and a Python number
    only if it is of a higher kind than every tensor; it then brings that kind's default (float32, int32).
    """
    best: dict[Rank, DType] = {}
    for dtype, rank in operands:
        best[rank] = promote(best[rank], dtype) if rank in best else dtype
    result: DType | None = None
    for rank in _RANKS:
        found = best.get(rank)
        if found is None or (result is not None and _CATEGORY[found.kind] <= _CATEGORY[result.kind]):
            continue
        result = _DEFAULT[found.kind] if rank == "python" else found
    if result is None:
        raise DTypeError("an operation needs at least one operand")
    return result


def python_dtype(value: bool | int | float) -> DType:
    """The element type that a Python number stands for: bool, int32 or float32."""
    if isinstance(value, bool):
        return bool_
    return int32 if isinstance(value, int) else float32
