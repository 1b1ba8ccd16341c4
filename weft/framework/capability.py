"""What a device can run, as data: primitive × element type × form, with the nearest thing that it can for all else.

A device says it in an attribute ``capabilities``; without one it is taken to run everything. ``shortfall`` answers for
a node, ``Capabilities.check`` refuses a graph at the first node that the device cannot run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from weft.framework.dtypes import DTYPES
from weft.framework.errors import FrameworkError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES

ALL_TYPES = frozenset(DTYPES)


class Shortfall(NamedTuple):
    """Why a node cannot run, and what is nearest that can."""

    reason: str
    nearest: str


@dataclass(frozen=True)
class SupportedForm:
    """A form that a node must have.

    text: the form in words, for tables. problem: why a node has it not, as the middle of a sentence; "" if it has.
    nearest: what to write instead.
    """

    text: str
    problem: Callable[[Graph, int], str]
    nearest: str


@dataclass(frozen=True)
class Capability:
    """What a device computes of one primitive: of which types of the first operand (of the result for what has none),
    and in which forms."""

    types: frozenset[str] = ALL_TYPES
    forms: tuple[SupportedForm, ...] = ()
    nearest: str = "another element type"


@dataclass(frozen=True)
class Capabilities:
    """A device's table.

    table: by primitive; what is not in it the device has not. lacking: element type → why there is none of it, and
    what is nearest. instead: primitive that the device has not → what is nearest. what: who computes, for messages.
    """

    table: Mapping[str, Capability]
    lacking: Mapping[str, Shortfall] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    what: str = "the device"

    def shortfall(self, graph: Graph, index: int) -> Shortfall | None:
        """Why node ``index`` cannot run here; None if it can."""
        node = graph.nodes[index]
        if node.dtype.name in self.lacking:
            reason, nearest = self.lacking[node.dtype.name]
            return Shortfall(f"{reason}, so it has no {node.dtype}", nearest)
        kind = (graph.nodes[node.inputs[0]] if node.inputs else node).dtype.name
        capability = self.table.get(node.op)
        if capability is None:
            nearest = self.instead.get(node.op, "device='cpu', which runs it")
            return Shortfall(f"{self.what} has no {node.op} of {kind}", nearest)
        if kind not in capability.types:
            return Shortfall(f"{self.what} has no {node.op} of {kind}", capability.nearest)
        for form in capability.forms:
            problem = form.problem(graph, index)
            if problem:
                return Shortfall(problem, form.nearest)
        return None

    def check(self, graph: Graph, refuse: Callable[[Graph, int, Shortfall], FrameworkError]) -> None:
        """Raise what ``refuse`` makes of the first node that some result needs, or input, that cannot run here."""
        for index, node in enumerate(graph.nodes):
            if index in graph.live or node.op == "input":
                found = self.shortfall(graph, index)
                if found is not None:
                    raise refuse(graph, index, found)

    def rows(self) -> list[str]:
        """The table for people: a line for each primitive, its types, its forms."""
        lines = []
        for name in PRIMITIVES:
            capability = self.table.get(name)
            if capability is None:
                lines.append(f"| `{name}` | – | {self.instead.get(name, 'on the CPU')} |")
                continue
            types = [t for t in DTYPES if t in capability.types and t not in self.lacking]
            every = len(types) == len(DTYPES) - len(self.lacking)
            forms = "; ".join(form.text for form in capability.forms) or "any"
            lines.append(f"| `{name}` | {'all that it has' if every else ', '.join(types)} | {forms} |")
        return lines


EVERYTHING = Capabilities({name: Capability() for name in PRIMITIVES})
"""Every primitive of every type in every form: the NumPy reference, and the CPU."""


def capabilities_of(device: object) -> Capabilities:
    """What a device states in its attribute ``capabilities``; everything if it states nothing."""
    stated = getattr(device, "capabilities", EVERYTHING)
    return stated if isinstance(stated, Capabilities) else EVERYTHING
