"""The operands of a vector pass: which ones read, in which order, and their words in fp32 or int32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from weft.isa.elements import ELEMENTS
from weft.isa.fields import INSTRUCTION_BITS
from weft.isa.instructions import ACCUMULATOR_BIT, BY_NAME
from weft.isa.machine import Machine
from weft.isa.operands import OPERANDS, holds
from weft.isa.vector_ops import SOURCES
from weft.rtl.arith.casts import bf2f, i8_to_i32
from weft.rtl.interfaces import (
    accumulator_read,
    accumulator_row,
    bank_ports,
    in_accumulator,
    instruction_layout,
    log2,
    scratchpad_address,
    scratchpad_read,
)
from weft.rtl.pipe import delayed
from weft.rtl.walker import AddressWalker, RowCounter, strides_layout

VECTOR = BY_NAME["vector"]
COUNT_BITS = tuple(VECTOR.layout[f"count{i}"].field.width for i in range(2))
READ = {operand.field: operand.read for operand in OPERANDS["vector"] if operand.read is not None}
"""When a pass reads each of its operands."""


def pass_view(record: Value) -> data.View:
    """The fields of a ``vector`` record; counts are encoded less one."""
    return data.View(instruction_layout(VECTOR), record)


def local_address_bits(machine: Machine) -> int:
    """Bits of a byte address in the larger of the two memories."""
    return log2(max(machine.scratchpad.bytes, machine.accumulator.bytes))


@dataclass(frozen=True)
class Reading:
    """Which operands of a pass read (``reads``), in which of a row's read cycles (``turn``), and the number of those
    cycles less one."""

    reads: Mapping[str, Value]
    turn: Mapping[str, Value]
    last_turn: Value


def reading(machine: Machine, fields: data.View) -> Reading:
    """How a pass reads: operands of one bank one after the other, others in the same cycle."""
    reads: dict[str, Value] = {}
    ports: dict[str, Value] = {}
    for o, when in READ.items():
        reads[o] = holds(when, fields.__getitem__)
        ports[o] = Cat(*bank_ports(machine, fields[o], "read").values())
    collide = {a + b: reads[a] & reads[b] & (ports[a] == ports[b]) for a, b in ("xy", "xz", "yz")}
    turn: dict[str, Value] = {"x": Const(0, 2), "y": Cat(collide["xy"]), "z": collide["xz"] + collide["yz"]}
    return Reading(reads, turn, Mux(turn["z"] > turn["y"], turn["z"], turn["y"]))


class OperandReader(wiring.Component):
    """One operand of a pass.

    ``start`` takes the operand's fields; from then on, a row's word is read in the cycle with ``read``, and its address
    goes on with ``step`` (``ends`` as for an :class:`AddressWalker`). ``words`` are the operand's DIM words from the
    cycle after ``read`` on until the next ``read``; ``block`` is the number of the row's block while they are used.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "start": In(1),
                "local": In(ACCUMULATOR_BIT.bit_length()),
                "strides": In(strides_layout(2)),
                "source": In(range(len(SOURCES))),
                "type": In(range(len(ELEMENTS))),
                "imm": In(32),
                "read": In(1),
                "step": In(1),
                "ends": In(2),
                "block": In(COUNT_BITS[1]),
                "sp_read": Out(scratchpad_read(machine)),
                "acc_read": Out(accumulator_read(machine)),
                "words": Out(data.ArrayLayout(32, machine.dim)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        machine = self.machine
        m.submodules.walker = walker = AddressWalker(local_address_bits(machine), 2)
        accumulator = Signal()
        how = Signal(data.StructLayout({"source": len(self.source), "type": len(self.type), "imm": 32}))
        with m.If(self.start):
            m.d.sync += [
                accumulator.eq(in_accumulator(self.local)),
                how.source.eq(self.source),
                how.type.eq(self.type),
                how.imm.eq(self.imm),
            ]
        m.d.comb += [
            walker.load.eq(self.start),
            walker.base.eq(self.local),
            walker.strides.eq(self.strides),
            walker.step.eq(self.step),
            walker.ends.eq(self.ends),
            self.sp_read.enable.eq(self.read & ~accumulator),
            self.sp_read.address.eq(scratchpad_address(machine, walker.address)),
            self.acc_read.enable.eq(self.read & accumulator),
            self.acc_read.row.eq(accumulator_row(machine, walker.address)),
        ]
        arrived = delayed(m, self.read, 1, "arrived", control=True)
        element = delayed(m, walker.address[2 : log2(machine.row_bytes)], 1, "element")
        scalar = how.source == SOURCES.index("scalar")
        for lane in range(machine.dim):
            word, held = Signal(32, name=f"word{lane}"), Signal(32, name=f"held{lane}", reset_less=True)
            m.d.comb += word.eq(self._fetched(lane, how.type, scalar, element))
            with m.If(arrived):
                m.d.sync += held.eq(word)
            with m.Switch(how.source):
                with m.Case(SOURCES.index("imm")):
                    m.d.comb += self.words[lane].eq(how.imm)
                with m.Case(SOURCES.index("lane")):
                    m.d.comb += self.words[lane].eq(Cat(Const(lane, log2(machine.dim)), self.block))
                with m.Default():
                    m.d.comb += self.words[lane].eq(Mux(arrived, word, held))
        return m

    def _fetched(self, lane: int, kind: Value, scalar: Value, element: Value) -> Value:
        """What the memory shows for a lane, widened to 32 bits."""
        small, large = self.sp_read.data, self.acc_read.data
        octet = Mux(scalar, small[:8], small[8 * lane : 8 * lane + 8])
        word = Mux(kind == ELEMENTS.index("int8"), i8_to_i32(octet), 0)
        if self.machine.holds("bf16"):  # else a scratchpad word has no room for DIM bf16
            half = Mux(scalar, small[:16], small[16 * lane : 16 * lane + 16])
            word = Mux(kind == ELEMENTS.index("bf16"), bf2f(half), word)
        whole = large.word_select(Mux(scalar, element, lane), 32)
        return Mux(kind == ELEMENTS.index("word"), whole, word)


class Operands(wiring.Component):
    """All operands of a pass that starts in ``s`` (``start``, with its ``record``): row ``q`` is read in the cycles
    ``s+1+q·n`` to ``s+q·n+n``, and its words are there in the cycle after the last of them.

    ``row``: that last cycle; ``ends`` tells whether the row is its block's last and the pass's last, ``index`` its
    number in the block.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        words = data.ArrayLayout(32, machine.dim)
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "row": Out(1),
                "ends": Out(2),
                "index": Out(COUNT_BITS[0]),
                **{f"sp_read_{o}": Out(scratchpad_read(machine)) for o in READ},
                **{f"acc_read_{o}": Out(accumulator_read(machine)) for o in READ},
                **{o: Out(words) for o in READ},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fields = pass_view(self.record)
        plan = reading(self.machine, fields)
        m.submodules.counter = counter = RowCounter(COUNT_BITS)
        running = Signal()
        turn = Signal(2)
        last_turn = Signal(2)
        block = Signal(COUNT_BITS[1])
        row_ends = running & (turn == last_turn)
        m.d.comb += [
            counter.load.eq(self.start),
            counter.counts.level0.eq(fields.count0),
            counter.counts.level1.eq(fields.count1),
            counter.step.eq(row_ends),
            self.row.eq(row_ends),
            self.ends.eq(counter.ends),
        ]
        with m.If(self.start):
            m.d.sync += [running.eq(1), turn.eq(0), last_turn.eq(plan.last_turn), self.index.eq(0), block.eq(0)]
        with m.Elif(row_ends):
            m.d.sync += [
                running.eq(~counter.last),
                turn.eq(0),
                self.index.eq(Mux(counter.ends[0], 0, self.index + 1)),
                block.eq(block + counter.ends[0]),
            ]
        with m.Elif(running):
            m.d.sync += turn.eq(turn + 1)
        block_used = delayed(m, block, 1, "block_used")
        for o in READ:
            m.submodules[o] = operand = OperandReader(self.machine)
            reads, my_turn = Signal(name=f"{o}_reads"), Signal(2, name=f"{o}_turn")
            with m.If(self.start):
                m.d.sync += [reads.eq(plan.reads[o]), my_turn.eq(plan.turn[o])]
            m.d.comb += [
                operand.start.eq(self.start),
                operand.local.eq(fields[o]),
                operand.strides.level0.eq(fields[f"{o}_stride0"]),
                operand.strides.level1.eq(fields[f"{o}_stride1"]),
                operand.source.eq(fields[f"{o}_source"]),
                operand.type.eq(fields[f"{o}_type"]),
                operand.imm.eq(fields.imm),
                operand.read.eq(running & reads & (turn == my_turn)),
                operand.step.eq(row_ends),
                operand.ends.eq(counter.ends),
                operand.block.eq(block_used),
                getattr(self, o).eq(operand.words),
            ]
            connect(m, operand.sp_read, flipped(getattr(self, f"sp_read_{o}")))
            connect(m, operand.acc_read, flipped(getattr(self, f"acc_read_{o}")))
        return m
