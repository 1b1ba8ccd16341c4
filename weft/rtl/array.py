"""The systolic array: DIM × DIM elements, with the skew of their inputs and the deskew of their sums."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.rtl.cells import place
from weft.rtl.element import ProcessingElement, activation_layout, weight_layout
from weft.rtl.pipe import delayed


def _delayed_struct(m: Module, value: data.View, cycles: int, name: str, control: tuple[str, ...]) -> data.View:
    """A struct delayed by ``cycles``, of which the fields in ``control`` are cleared by a reset."""
    layout = value.shape()
    names = list(layout.members)
    plain = [n for n in names if n not in control]
    bits: dict[str, Value] = {}
    for group, cleared in ((plain, False), (list(control), True)):
        late = delayed(m, Cat(*(value[n] for n in group)), cycles, f"{name}_{'flags' if cleared else 'value'}",
                       control=cleared)  # fmt: skip
        at = 0
        for member in group:
            width = len(Value.cast(value[member]))
            bits[member] = late[at : at + width]
            at += width
    return data.View(layout, Cat(*(bits[n] for n in names)))


class SystolicArray(wiring.Component):
    """DIM × DIM elements.

    ``activations``: one row of a tile, element ``k`` for row ``k`` of the array. ``weights``: column ``hops`` of the
    stationary operand, element ``k`` in ``weight_values``. ``sums``: the column sums of the row that entered
    ``DIM·pipeline.mac + DIM − 1`` cycles ago.

    Element (k, n) sees both ``k·pipeline.mac + n`` cycles after they enter. ``instances`` places the elements as
    instances of the module ``weft_element``.
    """

    def __init__(self, machine: Machine, instances: bool = False) -> None:
        self.machine, self.instances = machine, instances
        super().__init__(
            {
                "activations": In(data.ArrayLayout(activation_layout(machine), machine.dim)),
                "weights": In(data.ArrayLayout(weight_layout(machine), machine.dim)),
                "sums": Out(data.ArrayLayout(32, machine.dim)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dim, mac = self.machine.dim, self.machine.pipeline.mac
        sums: list[Value] = [Value.cast(0)] * dim
        for k in range(dim):
            activation = _delayed_struct(m, self.activations[k], k * mac, f"activation{k}", ("active", "first"))
            weight = _delayed_struct(m, self.weights[k], k * mac, f"weight{k}", ("valid",))
            for n in range(dim):
                element = place(m, ProcessingElement, self.machine, f"element_{k}_{n}", self.instances)
                m.d.comb += [
                    element.activation_in.eq(activation),
                    element.weight_in.eq(weight),
                    element.sum_in.eq(sums[n]),
                ]
                activation, weight, sums[n] = element.activation_out, element.weight_out, element.sum_out
        for n, total in enumerate(sums):
            m.d.comb += self.sums[n].eq(delayed(m, total, dim - 1 - n, f"sum{n}"))
        return m
