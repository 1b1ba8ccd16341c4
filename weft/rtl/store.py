"""The store unit: reads a transfer burst by burst into two buffers and sends them as AXI writes."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.rtl.bursts import DRAM_BITS, LENGTH_BITS, BurstWalker, transfer_view, used_bytes
from weft.rtl.interfaces import accumulator_row, in_accumulator, log2, port_set, scratchpad_address, unit_members

BUFFERS = 2


class StoreUnit(wiring.Component):
    """Members as in ``rtl.interfaces``, and the write channels of the bus under their AXI names."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                **unit_members(machine, "store"),
                "awvalid": Out(1),
                "awready": In(1),
                "awaddr": Out(DRAM_BITS),
                "awlen": Out(LENGTH_BITS),
                "wvalid": Out(1),
                "wready": In(1),
                "wdata": Out(8 * machine.bus.bytes),
                "wstrb": Out(machine.bus.bytes),
                "wlast": Out(1),
                "bvalid": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        fields = transfer_view(self.instr)
        busy, answered = Signal(), Signal()
        m.d.comb += [self.ready.eq(~busy), self.occupied.eq(busy), self.in_flight.eq(busy)]
        with m.If(self.start):
            m.d.sync += [busy.eq(1), self.post.eq(fields.post)]
        with m.Elif(self.retire):
            m.d.sync += busy.eq(0)
        m.d.comb += Value.cast(self.claims).eq(port_set(machine, fields.local, "read"))

        reading, begun = self._read(m)
        unanswered = Signal(32)  # DRAM may take every burst of a long store before it answers the first
        m.d.sync += [answered.eq(self.bvalid), unanswered.eq(unanswered + begun - answered)]
        m.d.comb += self.retire.eq(answered & (unanswered == 1) & ~reading)
        return m

    def _read(self, m: Module) -> tuple[Signal, Signal]:
        """Fill the buffers. Returns whether a transfer is still being read, and whether a burst begins."""
        machine = self.machine
        bus, burst = machine.bus.bytes, machine.bus.burst
        beat_bits = log2(burst)
        m.submodules.walker = walker = BurstWalker(machine)
        reading, beat = Signal(), Signal(range(burst))
        side = Signal(range(BUFFERS))
        held = Signal(BUFFERS)
        read, begun, burst_ends = Signal(), Signal(), Signal()
        offset = beat << log2(bus)
        local = Signal.like(walker.local)
        m.d.comb += [
            walker.instr.eq(self.instr),
            walker.load.eq(self.start),
            read.eq(reading & ((beat != 0) | ~held.bit_select(side, 1))),
            begun.eq(read & (beat == 0)),
            burst_ends.eq(read & (beat == walker.length)),
            walker.step.eq(burst_ends),
            local.eq(walker.local + offset),
            self.sp_read.enable.eq(read & ~in_accumulator(local)),
            self.sp_read.address.eq(scratchpad_address(machine, local)),
            self.acc_read.enable.eq(read & in_accumulator(local)),
            self.acc_read.row.eq(accumulator_row(machine, local)),
        ]
        with m.If(self.start):
            m.d.sync += reading.eq(1)
        with m.Elif(burst_ends & walker.last):
            m.d.sync += reading.eq(0)
        with m.If(burst_ends):
            m.d.sync += [beat.eq(0), side.eq(side + 1)]
        with m.Elif(read):
            m.d.sync += beat.eq(beat + 1)
        done = port_set(machine, local, "read")
        m.d.comb += Value.cast(self.release).eq(Mux(burst_ends & walker.last, done, 0))

        # A cycle later the data is there.
        arrived, arrived_last, from_accumulator = Signal(), Signal(), Signal()
        at = Signal(beat_bits + 1)
        strobe = Signal(bus)
        lane = Signal(log2(machine.row_bytes // bus))
        m.d.sync += [arrived.eq(read), arrived_last.eq(burst_ends)]
        with m.If(read):
            m.d.sync += [
                at.eq(Cat(beat[:beat_bits], side)),
                strobe.eq(used_bytes(machine, (walker.left - offset)[: len(walker.left)])),
                lane.eq(local[log2(bus) :]),
                from_accumulator.eq(in_accumulator(local)),
            ]
        m.submodules.buffers = buffers = Memory(shape=9 * bus, depth=BUFFERS * burst, init=[])
        write = buffers.write_port()
        word = Mux(from_accumulator, self.acc_read.data.word_select(lane, 8 * bus), self.sp_read.data[: 8 * bus])
        m.d.comb += [write.en.eq(arrived), write.addr.eq(at), write.data.eq(Cat(word, strobe))]
        self._send(m, buffers, held, begun, walker, arrived_last, side)
        return reading, begun

    def _send(
        self,
        m: Module,
        buffers: Memory,
        held: Signal,
        begun: Signal,
        walker: BurstWalker,
        arrived_last: Signal,
        side: Signal,
    ) -> None:
        """Send the buffers in turn, each as soon as it is whole."""
        burst = self.machine.bus.burst
        address = Array(Signal(DRAM_BITS, name=f"address{i}") for i in range(BUFFERS))
        length = Array(Signal(LENGTH_BITS, name=f"length{i}") for i in range(BUFFERS))
        whole = Signal(BUFFERS)
        arriving, sending = Signal(range(BUFFERS)), Signal(range(BUFFERS))
        beat = Signal(range(burst))
        ends, moves, first = Signal(), Signal(), Signal()
        out = buffers.read_port()
        m.d.comb += [
            first.eq(beat == 0),
            moves.eq(
                whole.bit_select(sending, 1) & (~self.wvalid | self.wready) & (~first | ~self.awvalid | self.awready)
            ),
            ends.eq(moves & (beat == length[sending])),
            out.en.eq(moves),
            out.addr.eq(Cat(beat[: log2(burst)], sending)),
            Cat(self.wdata, self.wstrb).eq(out.data),
        ]
        with m.If(begun):
            m.d.sync += [address[side].eq(walker.address), length[side].eq(walker.length)]
        with m.If(arrived_last):
            m.d.sync += arriving.eq(arriving + 1)
        with m.If(ends):
            m.d.sync += [beat.eq(0), sending.eq(sending + 1)]
        with m.Elif(moves):
            m.d.sync += beat.eq(beat + 1)
        for i in range(BUFFERS):
            with m.If(begun & (side == i)):
                m.d.sync += held[i].eq(1)
            with m.Elif(ends & (sending == i)):
                m.d.sync += held[i].eq(0)
            with m.If(arrived_last & (arriving == i)):
                m.d.sync += whole[i].eq(1)
            with m.Elif(ends & (sending == i)):
                m.d.sync += whole[i].eq(0)
        with m.If(moves):
            m.d.sync += [self.wvalid.eq(1), self.wlast.eq(ends)]
        with m.Elif(self.wready):
            m.d.sync += self.wvalid.eq(0)
        with m.If(moves & first):
            m.d.sync += [self.awvalid.eq(1), self.awaddr.eq(address[sending]), self.awlen.eq(length[sending])]
        with m.Elif(self.awready):
            m.d.sync += self.awvalid.eq(0)
