"""The two operand streams of the matrix unit: scratchpad rows, through a block buffer, to the array's edge."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.fields import INSTRUCTION_BITS
from weft.isa.machine import Machine
from weft.rtl.blockbuffer import BlockBuffer
from weft.rtl.element import activation_layout, weight_layout
from weft.rtl.interfaces import bank_ports, log2, scratchpad_address, scratchpad_bits, scratchpad_read
from weft.rtl.pipe import delayed
from weft.rtl.tile import DEPTH_BITS, elements, is_int8, tile_view
from weft.rtl.walker import AddressWalker, strides_layout


class WeightStream(wiring.Component):
    """The stationary operand of a tile that starts in ``s``: stored row ``j`` is read in ``s+1+j``, column ``c`` is
    at the array's edge in ``s+DIM+3+c``. ``release`` is the bank's port, in ``s+DIM``."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "read": Out(scratchpad_read(machine)),
                "release": Out(machine.scratchpad.banks),
                "edge": Out(data.ArrayLayout(weight_layout(machine), machine.dim)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        machine, dim = self.machine, self.machine.dim
        tile = tile_view(self.record)
        m.submodules.walker = walker = AddressWalker(scratchpad_bits(machine), 1)
        m.submodules.buffer = buffer = BlockBuffer(machine, log2(dim))
        running = Signal()
        index = Signal(log2(dim))
        stored = Signal(DEPTH_BITS)
        by_rows = Signal()
        int8 = Signal()
        bank = Signal(machine.scratchpad.banks)
        with m.If(self.start):
            m.d.sync += [
                running.eq(1),
                index.eq(0),
                stored.eq(Mux(tile.transpose_w, tile.n, tile.k)),
                by_rows.eq(tile.transpose_w),
                int8.eq(is_int8(machine, tile)),
                bank.eq(bank_ports(machine, tile.w, "read")["sp_read"]),
            ]
        with m.Elif(running):
            m.d.sync += [index.eq(index + 1), running.eq(index != dim - 1)]
        m.d.comb += [
            walker.load.eq(self.start),
            walker.base.eq(scratchpad_address(machine, tile.w)),
            walker.strides.level0.eq(tile.w_stride),
            walker.step.eq(running),
            self.read.enable.eq(running & (index <= stored)),
            self.read.address.eq(walker.address),
            self.release.eq(Mux(running & (index == dim - 1), bank, 0)),
        ]
        arrived = delayed(m, Cat(running, self.read.enable, running & (index == 0)), 1, "arrived", control=True)
        how = delayed(m, Cat(by_rows, int8, index), 1, "how")
        m.d.comb += [
            buffer.slot.eq(arrived[0]),
            buffer.write.eq(arrived[1]),
            buffer.begin.eq(arrived[2]),
            buffer.columns.eq(~how[0]),
            buffer.row.eq(elements(machine, self.read.data, how[1])),
            buffer.tag.eq(how[2:]),
        ]
        for k in range(dim):
            edge = self.edge[k]
            m.d.comb += [
                edge.value.eq(buffer.out_row[k]),
                edge.valid.eq(buffer.out_slot),
                edge.hops.eq(buffer.out_tag),
            ]
        return m


class RowStream(wiring.Component):
    """The streamed operand: the tile's slots (see ``TileSlots``), DIM cycles later, are read; row ``m`` is at the
    array's edge in ``s+2·DIM+3+m``. ``release`` is the bank's port, in the last slot."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "slot": In(1),
                "begin": In(1),
                "live": In(1),
                "ends": In(3),
                "read": Out(scratchpad_read(machine)),
                "release": Out(machine.scratchpad.banks),
                "edge": Out(data.ArrayLayout(activation_layout(machine), machine.dim)),
            }
        )
        self._tile = data.StructLayout(
            {
                "address": scratchpad_bits(machine),
                "strides": strides_layout(3),
                "bank": machine.scratchpad.banks,
                "transposed": 1,
                "int8": 1,
                "depth": DEPTH_BITS,
            }
        )

    def _pending(self, m: Module) -> data.View:
        """The tile that started last: its rows are read from DIM cycles later on, before which no other starts."""
        tile = tile_view(self.record)
        machine = self.machine
        int8 = is_int8(machine, tile)
        block = Mux(int8, machine.dim, 2 * machine.dim)
        pending = Signal(self._tile)
        with m.If(self.start):
            m.d.sync += [
                pending.address.eq(scratchpad_address(machine, tile.a)),
                pending.strides.level0.eq(tile.a_stride0),
                pending.strides.level1.eq(Mux(tile.transpose_a, block, tile.a_stride1)),
                pending.strides.level2.eq(tile.a_stride2),
                pending.bank.eq(bank_ports(machine, tile.a, "read")["sp_read"]),
                pending.transposed.eq(tile.transpose_a),
                pending.int8.eq(int8),
                pending.depth.eq(tile.k),
            ]
        return pending

    def elaborate(self, platform: object) -> Module:
        m = Module()
        machine, dim = self.machine, self.machine.dim
        pending = self._pending(m)
        late = delayed(m, Cat(self.start, self.slot, self.begin, self.live, self.ends), dim, "slot_delay", control=True)
        start, slot, begin, live, ends = late[0], late[1], late[2], late[3], late[4:]
        current = Signal(self._tile)
        index = Signal(log2(dim))
        with m.If(start):
            m.d.sync += [current.eq(pending), index.eq(0)]
        with m.Elif(slot):
            m.d.sync += index.eq(index + 1)
        m.submodules.walker = walker = AddressWalker(scratchpad_bits(machine), 3)
        m.d.comb += [
            walker.load.eq(start),
            walker.base.eq(pending.address),
            walker.strides.eq(pending.strides),
            walker.step.eq(slot),
            walker.ends.eq(ends),
            self.read.enable.eq(slot & (~current.transposed | (index <= current.depth))),
            self.read.address.eq(walker.address),
            self.release.eq(Mux(slot & ends[-1], current.bank, 0)),
        ]
        self._to_edge(m, current, Cat(slot, begin, self.read.enable, live))
        return m

    def _to_edge(self, m: Module, current: data.View, flags: Value) -> None:
        tag = data.StructLayout({"live": 1, "first": 1, "int8": 1, "depth": DEPTH_BITS})
        m.submodules.buffer = buffer = BlockBuffer(self.machine, tag)
        arrived = delayed(m, flags, 1, "arrived", control=True)
        how = delayed(m, Cat(current.transposed, current.int8, current.depth), 1, "how")
        m.d.comb += [
            buffer.slot.eq(arrived[0]),
            buffer.begin.eq(arrived[1]),
            buffer.write.eq(arrived[2]),
            buffer.columns.eq(how[0]),
            buffer.row.eq(elements(self.machine, self.read.data, how[1])),
            buffer.tag.live.eq(arrived[3]),
            buffer.tag.first.eq(arrived[1]),
            buffer.tag.int8.eq(how[1]),
            buffer.tag.depth.eq(how[2:]),
        ]
        live = buffer.out_slot & buffer.out_tag.live
        for k in range(self.machine.dim):
            edge = self.edge[k]
            m.d.comb += [
                edge.value.eq(buffer.out_row[k]),
                edge.active.eq(live & (buffer.out_tag.depth >= k)),
                edge.first.eq(live & buffer.out_tag.first),
                edge.int8.eq(buffer.out_tag.int8),
            ]
