"""A device under test: the graph that it really lowers, the value of every node of that, and the results users get.

Any registered device is one. What a device may offer beyond ``framework.device.Device``: ``prepared(graph)``, the graph
after its passes; ``observable(graph)``, the nodes of such a graph whose values it can hand out; ``accuracy``; and its
executables ``validate()``, which raises for a program that is not sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weft.compiler.accuracy import Accuracy, accuracy_of
from weft.framework.device import Device, Executable, Result, get_device, known_devices
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

OPTIONS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "accel": ({"machine": "nano", "tune": False, "trace": False}, {"machine": "edu", "tune": False, "trace": False}),
}
"""Device → the ways in which it is built; graphs take them in turn."""


@dataclass(frozen=True)
class Subject:
    """A device as the fuzzer sees it."""

    device: Device

    @property
    def name(self) -> str:
        """The device's name."""
        return self.device.name

    @property
    def accuracy(self) -> Accuracy:
        """What the device states of its arithmetic."""
        return accuracy_of(self.device)

    def prepared(self, graph: Graph) -> Graph:
        """The graph that the device lowers."""
        passes = getattr(self.device, "prepared", None)
        return graph if passes is None else passes(graph)

    def observe(self, prepared: Graph, values: Mapping[str, Array]) -> dict[int, Array]:
        """The value of every node that can be handed out, inputs included. Raises what compiling and running raise."""
        observable = getattr(self.device, "observable", None)
        nodes = range(len(prepared.nodes)) if observable is None else observable(prepared)
        seen = [i for i in nodes if prepared.nodes[i].op not in ("input", "constant") and not prepared.nodes[i].further]
        outputs = self._executable(observed(prepared, seen))(values).outputs
        found = {i: values[name] for name, i in prepared.input_names.items()}
        return found | {i: outputs[f"%{i}"] for i in seen}

    def run(self, graph: Graph, values: Mapping[str, Array]) -> Result:
        """One run of the graph as users get it."""
        return self._executable(graph)(values)

    def _executable(self, graph: Graph) -> Executable:
        """The graph compiled; checked by itself, if it can do that (``validate()``)."""
        executable = self.device.compile(graph)
        check = getattr(executable, "validate", None)
        if check is not None:
            check()
        return executable


def observed(graph: Graph, nodes: list[int] | None = None) -> Graph:
    """The graph with nodes (None: all) handed out, as outputs ``%n``; updates are left away."""
    chosen = range(len(graph.nodes)) if nodes is None else nodes
    return replace(graph, outputs=tuple((f"%{i}", i) for i in chosen), updates=())


def subjects(names: tuple[str, ...] = (), turn: int = 0) -> list[Subject]:
    """The devices called by name, or all registered ones, built in the way that is ``turn``'s. Raises DeviceError."""
    built = []
    for name in names or known_devices():
        ways = OPTIONS.get(name, ({},))
        built.append(Subject(get_device(name, **ways[turn % len(ways)])))
    return built
