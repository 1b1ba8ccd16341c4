"""The destination stream of the matrix unit: column sums, added to or written over rows of the accumulator."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Member, Out

from weft.isa.fields import INSTRUCTION_BITS, SEMAPHORES
from weft.isa.machine import Machine
from weft.rtl.arith import Fp32Add
from weft.rtl.cells import place
from weft.rtl.interfaces import accumulator_read, accumulator_row, accumulator_write, log2
from weft.rtl.pipe import delayed
from weft.rtl.tile import COUNT_BITS, DEPTH_BITS, accumulates, is_int8, tile_view
from weft.rtl.walker import AddressWalker, RowCounter, counts_layout, strides_layout


class AccumulateLane(wiring.Component):
    """``total`` is ``sum``, or with ``accumulate`` ``stored + sum`` as fp32 or int32, ``pipeline.accumulate`` cycles
    later."""

    MODULE: ClassVar[str] = "weft_accumulate"

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(self.ports(machine))

    @staticmethod
    def ports(machine: Machine) -> dict[str, Member]:
        """Words in, word out."""
        return {"accumulate": In(1), "int8": In(1), "stored": In(32), "sum": In(32), "total": Out(32)}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        added = Value.cast(self.stored + self.sum)[:32]
        if "bf16" in self.machine.types:
            m.submodules.add = add = Fp32Add()
            m.d.comb += [add.a.eq(self.stored), add.b.eq(self.sum)]
            added = Mux(self.int8, added, add.y) if "int8" in self.machine.types else add.y
        total = Mux(self.accumulate, added, self.sum)
        m.d.comb += self.total.eq(delayed(m, total, self.machine.pipeline.accumulate, "late"))
        return m


class Destination(wiring.Component):
    """Where a tile's sums go. Those of row ``m`` of a tile that started in ``s`` are given in cycle ``E + m``, with
    ``E = s + 3·DIM + DIM·pipeline.mac + 2``. The accumulator is read the cycle before, and written
    ``pipeline.accumulate`` cycles later.

    Tiles wait in a small memory from their start until their sums come. ``release_read`` and ``release_write`` are the
    destination bank's ports in their last cycle of use; ``retire`` comes with the last write.
    """

    def __init__(self, machine: Machine, instances: bool = False) -> None:
        self.machine, self.instances = machine, instances
        banks = machine.accumulator.banks
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "sums": In(data.ArrayLayout(32, machine.dim)),
                "read": Out(accumulator_read(machine)),
                "write": Out(accumulator_write(machine)),
                "release_read": Out(banks),
                "release_write": Out(banks),
                "retire": Out(1),
                "post": Out(SEMAPHORES),
            }
        )
        self._address_bits = log2(machine.accumulator.bytes)
        self._tile = data.StructLayout(
            {
                "address": self._address_bits,
                "strides": strides_layout(3),
                "counts": counts_layout(COUNT_BITS),
                "accumulate": 1,
                "int8": 1,
                "columns": DEPTH_BITS,
                "post": SEMAPHORES,
            }
        )

    def _waiting(self, m: Module) -> tuple[Value, data.View]:
        """Whether a tile's sums begin to come in two cycles, and that tile."""
        machine = self.machine
        tile = tile_view(self.record)
        entry = Signal(self._tile)
        m.d.comb += [
            entry.address.eq(tile.d),
            *(entry.strides[f"level{i}"].eq(tile[f"d_stride{i}"]) for i in range(3)),
            *(entry.counts[f"level{i}"].eq(tile[f"count{i}"]) for i in range(3)),
            entry.accumulate.eq(accumulates(tile)),
            entry.int8.eq(is_int8(machine, tile)),
            entry.columns.eq(tile.n),
            entry.post.eq(tile.post),
        ]
        wait = 3 + machine.pipeline.mac  # in units of DIM cycles, the least between two starts
        depth = 1 << wait.bit_length()
        m.submodules.tiles = tiles = Memory(shape=self._tile, depth=depth, init=[])
        push, pop = tiles.write_port(), tiles.read_port(domain="comb")
        come = delayed(m, self.start, wait * machine.dim, "start_delay", control=True)
        m.d.comb += [push.en.eq(self.start), push.data.eq(entry)]
        with m.If(self.start):
            m.d.sync += push.addr.eq(push.addr + 1)
        with m.If(come):
            m.d.sync += pop.addr.eq(pop.addr + 1)
        return come, pop.data

    def elaborate(self, platform: object) -> Module:
        m = Module()
        come, tile = self._waiting(m)
        m.submodules.counter = counter = RowCounter(COUNT_BITS)
        m.submodules.walker = walker = AddressWalker(self._address_bits, 3)
        walking = Signal()
        current = Signal(self._tile)
        with m.If(come):
            m.d.sync += [walking.eq(1), current.eq(tile)]
        with m.Elif(counter.last):
            m.d.sync += walking.eq(0)
        row = accumulator_row(self.machine, walker.address)
        last = walking & counter.last
        m.d.comb += [
            counter.load.eq(come),
            counter.counts.eq(tile.counts),
            counter.step.eq(walking),
            walker.load.eq(come),
            walker.base.eq(tile.address),
            walker.strides.eq(tile.strides),
            walker.step.eq(walking),
            walker.ends.eq(counter.ends),
            self.read.enable.eq(walking & current.accumulate),
            self.read.row.eq(row),
            self.release_read.eq(Mux(last & current.accumulate, self._bank(row), 0)),
        ]
        self._write(m, Cat(walking, last), row, current)
        return m

    def _bank(self, row: Value) -> Value:
        banks = self.machine.accumulator.banks
        return Value.cast(1 << row[-log2(banks) :])[:banks]

    def _write(self, m: Module, flags: Value, row: Value, current: data.View) -> None:
        """Sums are there a cycle after the walk, and their totals ``pipeline.accumulate`` later."""
        machine, depth = self.machine, self.machine.pipeline.accumulate
        how = delayed(m, Cat(current.accumulate, current.int8), 1, "how")
        for n in range(machine.dim):
            lane = place(m, AccumulateLane, machine, f"lane{n}", self.instances)
            m.d.comb += [
                lane.accumulate.eq(how[0]),
                lane.int8.eq(how[1]),
                lane.stored.eq(self.read.data.word_select(n, 32)),
                lane.sum.eq(self.sums[n]),
                self.write.data[32 * n : 32 * n + 32].eq(lane.total),
            ]
        written = delayed(m, flags, 1 + depth, "written", control=True)
        where = data.View(
            data.StructLayout({"row": len(row), "columns": DEPTH_BITS, "post": SEMAPHORES}),
            delayed(m, Cat(row, current.columns, current.post), 1 + depth, "where"),
        )
        m.d.comb += [
            self.write.enable.eq(written[0]),
            self.write.row.eq(where.row),
            self.write.mask.eq(Cat(*(where.columns >= n for n in range(machine.dim)))),
            self.retire.eq(written[1]),
            self.release_write.eq(Mux(written[1], self._bank(where.row), 0)),
            self.post.eq(Mux(written[1], where.post, 0)),
        ]
