"""The ports of an element, and what their fields mean. The element has them; its column and its monitor see no more."""

from __future__ import annotations

from amaranth.lib import data
from amaranth.lib.wiring import In, Member, Out


def activation_layout(bits: int) -> data.StructLayout:
    """What moves right with an activation.

    - ``value``: the number, in two's complement. (The field itself has no sign: it is ``bits`` bits.)
    - ``active``: there is a number here. If not, ``value`` means nothing and the sum passes unchanged.
    - ``first``: the first row of a tile: from here on the shadow weight is the weight. It counts also where ``active``
      is 0.
    """
    return data.StructLayout({"value": bits, "active": 1, "first": 1})


def weight_layout(bits: int, columns: int) -> data.StructLayout:
    """What moves right with a weight: ``value``, whether it is ``valid``, and how many ``hops`` it has to go.

    The element that sees it with ``hops`` 0 keeps it, and it goes no further.
    """
    return data.StructLayout({"value": bits, "valid": 1, "hops": range(columns)})


def element_ports(bits: int, sum_bits: int, columns: int) -> dict[str, Member]:
    """Activation, weight and sum, in and out."""
    shapes = {"activation": activation_layout(bits), "weight": weight_layout(bits, columns), "sum": sum_bits}
    return {
        **{f"{name}_in": In(shape) for name, shape in shapes.items()},
        **{f"{name}_out": Out(shape) for name, shape in shapes.items()},
    }
