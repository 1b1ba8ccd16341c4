"""What a device can run, as data: primitive × element type × form, with the nearest thing that it can for all else.

A device says it in an attribute ``capabilities``; without one it is taken to run everything. ``shortfall`` answers for
a node; ``Capabilities.check``, which a device calls when it compiles, refuses a graph at the first node that it cannot
run. docs/capabilities.md is written from the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from weft.framework.dtypes import DTYPES
from weft.framework.errors import DeviceError, FrameworkError
from weft.framework.graph import Graph, Node
from weft.framework.names import node_text
from weft.framework.primitives import PRIMITIVES

ALL_TYPES = frozenset(DTYPES)


class Shortfall(NamedTuple):
    """Why a node cannot run, and what is nearest that can."""

    reason: str
    nearest: str


Refusal = Callable[[Graph, int, str, Shortfall], FrameworkError]
"""Makes an error of a graph, a node of it, who cannot run it, and why."""


def refusal(graph: Graph, index: int, what: str, why: Shortfall) -> FrameworkError:
    """The error of a node that a device cannot run: the node, the reason, the nearest that it can."""
    return DeviceError(f"{node_text(graph, index)}: {what} cannot run this: {why.reason}; nearest: {why.nearest}")


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
    """What a device computes of one primitive.

    types: of the first operand, of the result for what has none. forms: what a node must be besides. nearest: what to
    write for another type. reference: the types of which the device has no code of its own and calls the primitive's
    NumPy reference on the host.
    """

    types: frozenset[str] = ALL_TYPES
    forms: tuple[SupportedForm, ...] = ()
    nearest: str = "another element type"
    reference: frozenset[str] = frozenset()


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
        kind = operand_type(graph, node)
        capability = self.table.get(node.op)
        if capability is None:
            return Shortfall(f"{self.what} has no {node.op} of {kind}", self.nearest(node.op))
        if kind not in capability.types:
            return Shortfall(f"{self.what} has no {node.op} of {kind}", capability.nearest)
        for form in capability.forms:
            problem = form.problem(graph, index)
            if problem:
                return Shortfall(problem, form.nearest)
        return None

    def check(self, graph: Graph, refuse: Refusal = refusal) -> None:
        """Raise what ``refuse`` makes of the first node that some result needs, or input, that cannot run here."""
        for index, node in enumerate(graph.nodes):
            if index in graph.live or node.op == "input":
                found = self.shortfall(graph, index)
                if found is not None:
                    raise refuse(graph, index, self.what, found)

    def nearest(self, op: str) -> str:
        """What is nearest to a primitive that the device has not."""
        return self.instead.get(op, "device='cpu', which runs it")

    def calls_reference(self, op: str, dtype: str) -> bool:
        """Whether the device leaves ``op`` on operands of that type to the primitive's reference."""
        return op in self.table and dtype in self.table[op].reference


EVERYTHING = Capabilities({name: Capability() for name in PRIMITIVES})
"""Every primitive of every type in every form: the NumPy reference."""


def operand_type(graph: Graph, node: Node) -> str:
    """The element type that tells which of a primitive's kinds a node is."""
    return (graph.nodes[node.inputs[0]] if node.inputs else node).dtype.name


def capabilities_of(device: object) -> Capabilities:
    """What a device states in its attribute ``capabilities``; everything if it states nothing."""
    stated = getattr(device, "capabilities", EVERYTHING)
    return stated if isinstance(stated, Capabilities) else EVERYTHING
