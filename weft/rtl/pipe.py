"""Delays of values by a number of cycles."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value, ValueLike


def delayed(m: Module, value: ValueLike, cycles: int, name: str, *, control: bool = False) -> Value:
    """``value`` of ``cycles`` cycles ago, as plain bits; 0 before.

    ``control`` bits are cleared by a reset; data bits are not, as what says that they are valid is.
    """
    value = Value.cast(value)
    width = len(value)
    if cycles == 0 or width == 0:
        return value
    chain = Signal(width * cycles, name=name, reset_less=not control)
    m.d.sync += chain.eq(Cat(value, chain))
    return chain[-width:]


def spread(registers: int, places: int) -> list[int]:
    """How many registers stand after each of ``places`` pieces of logic in a row, so that the pieces between two are
    as few as possible. The last place always has one, and all that are more than the places."""
    counts = [0] * places
    used = min(registers, places)
    for i in range(used):
        counts[(i + 1) * places // used - 1] = 1
    counts[-1] += registers - used
    return counts
