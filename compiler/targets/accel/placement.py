"""Placement: where every value that outlives its kernel lives, and which kernels may write over a state in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.targets.accel.arrays import Array, dram_pitch, local_pitch
from compiler.targets.accel.build import label_of
from compiler.targets.accel.groups import Grouper
from compiler.targets.accel.kernel import Kernel
from compiler.targets.accel.layout import Layout
from compiler.targets.accel.memory import Arena
from compiler.targets.accel.micro import FULL, STORAGE, Micro
from compiler.targets.accel.residency import Lease, Tenant, leases
from compiler.targets.accel.views import stored
from framework.graph import Graph
from isa.machine import Machine
from isa.program import Buffer

BUFFER_DTYPES = {"bool": "int8"}
"""A bool is stored as int8: -1 for true, 0 for false."""


@dataclass
class Placement:
    """``kernels`` with the copies that state updates need; ``arrays``: where values are;
    ``resident``: values kept in the scratchpad, and ``names``, what those are called."""

    kernels: list[Kernel]
    arrays: dict[int, Array] = field(default_factory=dict)
    resident: dict[int, Lease] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    end: int = 0


def _copy(graph: Graph, source: int, target: int, name: str) -> Kernel:
    """A kernel that copies a value to the array of value ``target``."""
    node = graph.nodes[source]
    leaf = Micro("leaf", "", (), FULL, node.dtype.name, name, value=source)
    moved = Micro("un", "identity", (0,), FULL, node.dtype.name, name)
    return Kernel(name, *stored(node.shape), (leaf, moved), {1: target})


class Placer:
    """Decides where values live. ``evicted``: values that must not stay in the scratchpad."""

    def __init__(self, grouper: Grouper, kernels: Sequence[Kernel], machine: Machine, evicted: Collection[int]) -> None:
        self.grouper, self.graph, self.machine, self.evicted = grouper, grouper.graph, machine, evicted
        self.layout = Layout(machine)
        self.scratchpad = Arena("scratchpad", machine)
        self.placement = Placement(list(kernels))
        self.made_in = {value: k for k, kernel in enumerate(kernels) for value in kernel.outputs.values()}

    def run(self) -> Placement:
        """The placement of everything."""
        p, graph = self.placement, self.graph
        outputs = {name: self.grouper.stored(i) for name, i in graph.outputs}
        updates = {graph.input_names[name]: self.grouper.stored(i) for name, i in graph.updates}
        read = {v for kernel in p.kernels for v in kernel.values} | set(outputs.values()) | set(updates.values())
        for i in graph.inputs:
            if graph.nodes[i].attr("kind") == "state" or i in read:
                p.arrays[i] = self._fixed(i)
                self._buffer(graph.nodes[i].attr("name"), graph.nodes[i].attr("kind"), i, p.arrays[i])
        for i in sorted(v for v in read if graph.nodes[v].op == "constant"):
            p.arrays[i] = self._constant(i)
        late: list[Kernel] = []
        saved: list[Kernel] = []
        for state, value in updates.items():
            if value == state:
                continue
            if value not in p.arrays and self._in_place(state, value, outputs):
                p.arrays[value] = p.arrays[state]
                continue
            name = graph.nodes[state].attr("name")
            if value in updates and value != state:  # another state's old value, which may be overwritten meanwhile
                spare = -1 - len(saved)
                p.arrays[spare] = self._fixed(value)
                saved.append(_copy(graph, value, spare, f"save for {name}"))
                late.append(_copy_from(graph, value, spare, state, f"update {name}"))
            else:
                late.append(_copy(graph, value, state, f"update {name}"))
        copied: dict[int, int] = {}
        for number, (name, value) in enumerate(outputs.items()):
            if value in updates and updates[value] != value:
                spare = -1000 - number
                p.arrays[spare] = self._fixed(value)
                saved.append(_copy(graph, value, spare, f"output {name}"))
                value = spare
            elif value not in p.arrays:
                p.arrays[value] = self._fixed(value)
            elif not self.made_in and not updates and value not in copied:
                # Nothing is computed at all: the outputs are written nevertheless, so that a program has work to do.
                copied[value] = spare = -1000 - number
                p.arrays[spare] = self._fixed(value)
                saved.append(_copy(graph, value, spare, f"output {name}"))
            value = copied.get(value, value)
            self._buffer(name, "output", dict(graph.outputs)[name], p.arrays[value])
        p.kernels += [*saved, *late]
        self._between()
        p.end = self.layout.end
        return p

    def _sizes(self, value: int) -> tuple[str, int, int, int]:
        node = self.graph.nodes[value]
        rows, cols = stored(node.shape)
        return node.dtype.name, rows, cols, dram_pitch(self.machine, node.dtype.name, cols)

    def _fixed(self, value: int) -> Array:
        dtype, rows, cols, pitch = self._sizes(value)
        return Array(dtype, rows, cols, pitch, self.layout.fixed(rows * pitch))

    def _buffer(self, name: str, kind: str, node: int, array: Array) -> None:
        shape, dtype = self.graph.nodes[node].shape, self.graph.nodes[node].dtype.name
        packed = len(shape) > 1 and shape[-1] == 1  # one element after the other, whatever the rows
        pitch = array.element_bytes if packed else array.pitch
        used = {b.name for b in self.placement.buffers}
        label = name if name not in used else f"{name} (output)"
        buffer = Buffer(label, kind, BUFFER_DTYPES.get(dtype, dtype), shape, array.address, pitch)
        self.placement.buffers.append(buffer)

    def _constant(self, value: int) -> Array:
        array = self._fixed(value)
        node = self.graph.nodes[value]
        raw = np.frombuffer(node.attr("value"), node.dtype.numpy)
        if node.dtype.kind == "bool":
            raw = -raw.astype(np.int8)
        rows = raw.reshape(array.rows, array.cols)
        padded = np.zeros((array.rows, array.pitch), np.uint8)
        packed = np.ascontiguousarray(rows).view(np.uint8).reshape(array.rows, -1)
        padded[:, : packed.shape[1]] = packed
        self.placement.data[array.address] = padded.tobytes()
        return array

    def _in_place(self, state: int, value: int, outputs: Mapping[str, int]) -> bool:
        """Whether the kernel that makes ``value`` may write it over ``state``: nothing reads the old value later, and
        the kernel reads it, if at all, element by element in the place of the new one."""
        if value not in self.made_in or state in outputs.values():
            return False
        number = self.made_in[value]
        kernels = self.placement.kernels
        if any(state in kernel.values for kernel in kernels[number + 1 :]):
            return False
        kernel = kernels[number]
        if kernel.product and state in (kernel.product.a, kernel.product.b):
            return False
        role = next(kernel.micros[m].role for m, v in kernel.outputs.items() if v == value)
        return all(m.role == role for m in kernel.micros if m.kind == "leaf" and m.value == state)

    def _between(self) -> None:
        """Values from kernel to kernel: narrow whole ones in the scratchpad, all others in scratch DRAM."""
        p = self.placement
        last = {v: k for k, kernel in enumerate(p.kernels) for v in kernel.values}
        between = [v for v in self.made_in if v not in p.arrays]
        products = [k.product for k in p.kernels if k.product]
        tenants = []
        for value in between:
            kernel = p.kernels[self.made_in[value]]
            dtype, rows, cols, _ = self._sizes(value)
            role = next(kernel.micros[m].role for m, v in kernel.outputs.items() if v == value)
            if STORAGE[dtype][0] == "scratchpad" and role == FULL and value not in self.evicted:
                size = self.scratchpad.rounded(rows * local_pitch(self.machine, dtype, cols))
                partners = frozenset({q.b for q in products if q.a == value} | {q.a for q in products if q.b == value})
                tenants.append(Tenant(value, size, self.made_in[value], last.get(value, self.made_in[value]), partners))
        p.resident = dict(leases(self.machine, tenants))
        for value, lease in p.resident.items():
            dtype, rows, cols, _ = self._sizes(value)
            local = lease.bank * self.scratchpad.bank_bytes + lease.start
            p.names[value] = label_of(self.graph, value)
            p.arrays[value] = Array(dtype, rows, cols, local_pitch(self.machine, dtype, cols), 0, local, lease.bank)
        for value in between:
            if value not in p.arrays:
                dtype, rows, cols, pitch = self._sizes(value)
                begin = self.made_in[value]
                address = self.layout.scratch(rows * pitch, begin, last.get(value, begin))
                p.arrays[value] = Array(dtype, rows, cols, pitch, address)


def _copy_from(graph: Graph, like: int, spare: int, target: int, name: str) -> Kernel:
    made = _copy(graph, like, target, name)
    leaf = Micro("leaf", "", (), FULL, graph.nodes[like].dtype.name, name, value=spare)
    return Kernel(made.label, made.rows, made.cols, (leaf, made.micros[1]), made.outputs)
