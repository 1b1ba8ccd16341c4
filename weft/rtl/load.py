"""The load unit: asks for the bursts of one load after the other, and writes the beats as they arrive."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.rtl.bursts import BYTES_BITS, LENGTH_BITS, BurstWalker, add_walk, landing_layout, transfer_view, used_bytes
from weft.rtl.interfaces import accumulator_row, in_accumulator, log2, port_set, scratchpad_address, unit_members
from weft.rtl.queue import Queue


class LoadUnit(wiring.Component):
    """Members as in ``rtl.interfaces``, and the read side of the bus.

    ``want``/``picked``: the next burst (``address``, ``length`` = beats less one). ``beat``, ``data``: read beats of
    loads, in the order of the bursts; they are always taken.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                **unit_members(machine, "load"),
                "want": Out(1),
                "address": Out(32),
                "length": Out(LENGTH_BITS),
                "picked": In(1),
                "beat": In(1),
                "data": In(8 * machine.bus.bytes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        outstanding = machine.queues.outstanding
        fields = transfer_view(self.instr)

        asking = Signal()
        flying = Signal(range(outstanding + 1))
        m.submodules.walker = walker = BurstWalker(machine)
        m.d.comb += [
            walker.instr.eq(self.instr),
            walker.load.eq(self.start),
            walker.step.eq(self.picked),
            self.want.eq(asking),
            self.address.eq(walker.address),
            self.length.eq(walker.length),
            self.ready.eq(~asking & (flying != outstanding)),
            self.occupied.eq(asking),
            self.in_flight.eq(flying != 0),
        ]
        with m.If(self.start):
            m.d.sync += asking.eq(1)
        with m.Elif(self.picked & walker.last):
            m.d.sync += asking.eq(0)
        m.d.sync += flying.eq(flying + self.start - self.retire)
        m.d.comb += Value.cast(self.claims).eq(port_set(machine, fields.local, "write"))
        self._land(m, fields)
        return m

    def _land(self, m: Module, fields: data.View) -> None:
        """Write beats: loads started and not yet landing wait in a queue."""
        machine = self.machine
        bus = machine.bus.bytes
        layout = landing_layout()
        m.submodules.started = started = Queue(layout.size, machine.queues.outstanding)
        entry, following = data.View(layout, started.entry), data.View(layout, started.head)
        m.d.comb += started.push.eq(self.start)
        m.d.comb += [entry[name].eq(fields[name]) for name in layout.members]

        beat, word = Signal(), Signal(8 * bus)
        m.d.sync += beat.eq(self.beat)
        with m.If(self.beat):
            m.d.sync += word.eq(self.data)

        landing, row_ends, begin = Signal(), Signal(), Signal()
        left, row_bytes, offset = Signal(BYTES_BITS), Signal(BYTES_BITS), Signal(BYTES_BITS)
        rows, first = add_walk(m, "land", begin, beat & row_ends, following, ("local",))
        m.d.comb += [
            row_ends.eq(left < bus),
            begin.eq(started.valid & (~landing | self.retire)),
            started.pop.eq(begin),
            self.retire.eq(beat & row_ends & rows.last),
        ]
        with m.If(begin):
            m.d.sync += [landing.eq(1), self.post.eq(following.post), offset.eq(0)]
            m.d.sync += [left.eq(following.bytes), row_bytes.eq(following.bytes)]
        with m.Elif(self.retire):
            m.d.sync += landing.eq(0)
        with m.Elif(beat & row_ends):
            m.d.sync += [offset.eq(0), left.eq(row_bytes)]
        with m.Elif(beat):
            m.d.sync += [offset.eq(offset + bus), left.eq(left - bus)]

        local = Signal.like(fields.local)
        mask = Signal(bus)
        m.d.comb += [local.eq(first + offset), mask.eq(used_bytes(machine, left))]
        lane = local[2 : log2(machine.row_bytes)]
        m.d.comb += [
            self.sp_write.enable.eq(beat & ~in_accumulator(local)),
            self.sp_write.address.eq(scratchpad_address(machine, local)),
            self.sp_write.data.eq(word),
            self.sp_write.mask.eq(mask),
            self.acc_write.enable.eq(beat & in_accumulator(local)),
            self.acc_write.row.eq(accumulator_row(machine, local)),
            self.acc_write.data.eq(word.replicate(machine.row_bytes // bus)),
            self.acc_write.mask.eq(Cat(mask[i] for i in range(0, bus, 4)) << lane),
        ]
        m.d.comb += Value.cast(self.release).eq(Mux(self.retire, port_set(machine, local, "write"), 0))
