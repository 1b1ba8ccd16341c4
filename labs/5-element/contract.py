"""What an element promises of its weight and its sum, as formulas of the inputs of all cycles so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import z3
from formal import Cycle

NARROW = {"bits": 3, "sum_bits": 8}
"""The widths of proofs. Products of unknown numbers are hard for a solver: with 3 bits a column takes it a second,
with 8 one element alone takes it ten."""


def truth(bit: Any) -> Any:
    """One bit as a condition."""
    return bit == z3.BitVecVal(1, 1)


def latest(pairs: Iterable[tuple[Any, Any]], otherwise: Any) -> Any:
    """The value whose condition was the last to hold."""
    for condition, value in pairs:
        otherwise = z3.If(condition, value, otherwise)
    return otherwise


def weight_of(cycles: Sequence[Cycle], activation: str, weight: str) -> Any:
    """The weight in the last of the cycles: what had arrived last before the last ``first``."""
    arrivals = [
        (z3.And(truth(c[f"{weight}.valid"]), c[f"{weight}.hops"] == 0), c[f"{weight}.value"]) for c in cycles
    ]
    none = z3.BitVecVal(0, NARROW["bits"])
    starts = [(truth(c[f"{activation}.first"]), latest(arrivals[:t], none)) for t, c in enumerate(cycles)]
    return latest(starts, none)


def term(cycles: Sequence[Cycle], activation: str, weight: Any) -> Any:
    """What an element adds to its sum for the last of the cycles."""
    wide = NARROW["sum_bits"] - NARROW["bits"]
    full = z3.SignExt(wide, cycles[-1][f"{activation}.value"]) * z3.SignExt(wide, weight)
    return z3.If(truth(cycles[-1][f"{activation}.active"]), full, z3.BitVecVal(0, NARROW["sum_bits"]))
