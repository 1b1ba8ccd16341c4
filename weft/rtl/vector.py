"""The vector unit: one pass at a time, one row every ``n`` cycles through DIM lanes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import connect, flipped

from weft.isa.fields import SEMAPHORES
from weft.isa.machine import Machine
from weft.isa.operands import OVER
from weft.isa.vector_ops import REDUCTIONS, ROW_PARTIALS
from weft.rtl.cells import place
from weft.rtl.interfaces import bank_ports, unit_members
from weft.rtl.lane import Lane
from weft.rtl.operands import COUNT_BITS, READ, Operands, pass_view, reading
from weft.rtl.pipe import delayed
from weft.rtl.reduce import PARTIAL_BITS, LaneTree
from weft.rtl.results import ResultWriter

_PASS = data.StructLayout(
    {
        "pre": 5,
        "f": 4,
        "then": 5,
        "over_lanes": 1,
        "over_rows": 1,
        "maximum": 1,
        "lanes": 8,
        "rows": COUNT_BITS[0],
        "post": SEMAPHORES,
    }
)
"""What is kept of a pass while it runs; ``lanes`` and ``rows`` (of a block) less one."""


_MAXIMUM = tuple(code for code, reduction in enumerate(REDUCTIONS) if reduction.join == "fmax")


class VectorUnit(wiring.Component):
    """Executes ``vector`` by the section *Vector* of the timing contract; members as in ``rtl.interfaces``.

    ``instances`` places the lanes as instances of the module ``weft_lane``.
    """

    def __init__(self, machine: Machine, instances: bool = False) -> None:
        self.machine, self.instances = machine, instances
        super().__init__(unit_members(machine, "vector"))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.operands = operands = Operands(self.machine)
        m.submodules.results = results = ResultWriter(self.machine)
        for part in (operands, results):
            m.d.comb += [part.record.eq(self.instr), part.start.eq(self.start)]
        for o in READ:
            connect(m, getattr(operands, f"sp_read_{o}"), flipped(getattr(self, f"sp_read_{o}")))
            connect(m, getattr(operands, f"acc_read_{o}"), flipped(getattr(self, f"acc_read_{o}")))
        connect(m, results.sp_write, flipped(self.sp_write))
        connect(m, results.acc_write, flipped(self.acc_write))
        current = self._current(m)
        self._issue(m, operands, current)
        self._compute(m, operands, results, current)
        return m

    def _current(self, m: Module) -> data.View:
        fields = pass_view(self.instr)
        current = Signal(_PASS)
        with m.If(self.start):
            m.d.sync += [
                current.pre.eq(fields.pre),
                current.f.eq(fields.f),
                current.then.eq(fields.then),
                current.over_lanes.eq(OVER["lanes"].holds(fields.__getitem__)),
                current.over_rows.eq(OVER["rows"].holds(fields.__getitem__)),
                current.maximum.eq(fields.reduce.matches(*_MAXIMUM)),
                current.lanes.eq(fields.lanes),
                current.rows.eq(fields.count0),
                current.post.eq(fields.post),
            ]
        return current

    def _issue(self, m: Module, operands: Operands, current: data.View) -> None:
        fields = pass_view(self.instr)
        plan = reading(self.machine, fields)
        claims = self.claims[0]
        busy = Signal()
        held = Signal.like(claims)
        with m.If(self.start):
            m.d.sync += [busy.eq(1), held.eq(claims)]
        with m.Elif(self.retire):
            m.d.sync += busy.eq(0)
        for kind in ("sp_read", "acc_read"):
            needed = [Mux(plan.reads[o], bank_ports(self.machine, fields[o], "read")[kind], 0) for o in READ]
            m.d.comb += [
                claims[kind].eq(needed[0] | needed[1] | needed[2]),
                self.release[0][kind].eq(Mux(operands.row & operands.ends[-1], held[kind], 0)),
            ]
        for kind, port in bank_ports(self.machine, fields.d, "write").items():
            m.d.comb += [claims[kind].eq(port), self.release[0][kind].eq(Mux(self.retire, held[kind], 0))]
        m.d.comb += [
            self.ready.eq(~busy),
            self.occupied.eq(busy),
            self.in_flight.eq(busy),
            self.post.eq(Mux(self.retire, current.post, 0)),
        ]

    def _compute(self, m: Module, operands: Operands, results: ResultWriter, current: data.View) -> None:
        """Rows go down the lanes in step with their events: the row, the last of its block, the last of the pass."""
        machine, pipeline = self.machine, self.machine.pipeline
        m.submodules.tree = tree = LaneTree(machine)
        # From a row's last read: one cycle to its words, then the lanes.
        done = delayed(m, Cat(operands.row, operands.ends), 1 + pipeline.vector, "done", control=True)
        index = delayed(m, operands.index, 1 + pipeline.vector, "index")
        # What is not reduced is over before it leaves this delay, which may then see the next pass.
        reduces = current.over_lanes | current.over_rows
        reduced = delayed(m, Mux(reduces, done, 0), pipeline.reduce, "reduced", control=True)
        partial = index[:PARTIAL_BITS]
        m.d.comb += [tree.lanes.eq(current.lanes), tree.maximum.eq(current.maximum)]
        for i in range(machine.dim):
            lane = place(m, Lane, machine, f"lane{i}", self.instances)
            m.d.comb += [
                lane.pre.eq(current.pre),
                lane.f.eq(current.f),
                lane.then.eq(current.then),
                lane.maximum.eq(current.maximum),
                *(getattr(lane, o).eq(getattr(operands, o)[i]) for o in READ),
                lane.row.valid.eq(done[0] & current.over_rows),
                lane.row.fresh.eq(index < ROW_PARTIALS),
                lane.row.partial.eq(partial),
                *(
                    lane.row.others[level].eq(current.rows >= (((partial >> level) ^ 1) << level))
                    for level in range(PARTIAL_BITS)
                ),
                tree.values[i].eq(Mux(current.over_lanes, lane.result, 0)),
                results.words[i].eq(Mux(current.over_rows, lane.total, lane.result)),
            ]
        with m.If(current.over_lanes):
            m.d.comb += results.words[0].eq(tree.total)
        event = Mux(reduces, reduced, done)
        m.d.comb += [
            results.write.eq(event[0] & (event[1] | ~current.over_rows)),
            results.ends[0].eq(event[1] | current.over_rows),
            results.single.eq(current.over_lanes),
            results.lanes.eq(current.lanes),
            self.retire.eq(event[0] & event[2]),
        ]
