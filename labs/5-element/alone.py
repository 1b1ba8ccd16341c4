"""A part of your element, alone: each method with ports of its own, simulated, or as a circuit for proofs."""

# Amaranth has no types:
# mypy: allow-subclassing-any
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from amaranth.hdl import CombinationalCycle, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bench import Values, as_rtlil, record
from netlist import Netlist, netlist

from weft.lab import Difference

R = TypeVar("R")


class Part(wiring.Component):
    """An element of which only a part is built, with more ports to try that part alone."""

    def __init__(self, build: Callable[[Any, Module, Any], None], more: Mapping[str, Any], **widths: int) -> None:
        from element import Element

        self.build, self.element = build, Element(**widths)
        super().__init__(dict(self.element.signature.members) | dict(more))

    def elaborate(self, platform: object) -> Module:
        """Join the element's ports to this one's, and build."""
        m = Module()
        for name, member in self.element.signature.members.items():
            mine, inner = getattr(self, name), getattr(self.element, name)
            m.d.comb += inner.eq(mine) if member.flow is In else mine.eq(inner)
        self.build(self.element, m, self)
        return m


def right_side(**widths: int) -> Part:
    """The wires to the neighbour on the right."""
    return Part(lambda element, m, part: element.move_right(m), {}, **widths)


def weights(**widths: int) -> Part:
    """The weight alone, at ``weight``."""

    def build(element: Any, m: Module, part: Any) -> None:
        m.d.comb += part.weight.eq(given(element.weight(m), "weight()", "the weight"))

    return Part(build, {"weight": Out(widths.get("bits", 8))}, **widths)


def product(**widths: int) -> Part:
    """``total`` made of a given ``weight``."""

    def build(element: Any, m: Module, part: Any) -> None:
        m.d.comb += part.total.eq(given(element.multiply_add(part.weight), "multiply_add()", "the sum"))

    return Part(build, {"weight": In(widths.get("bits", 8)), "total": Out(widths.get("sum_bits", 32))}, **widths)


def below(**widths: int) -> Part:
    """``sum_out`` made of a given ``total``."""
    total = In(widths.get("sum_bits", 32) + 2)
    return Part(lambda element, m, part: element.add_to_sum(m, part.total), {"total": total}, **widths)


def given(value: Any, call: str, what: str) -> Any:
    """``value``, unless the call forgot to return it."""
    if value is None:
        raise Difference(f"what {call} returns", f"{what}, as a value of Amaranth", "None")
    return value


def simulated(component: Any, stimulus: Sequence[Mapping[str, int]]) -> list[Values]:
    """What ``record`` returns; a circuit that never comes to rest is a difference."""
    return _without_loop(lambda: record(component, stimulus))


def built(component: Any) -> None:
    """Elaborate it; a circuit that never comes to rest is a difference."""
    _without_loop(lambda: as_rtlil(component))


def circuit(component: Any) -> Netlist:
    """What ``netlist`` returns; a circuit that never comes to rest is a difference."""
    return _without_loop(lambda: netlist(component))


def _without_loop(run: Callable[[], R]) -> R:
    try:
        return run()
    except CombinationalCycle as loop:
        wanted = "no value that depends on itself in the same cycle (only a register breaks such a loop)"
        raise Difference("the wires of your circuit (`comb`)", wanted, str(loop)) from None
