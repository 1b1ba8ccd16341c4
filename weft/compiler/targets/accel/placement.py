"""Placement: where every value that outlives its kernel lives, and which kernels may write over a state in place.

What results need of the old value of a state that changes is moved out before the first kernel, so that only kernels
have to be asked who reads a state last. `contents.py` then checks the placement without knowing any of this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from weft.compiler.targets.accel.arrays import StoredValue, dram_pitch, local_pitch
from weft.compiler.targets.accel.contents import check_contents, may_overwrite
from weft.compiler.targets.accel.groups import KernelFusion
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.layout import DramAllocator
from weft.compiler.targets.accel.memory import Arena
from weft.compiler.targets.accel.micro import FULL, STORAGE, MicroOp
from weft.compiler.targets.accel.residency import ResidentCandidate, ResidentRange, leases
from weft.compiler.targets.accel.views import stored
from weft.framework.names import node_label
from weft.isa.machine import Machine
from weft.isa.program import Buffer

BUFFER_DTYPES = {"bool": "int8"}
"""A bool is stored as int8: -1 for true, 0 for false."""


@dataclass
class Placement:
    """``kernels`` with the copies that states and outputs need; ``arrays``: where values are; ``copies``: values that
    are copies → of what; ``resident``: values kept in the scratchpad, and ``names``, what those are called."""

    kernels: list[TileKernel]
    arrays: dict[int, StoredValue] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    resident: dict[int, ResidentRange] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    end: int = 0


class MemoryPlanner:
    """Decides where values live. ``evicted``: values that must not stay in the scratchpad."""

    def __init__(
        self, fusion: KernelFusion, kernels: Sequence[TileKernel], machine: Machine, evicted: Collection[int]
    ) -> None:
        self.fusion, self.graph, self.machine, self.evicted = fusion, fusion.graph, machine, evicted
        self.layout = DramAllocator(machine)
        self.scratchpad = Arena("scratchpad", machine)
        self.placement = Placement(list(kernels))
        self.made_in = {value: k for k, kernel in enumerate(kernels) for value in kernel.outputs.values()}
        self.before: list[TileKernel] = []
        self.after: list[TileKernel] = []

    def run(self) -> Placement:
        """The placement of everything, checked. Raises InternalError."""
        p, graph = self.placement, self.graph
        outputs = {name: self.fusion.stored(i) for name, i in graph.outputs}
        updates = {graph.input_names[name]: self.fusion.stored(i) for name, i in graph.updates}
        updates = {state: value for state, value in updates.items() if state != value}
        read = {v for kernel in p.kernels for v in kernel.values}
        needed = read | set(outputs.values()) | set(updates.values())
        for i in graph.inputs:
            if graph.nodes[i].attr("kind") == "state" or i in needed:
                p.arrays[i] = self._fixed(i)
                self._buffer(self._name(i), graph.nodes[i].attr("kind"), i, p.arrays[i])
        for i in sorted(v for v in needed if graph.nodes[v].op == "constant"):
            p.arrays[i] = self._constant(i)
        given = list(p.arrays)
        for state, value in updates.items():
            if value not in p.arrays and self._in_place(state, value):
                p.arrays[value] = p.arrays[state]
        wanted = [self._output(name, value, updates) for name, value in outputs.items()]
        self._exchange({state: value for state, value in updates.items() if value in updates}, read)
        for state, value in updates.items():
            if value not in updates and p.arrays.get(value) != p.arrays[state]:
                self.after.append(self._copy(value, p.arrays[state], f"update {self._name(state)}"))
            wanted.append((f"state {self._name(state)}", p.arrays[state], value))
        p.kernels = [*self.before, *p.kernels, *self.after]
        self._between()
        p.end = self.layout.end
        check_contents(p.kernels, p.arrays, given, wanted, p.copies)
        return p

    def _name(self, index: int) -> str:
        name: str = self.graph.nodes[index].attr("name")
        return name

    def _copy(self, source: int, target: StoredValue, name: str) -> TileKernel:
        """A kernel that copies a value, or a copy of one, to ``target``."""
        p = self.placement
        copied = -1 - len(p.copies)
        p.copies[copied], p.arrays[copied] = p.copies.get(source, source), target
        node = self.graph.nodes[p.copies[copied]]
        leaf = MicroOp("leaf", "", (), FULL, node.dtype.name, name, value=source)
        moved = MicroOp("un", "identity", (0,), FULL, node.dtype.name, name)
        return TileKernel(name, *stored(node.shape), (leaf, moved), {1: copied})

    def _save(self, value: int, name: str) -> int:
        """Copy a value to a place of its own before the first kernel; the copy."""
        self.before.append(self._copy(value, self._fixed(value), name))
        return next(iter(self.before[-1].outputs.values()))

    def _output(self, name: str, value: int, updates: Mapping[int, int]) -> tuple[str, StoredValue, int]:
        """Give an output its place: the old value of a changing state is saved there; where nothing at all is computed
        values are written nevertheless, so that a program has work to do; all else is where it is made."""
        p = self.placement
        if value in updates or not (self.made_in or updates):
            array = p.arrays[self._save(value, f"output {name}")]
        else:
            if value not in p.arrays:
                p.arrays[value] = self._fixed(value)
            array = p.arrays[value]
        self._buffer(name, "output", dict(self.graph.outputs)[name], array)
        return f"output {name}", array, value

    def _exchange(self, moves: Mapping[int, int], read: Collection[int]) -> None:
        """State ← old value of another state that changes too. A state that no kernel reads is written at once, after
        all moves that read it; for one in a cycle of moves, or that is still read, the value is saved first."""
        pending = dict(moves)
        held = [state for state in pending if state in read]
        while pending:
            free = next((s for s in pending if s not in pending.values() and s not in held), None)
            state = free if free is not None else held.pop() if held else next(iter(pending))
            value, name = pending.pop(state), self._name(state)
            if free is not None:
                self.before.append(self._copy(value, self.placement.arrays[state], f"update {name}"))
            else:
                saved = self._save(value, f"save for {name}")
                self.after.append(self._copy(saved, self.placement.arrays[state], f"update {name}"))

    def _sizes(self, value: int) -> tuple[str, int, int, int]:
        node = self.graph.nodes[value]
        rows, cols = stored(node.shape)
        return node.dtype.name, rows, cols, dram_pitch(self.machine, node.dtype.name, cols)

    def _fixed(self, value: int) -> StoredValue:
        dtype, rows, cols, pitch = self._sizes(value)
        return StoredValue(dtype, rows, cols, pitch, self.layout.fixed(rows * pitch))

    def _buffer(self, name: str, kind: str, node: int, array: StoredValue) -> None:
        shape, dtype = self.graph.nodes[node].shape, self.graph.nodes[node].dtype.name
        packed = len(shape) > 1 and shape[-1] == 1  # one element after the other, whatever the rows
        pitch = array.element_bytes if packed else array.pitch
        used = {b.name for b in self.placement.buffers}
        label = name if name not in used else f"{name} (output)"
        buffer = Buffer(label, kind, BUFFER_DTYPES.get(dtype, dtype), shape, array.address, pitch)
        self.placement.buffers.append(buffer)

    def _constant(self, value: int) -> StoredValue:
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

    def _in_place(self, state: int, value: int) -> bool:
        """Whether the kernel that makes ``value`` may write it over ``state``: no kernel reads the old value later, and
        this one, if it does, element by element."""
        if value not in self.made_in:
            return False
        number = self.made_in[value]
        kernels = self.placement.kernels
        late = any(state in kernel.values for kernel in kernels[number + 1 :])
        return not late and may_overwrite(kernels[number], state, value)

    def _between(self) -> None:
        """Values from kernel to kernel: narrow whole ones in the scratchpad, all others in scratch DRAM."""
        p = self.placement
        self.made_in = {value: k for k, kernel in enumerate(p.kernels) for value in kernel.outputs.values()}
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
                tenants.append(
                    ResidentCandidate(value, size, self.made_in[value], last.get(value, self.made_in[value]), partners)
                )
        p.resident = dict(leases(self.machine, tenants))
        for value, lease in p.resident.items():
            dtype, rows, cols, _ = self._sizes(value)
            local = lease.bank * self.scratchpad.bank_bytes + lease.start
            p.names[value] = node_label(self.graph, value)
            p.arrays[value] = StoredValue(
                dtype, rows, cols, local_pitch(self.machine, dtype, cols), 0, local, lease.bank
            )
        for value in between:
            if value not in p.arrays:
                dtype, rows, cols, pitch = self._sizes(value)
                begin = self.made_in[value]
                address = self.layout.scratch(rows * pitch, begin, last.get(value, begin))
                p.arrays[value] = StoredValue(dtype, rows, cols, pitch, address)
