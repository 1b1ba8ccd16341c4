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
