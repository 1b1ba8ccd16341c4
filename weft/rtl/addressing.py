"""Loop addressing: every address operand of an instruction becomes base + sum of index times increment."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.fields import INSTRUCTION_BITS, LOOP_LEVELS, Spec
from weft.isa.instructions import BY_NAME, INSTRUCTIONS, UNITS
from weft.rtl.interfaces import address_fields, instruction_layout

_SPECS = tuple(spec for spec in INSTRUCTIONS if spec.built and spec.unit in UNITS)
_OPERANDS = max(len(address_fields(spec)) for spec in _SPECS)
_INDEX_BITS = BY_NAME["loop"].layout["count"].field.width
_INCREMENT_BITS = max(
    placed.field.width for spec in _SPECS for name, placed in spec.layout.items() if name.rstrip("012").endswith("_inc")
)
_ADDRESS_BITS = 32


def _increments(view: data.View, spec: Spec, operand: str) -> list[Value]:
    """What the loop at every depth adds per iteration: three fields, or one with the depth it belongs to."""
    if f"{operand}_level" not in spec.layout:
        return [view[f"{operand}_inc{level}"] for level in range(LOOP_LEVELS)]
    return [Mux(view[f"{operand}_level"] == level, view[f"{operand}_inc"], 0) for level in range(LOOP_LEVELS)]


class Addressing(wiring.Component):
    """``record`` is ``word`` with its addresses moved by the loop indices ``index<depth>``; combinational.

    The multipliers are shared: operand ``i`` of every instruction uses the ``i``-th set.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "word": In(INSTRUCTION_BITS),
                **{f"index{level}": In(_INDEX_BITS) for level in range(LOOP_LEVELS)},
                "record": Out(INSTRUCTION_BITS),
            }
        )

    @property
    def indices(self) -> list[Value]:
        """The index inputs, outermost first."""
        return [getattr(self, f"index{level}") for level in range(LOOP_LEVELS)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        opcode = self.word[: BY_NAME["load"].layout["opcode"].field.width]
        increments = [
            [Signal(signed(_INCREMENT_BITS), name=f"operand{i}_increment{level}") for level in range(LOOP_LEVELS)]
            for i in range(_OPERANDS)
        ]
        offsets = [Signal(_ADDRESS_BITS, name=f"operand{i}_offset") for i in range(_OPERANDS)]
        m.d.comb += self.record.eq(self.word)
        with m.Switch(opcode):
            for spec in _SPECS:
                view = data.View(instruction_layout(spec), self.word)
                moved = data.View(instruction_layout(spec), self.record)
                with m.Case(spec.opcode):
                    for i, operand in enumerate(address_fields(spec)):
                        given = _increments(view, spec, operand)
                        m.d.comb += [to.eq(by) for to, by in zip(increments[i], given, strict=True)]
                        m.d.comb += moved[operand].eq(view[operand] + offsets[i])
        for offset, steps in zip(offsets, increments, strict=True):
            m.d.comb += offset.eq(sum(step * index for step, index in zip(steps, self.indices, strict=True)))
        return m
