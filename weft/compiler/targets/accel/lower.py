"""Lowering: a graph in, a program out, with ever smaller demands on the on-chip memories until everything fits."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from weft.compiler.errors import CompileError, failing_at
from weft.compiler.targets.accel.assemble import KernelDescription, assemble
from weft.compiler.targets.accel.build import kernel_of
from weft.compiler.targets.accel.capabilities import CAPABILITIES
from weft.compiler.targets.accel.emit import TaskBuilder
from weft.compiler.targets.accel.groups import KernelFusion, KernelGroup
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.memory import Allocation, AllocationFailure
from weft.compiler.targets.accel.order import ordered
from weft.compiler.targets.accel.placement import MemoryPlanner, Placement
from weft.compiler.targets.accel.plans import plans
from weft.compiler.targets.accel.views import unsupported
from weft.compiler.targets.accel.walk import KernelEmitter
from weft.framework.graph import Graph
from weft.framework.names import node_label, node_name, node_text
from weft.isa.machine import Machine
from weft.isa.program import Program

_MOST_PLANS = 200


class _DoesNotFit(Exception):
    """Kernel ``index`` fits with no plan; ``problem`` is what its smallest one lacked."""

    def __init__(self, index: int, problem: AllocationFailure | None) -> None:
        self.index, self.problem = index, problem


@dataclass(frozen=True)
class LoweringOptions:
    """What a search may vary; no choice changes what is computed, but for the order of sums over tiles.

    share: part of the memories that one tile of a kernel should take. recent: see ``memory.Arena``. window: see
    ``schedule.hoisted``. early: whether kernels that nobody reads run early (``order``).
    """

    share: float = 0.5
    recent: int = 4
    window: int = 16
    early: bool = True


class _Emission:
    """Emits all kernels of a placement into one builder."""

    def __init__(self, machine: Machine, placement: Placement, choice: LoweringOptions) -> None:
        self.machine, self.placement, self.choice = machine, placement, choice
        self.builder = TaskBuilder(machine, choice.recent)

    def run(self) -> TaskBuilder:
        """Emit. Raises _DoesNotFit."""
        spaces: dict[int, Allocation] = {}
        for index, kernel in enumerate(self.placement.kernels):
            self.builder.op = index
            for value, lease in self.placement.resident.items():
                if lease.first == index:
                    name = self.placement.names[value]
                    spaces[value] = self.builder.reserve(lease.bank, lease.start, lease.size, name)
            self._kernel(index, kernel)
            for value in [v for v in spaces if self.placement.resident[v].last <= index]:
                self.builder.release(spaces.pop(value))
        return self.builder

    def _kernel(self, index: int, kernel: TileKernel) -> None:
        problem: AllocationFailure | None = None
        every = plans(self.machine, kernel, self.placement.arrays, self.choice.share)
        for plan in itertools.islice(every, _MOST_PLANS):
            saved = copy.deepcopy((self.builder.accumulator, self.builder.scratchpad))
            tasks, lives = len(self.builder.tasks), len(self.builder.lives.all)
            try:
                with failing_at(lambda: kernel.label, (AllocationFailure,)):
                    KernelEmitter(self.builder, kernel, self.placement.arrays, plan).run()
                return
            except AllocationFailure as error:
                problem = error
                self.builder.accumulator, self.builder.scratchpad = saved
                del self.builder.tasks[tasks:]
                self.builder.lives.forget(lives)
        raise _DoesNotFit(index, problem)


def lower(
    graph: Graph,
    machine: Machine,
    name: str = "graph",
    keep: Collection[int] = (),
    choice: LoweringOptions | None = None,
) -> Program:
    """The program of a graph on which the passes have run. ``keep``: nodes whose value becomes an output ``%index``.

    Raises CompileError: for a node that the accelerator cannot run (node, reason, nearest supported form), or for one
    that does not fit (how much it needs, what there is).
    """
    if keep:
        names = {n for n, _ in graph.outputs}
        extra = tuple((f"%{i}", i) for i in keep if f"%{i}" not in names)
        graph = Graph(graph.nodes, (*graph.outputs, *extra), graph.updates)
    CAPABILITIES.check(graph, lambda graph, index, _, why: unsupported(graph, index, *why))
    _check_types(graph, machine)
    choice = choice or LoweringOptions()
    evicted: set[int] = set()
    apart: set[int] = set()
    while True:
        fusion = KernelFusion(graph, set(graph.results), apart)
        groups = fusion.run()
        updates = {fusion.stored(i): graph.input_names[state] for state, i in graph.updates}
        kernels = [_kernel(fusion, group) for group in groups]
        sequence = ordered(kernels, updates) if choice.early else list(range(len(kernels)))
        placement = MemoryPlanner(fusion, [kernels[k] for k in sequence], machine, evicted).run()
        if placement.end > machine.dram.bytes:
            raise _dram_error(name, machine, placement)
        try:
            builder = _Emission(machine, placement, choice).run()
            break
        except _DoesNotFit as failure:
            at = failure.index
            living = {v for v, lease in placement.resident.items() if lease.first <= at <= lease.last}
            members = placement.kernels[at].nodes
            splits = {i for i in members if graph.nodes[i].op != "matmul"} - apart
            if living:
                evicted |= living
            elif splits and len(members) > 1:
                apart |= splits
            else:
                raise _error(machine, placement.kernels[at], failure) from None
    entry = -(-placement.end // machine.line_bytes) * machine.line_bytes
    return assemble(
        machine, builder.tasks, _operators(graph, placement.kernels), placement.buffers, placement.data, entry,
        {"name": name}, choice.window, builder.lives.all,
    )  # fmt: skip


def _operators(graph: Graph, kernels: Sequence[TileKernel]) -> list[KernelDescription]:
    """The kernels as reports see them. Of several of one name (a layer used again) the later ones are numbered."""
    seen: Counter[str] = Counter()
    found = []
    for kernel in kernels:
        at = kernel.dominant
        name, origin = (kernel.label, None) if at is None else (node_name(graph, at), graph.nodes[at].origin)
        seen[name] += 1
        numbered = name if seen[name] == 1 else f"{name} #{seen[name]}"
        found.append(KernelDescription(numbered, kernel.nodes, kernel.macs, str(origin or "")))
    return found


def _kernel(fusion: KernelFusion, group: KernelGroup) -> TileKernel:
    with failing_at(lambda: node_label(fusion.graph, max(group.members))):
        return kernel_of(fusion, group)


def _dram_error(name: str, machine: Machine, placement: Placement) -> CompileError:
    largest = sorted(placement.buffers, key=lambda buffer: -buffer.bytes)[:3]
    parts = [f"{b.name} {b.dtype}{list(b.shape)} {b.bytes}" for b in largest]
    between = placement.end - sum(buffer.bytes for buffer in placement.buffers)
    parts.append(f"values between kernels {between}")
    return CompileError(
        f"{name}: does not fit: it needs {placement.end} bytes of DRAM (the largest: {', '.join(parts)}); "
        f"'{machine.name}' has {machine.dram.bytes} (dram.bytes)"
    )


def _check_types(graph: Graph, machine: Machine) -> None:
    for index, node in enumerate(graph.nodes):
        if node.dtype.name == "bfloat16" and "bf16" not in machine.types and index in graph.live:
            raise CompileError(
                f"{node_text(graph, index)}: '{machine.name}' multiplies {', '.join(machine.types)} only; nearest: "
                'int8 operands, or a machine whose types hold "bf16"; weft.quantise (--int8) makes int8 operands of a '
                "trained model"
            )


def _error(machine: Machine, kernel: TileKernel, failure: _DoesNotFit) -> CompileError:
    problem = failure.problem
    if 0 in (kernel.rows, kernel.cols):
        return CompileError(
            f"{kernel.label}: the accelerator cannot run this: it has no elements; nearest: extents of at least 1"
        )
    if problem is None:
        return CompileError(f"{kernel.label}: no tile of [{kernel.rows}, {kernel.cols}] is legal on '{machine.name}'")
    chip = machine.accumulator if problem.memory == "accumulator" else machine.scratchpad
    why = " (it needs whole rows at once)" if kernel.whole_rows else ""
    return CompileError(
        f"{kernel.label}: does not fit: its smallest tile of [{kernel.rows}, {kernel.cols}]{why} still needs "
        f"{problem.needed} bytes more in one bank of the {problem.memory}; '{machine.name}' has {chip.banks} banks of "
        f"{chip.bank_bytes} bytes ({problem.memory}.bytes = {chip.bytes})"
    )
