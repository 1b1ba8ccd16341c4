"""Walks over rows: nested counters, and addresses that follow them by strides."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

STRIDE_BITS = 20
"""Width of a stride of a local address."""


def counts_layout(widths: Sequence[int]) -> data.StructLayout:
    """Iterations less one of every level: ``level0``, ..."""
    return data.StructLayout({f"level{i}": width for i, width in enumerate(widths)})


def strides_layout(levels: int, bits: int = STRIDE_BITS) -> data.StructLayout:
    """The stride of every level in bytes: ``level0``, ..."""
    return data.StructLayout({f"level{i}": signed(bits) for i in range(levels)})


class RowCounter(wiring.Component):
    """Nested counters, level 0 fastest. ``load`` starts a walk of ``counts[i] + 1`` iterations at every level;
    ``step`` goes on to the next row. ``ends[i]``: the walk is in the last iteration of levels 0 to i. A load wins.

    Parameters
    ----------
    widths: bits of the counts, level 0 first.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self.widths = tuple(widths)
        super().__init__(
            {
                "load": In(1),
                "step": In(1),
                "counts": In(counts_layout(self.widths)),
                "ends": Out(len(self.widths)),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ended: Signal | None = None
        for i, width in enumerate(self.widths):
            count, left = Signal(width, name=f"count{i}"), Signal(width, name=f"left{i}")
            with m.If(self.load):
                m.d.sync += [count.eq(self.counts[f"level{i}"]), left.eq(self.counts[f"level{i}"])]
            with m.Elif(self.step if ended is None else self.step & ended):
                with m.If(left == 0):
                    m.d.sync += left.eq(count)
                with m.Else():
                    m.d.sync += left.eq(left - 1)
            here = (left == 0) if ended is None else (left == 0) & ended
            ended = Signal(name=f"ended{i}")  # bits of ``ends`` in terms of each other would look like a loop to tools
            m.d.comb += [ended.eq(here), self.ends[i].eq(ended)]
        m.d.comb += self.last.eq(self.ends[-1])
        return m


class AddressWalker(wiring.Component):
    """The address that follows a :class:`RowCounter`. ``load`` takes ``base`` and the strides; a ``step`` with
    ``ends[i - 1]`` and not ``ends[i]`` adds ``stride<i>`` to the address at which level ``i`` stands. A load wins.

    Parameters
    ----------
    bits: width of the address; it wraps.
    levels: how many strides.
    stride_bits: width of a stride, signed.
    """

    def __init__(self, bits: int, levels: int, stride_bits: int = STRIDE_BITS) -> None:
        self.bits, self.levels, self.stride_bits = bits, levels, stride_bits
        super().__init__(
            {
                "load": In(1),
                "base": In(bits),
                "strides": In(strides_layout(levels, stride_bits)),
                "step": In(1),
                "ends": In(levels),
                "address": Out(bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = range(self.levels)
        strides = [Signal(signed(self.stride_bits), name=f"stride{i}", reset_less=True) for i in bits]
        at = [Signal(self.bits, name=f"at{i}", reset_less=True) for i in bits]
        with m.If(self.load):
            m.d.sync += [signal.eq(self.base) for signal in at]
            m.d.sync += [stride.eq(self.strides[f"level{i}"]) for i, stride in enumerate(strides)]
        with m.Elif(self.step):
            for level in bits:  # the highest level whose lower ones all end wins, as it is assigned last
                with m.If(self.ends[level - 1] if level else 1):
                    there = at[level] + strides[level]
                    m.d.sync += [signal.eq(there) for signal in at[: level + 1]]
        m.d.comb += self.address.eq(at[0])
        return m
