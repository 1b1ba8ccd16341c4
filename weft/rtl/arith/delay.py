"""A chain of registers, to be placed behind combinational logic so that synthesis can move them into it."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Delay(wiring.Component):
    """``o`` is ``i`` of ``cycles`` cycles ago, 0 before that; ``cycles`` 0 is a wire.

    Parameters
    ----------
    shape: the shape of ``i`` and ``o``.
    cycles: how many registers, 0 or more.
    """

    def __init__(self, shape: Any, cycles: int) -> None:
        self.cycles = cycles
        self._shape = shape
        super().__init__({"i": In(shape), "o": Out(shape)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        value = self.i
        for index in range(self.cycles):
            # Data need no reset: what validates them does.
            stage = Signal(self._shape, name=f"stage{index}", reset_less=True)
            m.d.sync += stage.eq(value)
            value = stage
        m.d.comb += self.o.eq(value)
        return m
