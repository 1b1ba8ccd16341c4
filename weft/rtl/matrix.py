"""The matrix unit: tiles overlap, one row a cycle, several of them in flight."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from weft.isa.machine import Machine
from weft.rtl.array import SystolicArray
from weft.rtl.destination import Destination
from weft.rtl.interfaces import bank_ports, unit_members
from weft.rtl.streams import RowStream, WeightStream
from weft.rtl.tile import TileSlots, accumulates, tile_view

WEIGHTS, ROWS, DESTINATION = range(3)
"""The unit's streams, in the order of ``STREAMS``."""


class MatrixUnit(wiring.Component):
    """Executes ``matmul`` by the section *Matrix* of the timing contract; members as in ``rtl.interfaces``.

    ``instances`` places the cells as instances of Verilog modules (see ``rtl.cells``).
    """

    def __init__(self, machine: Machine, instances: bool = False) -> None:
        self.machine, self.instances = machine, instances
        super().__init__(unit_members(machine, "matrix"))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.slots = slots = TileSlots(self.machine)
        m.submodules.weights = weights = WeightStream(self.machine)
        m.submodules.rows = rows = RowStream(self.machine)
        m.submodules.array = array = SystolicArray(self.machine, self.instances)
        m.submodules.destination = destination = Destination(self.machine, self.instances)
        for part in (slots, weights, rows, destination):
            m.d.comb += [part.record.eq(self.instr), part.start.eq(self.start)]
        m.d.comb += [
            self.ready.eq(~slots.occupied),
            self.occupied.eq(slots.occupied),
            self.hazard.eq(self.head_valid & slots.hazard),
            rows.slot.eq(slots.slot),
            rows.begin.eq(slots.begin),
            rows.live.eq(slots.live),
            rows.ends.eq(slots.ends),
            array.weights.eq(weights.edge),
            array.activations.eq(rows.edge),
            destination.sums.eq(array.sums),
            self.retire.eq(destination.retire),
            self.post.eq(destination.post),
            self.release[WEIGHTS].sp_read.eq(weights.release),
            self.release[ROWS].sp_read.eq(rows.release),
            self.release[DESTINATION].acc_read.eq(destination.release_read),
            self.release[DESTINATION].acc_write.eq(destination.release_write),
        ]
        connect(m, weights.read, flipped(self.sp_read_weights))
        connect(m, rows.read, flipped(self.sp_read_rows))
        connect(m, destination.read, flipped(self.acc_read))
        connect(m, destination.write, flipped(self.acc_write))
        self._claims(m)
        self._count_tiles(m)
        return m

    def _claims(self, m: Module) -> None:
        tile = tile_view(self.instr)
        d_read = bank_ports(self.machine, tile.d, "read")["acc_read"]
        m.d.comb += [
            self.claims[WEIGHTS].sp_read.eq(bank_ports(self.machine, tile.w, "read")["sp_read"]),
            self.claims[ROWS].sp_read.eq(bank_ports(self.machine, tile.a, "read")["sp_read"]),
            self.claims[DESTINATION].acc_read.eq(Mux(accumulates(tile), d_read, 0)),
            self.claims[DESTINATION].acc_write.eq(bank_ports(self.machine, tile.d, "write")["acc_write"]),
        ]

    def _count_tiles(self, m: Module) -> None:
        # A tile is in flight for (P + 3) * DIM + A + 1 cycles after its last slot; tiles start DIM or more apart.
        pipeline = self.machine.pipeline
        tiles = Signal(range(8 + pipeline.mac + pipeline.accumulate))
        with m.If(self.start & ~self.retire):
            m.d.sync += tiles.eq(tiles + 1)
        with m.If(self.retire & ~self.start):
            m.d.sync += tiles.eq(tiles - 1)
        m.d.comb += self.in_flight.eq(tiles != 0)
