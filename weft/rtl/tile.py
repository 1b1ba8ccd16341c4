"""A tile as the matrix unit sees it: fields of the ``matmul`` record, and the slots it occupies."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.fields import INSTRUCTION_BITS
from weft.isa.instructions import BY_NAME, MATMUL_TYPES
from weft.isa.machine import Machine
from weft.isa.operands import OPERANDS, holds
from weft.rtl.interfaces import instruction_layout, log2
from weft.rtl.walker import RowCounter

MATMUL = BY_NAME["matmul"]
COUNT_BITS = tuple(MATMUL.layout[f"count{i}"].field.width for i in range(3))
DEPTH_BITS = MATMUL.layout["k"].field.width


def tile_view(record: Value) -> data.View:
    """The fields of a ``matmul`` record; counts are encoded less one."""
    return data.View(instruction_layout(MATMUL), record)


def accumulates(tile: data.View) -> Value:
    """Whether a tile reads its destination."""
    return Value.cast(holds(OPERANDS["matmul"][2].read, tile.__getitem__))


def is_int8(machine: Machine, tile: data.View) -> Value:
    """Whether a tile multiplies int8; constant on a machine with one type."""
    if len(machine.types) == 1:
        return Const(machine.types[0] == "int8", 1)
    return tile.type == MATMUL_TYPES.index("int8")


def elements(machine: Machine, word: Value, int8: Value) -> Value:
    """The DIM elements of a scratchpad word, each in the width of the largest type."""
    wide, dim = 8 * machine.element_bytes, machine.dim
    if wide == 8:
        return word
    halves = word[: dim * wide]
    if "int8" not in machine.types:
        return halves
    octets = Cat(*(Cat(word[8 * i : 8 * i + 8], Const(0, 8)) for i in range(dim)))
    return Mux(int8, octets, halves)


class TileSlots(wiring.Component):
    """The row slots of the tile that started last, and when the next may start.

    A tile started in ``s`` (``start``, with its ``record``) has slot ``m`` in cycle ``s+1+m``: ``slot``, with ``begin``
    in slot 0 and ``live`` if it holds a row; ``ends`` are those of a walk over three levels (transposed: slots of a
    block, blocks). ``occupied`` is 1 after ``s`` for the occupancy. ``hazard``: ``record`` accumulates and would read
    rows that the tile before has yet to write.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "slot": Out(1),
                "begin": Out(1),
                "live": Out(1),
                "ends": Out(3),
                "occupied": Out(1),
                "hazard": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dim = self.machine.dim
        tile = tile_view(self.record)
        transposed = tile.transpose_a
        blocks = max(COUNT_BITS[1], COUNT_BITS[0] - log2(dim))
        m.submodules.counter = counter = RowCounter((COUNT_BITS[0], blocks, COUNT_BITS[2]))
        slot = Signal()
        begin = Signal()
        m.d.comb += [
            counter.load.eq(self.start),
            counter.counts.level0.eq(Mux(transposed, dim - 1, tile.count0)),
            counter.counts.level1.eq(Mux(transposed, tile.count0 >> log2(dim), tile.count1)),
            counter.counts.level2.eq(Mux(transposed, 0, tile.count2)),
            counter.step.eq(slot),
            self.ends.eq(counter.ends),
            self.slot.eq(slot),
            self.begin.eq(begin),
        ]
        least = Signal(log2(dim))  # cycles for which even the shortest tile still occupies the unit
        m.d.sync += begin.eq(self.start)
        with m.If(self.start):
            m.d.sync += [slot.eq(1), least.eq(dim - 1)]
        with m.Else():
            with m.If(counter.last):
                m.d.sync += slot.eq(0)
            with m.If(least != 0):
                m.d.sync += least.eq(least - 1)
        m.d.comb += self.occupied.eq((slot & ~counter.last) | (least != 0))
        self._live(m, tile, slot)
        self._hazard(m, tile)
        return m

    def _live(self, m: Module, tile: data.View, slot: Value) -> None:
        rows_left = Signal(COUNT_BITS[0])
        whole = Signal()
        rows = Signal()
        with m.If(self.start):
            m.d.sync += [rows_left.eq(tile.count0), whole.eq(~tile.transpose_a), rows.eq(1)]
        with m.Elif(rows_left == 0):
            m.d.sync += rows.eq(0)
        with m.Else():
            m.d.sync += rows_left.eq(rows_left - 1)
        m.d.comb += self.live.eq(slot & (whole | rows))

    def _hazard(self, m: Module, tile: data.View) -> None:
        adder = self.machine.pipeline.accumulate
        same_wait = Signal(range(adder + 2))
        other_wait = Signal(range(adder + 1))
        destination = Cat(tile.d, tile.d_stride0, tile.d_stride1, tile.d_stride2, tile.count0, tile.count1)
        before = Signal(len(destination), reset_less=True)
        with m.If(self.start):
            m.d.sync += [same_wait.eq(adder + 1), before.eq(destination)]
        with m.Elif(same_wait != 0):
            m.d.sync += same_wait.eq(same_wait - 1)
        with m.If(self.live):
            m.d.sync += other_wait.eq(adder)
        with m.Elif(other_wait != 0):
            m.d.sync += other_wait.eq(other_wait - 1)
        with m.If(accumulates(tile)):
            m.d.comb += self.hazard.eq(Mux(destination == before, same_wait != 0, self.live | (other_wait != 0)))
