"""Dispatch: one instruction a cycle from the fetch queue or the loop buffer to the queue of its unit."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from weft.isa.events import EVENTS
from weft.isa.fields import INSTRUCTION_BITS, LOOP_LEVELS
from weft.isa.instructions import BY_NAME, INSTRUCTIONS, UNITS
from weft.isa.machine import Machine
from weft.isa.registers import FAULT_BY_NAME, FAULTS
from weft.rtl.addressing import Addressing
from weft.rtl.interfaces import instruction_layout, log2

CAUSES = tuple(event.cause for event in EVENTS if event.unit == "dispatch")
_COUNT_BITS = BY_NAME["loop"].layout["count"].field.width


class Dispatch(wiring.Component):
    """Dispatches while ``enable``.

    ``valid``, ``instruction``, ``take``, ``exhausted``: the fetch queue. ``full``: per unit (``UNITS`` order).
    ``idle``: no unit has anything queued or in flight. ``push``: per unit, ``record`` (addresses final) goes to its
    queue. ``dispatched``: an instruction is, the one at ``pc``; ``halt``: it is the halt. ``fault``: a code of
    ``isa.registers.FAULTS``, or 0. ``events``: one bit for each dispatch event.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "enable": In(1),
                "valid": In(1),
                "instruction": In(INSTRUCTION_BITS),
                "take": Out(1),
                "exhausted": In(1),
                "full": In(len(UNITS)),
                "idle": In(1),
                "push": Out(len(UNITS)),
                "record": Out(INSTRUCTION_BITS),
                "dispatched": Out(1),
                "pc": Out(32),
                "halt": Out(1),
                "fault": Out(range(len(FAULTS))),
                "events": Out(data.StructLayout(dict.fromkeys(CAUSES, 1))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        capacity = self.machine.queues.loop
        bits = log2(capacity) + 1

        # The loop buffer: its instructions 0..recorded-1 have been met; the next one is at `position`.
        depth = Signal(range(LOOP_LEVELS + 1))
        position, recorded = Signal(bits), Signal(bits)
        m.submodules.buffer = buffer = Memory(shape=INSTRUCTION_BITS, depth=capacity, init=[])
        write, read = buffer.write_port(), buffer.read_port(domain="comb")
        looping, replay, available = Signal(), Signal(), Signal()
        word = Signal(INSTRUCTION_BITS)
        opcode = word[: BY_NAME["loop"].layout["opcode"].field.width]
        go = self.dispatched
        m.d.comb += [
            looping.eq(depth != 0),
            replay.eq(looping & (position != recorded)),
            available.eq(replay | self.valid),
            read.addr.eq(position),
            word.eq(self.instruction),
            write.addr.eq(position),
            write.data.eq(word),
            write.en.eq(go & looping & ~replay),
            self.take.eq(go & ~replay),
        ]
        with m.If(replay):
            m.d.comb += word.eq(read.data)
        with m.If(go):
            m.d.sync += self.pc.eq(self.pc + 1)
            with m.If(looping):
                m.d.sync += position.eq(position + 1)
                with m.If(~replay):
                    m.d.sync += recorded.eq(recorded + 1)

        index = self._loops(m, word, opcode, depth, position, recorded)
        m.submodules.addressing = addressing = Addressing()
        m.d.comb += [addressing.word.eq(word), self.record.eq(addressing.record)]
        m.d.comb += [port.eq(value) for port, value in zip(addressing.indices, index, strict=True)]
        self._decide(m, opcode, available, depth, looping & ~replay & (position == capacity))
        return m

    def _loops(
        self, m: Module, word: Signal, opcode: Value, depth: Signal, position: Signal, recorded: Signal
    ) -> list[Signal]:
        """Open and close loops; returns the index of every depth (0 where none is open)."""
        index = [Signal(_COUNT_BITS, name=f"index{level}") for level in range(LOOP_LEVELS)]
        last = [Signal(_COUNT_BITS, name=f"last{level}") for level in range(LOOP_LEVELS)]
        first = [Signal.like(position, name=f"first{level}") for level in range(LOOP_LEVELS)]
        first_pc = [Signal(32, name=f"first_pc{level}") for level in range(LOOP_LEVELS)]
        count = data.View(instruction_layout(BY_NAME["loop"]), word).count
        with m.If(self.dispatched & (opcode == BY_NAME["loop"].opcode)):
            m.d.sync += depth.eq(depth + 1)
            with m.Switch(depth):
                for level in range(LOOP_LEVELS):
                    with m.Case(level):
                        m.d.sync += [last[level].eq(count), first_pc[level].eq(self.pc + 1)]
                        m.d.sync += first[level].eq(position + 1 if level else 0)
            with m.If(depth == 0):
                m.d.sync += [position.eq(0), recorded.eq(0)]
        with m.If(self.dispatched & (opcode == BY_NAME["end"].opcode)), m.Switch(depth):
            for level in range(LOOP_LEVELS):
                with m.Case(level + 1):
                    with m.If(index[level] == last[level]):
                        m.d.sync += [depth.eq(level), index[level].eq(0)]
                    with m.Else():
                        m.d.sync += index[level].eq(index[level] + 1)
                        m.d.sync += [position.eq(first[level]), self.pc.eq(first_pc[level])]
        return index

    def _decide(self, m: Module, opcode: Value, available: Signal, depth: Signal, overflow: Value) -> None:
        """What happens in this cycle, and what it counts as."""

        def stop(fault: str) -> None:
            m.d.comb += self.fault.eq(FAULT_BY_NAME[fault].code)

        def go() -> None:
            m.d.comb += [self.dispatched.eq(1), self.events.busy.eq(1)]

        with m.If(self.enable & ~available):
            m.d.comb += self.events.fetch.eq(1)
            with m.If(self.exhausted):
                stop("program_end")
        with m.Elif(self.enable & overflow):
            stop("loop_buffer")
        with m.Elif(self.enable), m.Switch(opcode):
            for spec in INSTRUCTIONS:
                if spec.built and spec.unit in UNITS:
                    unit = UNITS.index(spec.unit)
                    with m.Case(spec.opcode):
                        with m.If(self.full[unit]):
                            m.d.comb += self.events[f"{spec.unit}_full"].eq(1)
                        with m.Else():
                            m.d.comb += self.push[unit].eq(1)
                            go()
            with m.Case(BY_NAME["loop"].opcode):
                with m.If(depth == LOOP_LEVELS):
                    stop("loop_depth")
                with m.Else():
                    go()
            with m.Case(BY_NAME["end"].opcode):
                with m.If(depth == 0):
                    stop("loop_end")
                with m.Else():
                    go()
            with m.Case(BY_NAME["halt"].opcode):
                with m.If(self.idle):
                    m.d.comb += self.halt.eq(1)
                    go()
                with m.Else():
                    m.d.comb += self.events.drain.eq(1)
            with m.Default():
                stop("opcode")
