"""Lowering: a graph in, a program out, with ever smaller demands on the on-chip memories until everything fits."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from weft.compiler.errors import CompileError, failing_at
from weft.compiler.targets.accel.assemble import Operator, assemble
from weft.compiler.targets.accel.build import kernel_of
from weft.compiler.targets.accel.emit import Builder
from weft.compiler.targets.accel.groups import Group, Grouper
from weft.compiler.targets.accel.kernel import Kernel
from weft.compiler.targets.accel.memory import NoSpace, Space
from weft.compiler.targets.accel.order import ordered
from weft.compiler.targets.accel.placement import Placement, Placer
from weft.compiler.targets.accel.plans import plans
from weft.compiler.targets.accel.views import unsupported
from weft.compiler.targets.accel.walk import Walk
from weft.framework.graph import Graph
from weft.framework.names import node_label, node_name, node_text
from weft.isa.machine import Machine
from weft.isa.program import Program

_MOST_PLANS = 200


class _DoesNotFit(Exception):
    """Kernel ``index`` fits with no plan; ``problem`` is what its smallest one lacked."""

    def __init__(self, index: int, problem: NoSpace | None) -> None:
        self.index, self.problem = index, problem


@dataclass(frozen=True)
class Choice:
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

    def __init__(self, machine: Machine, placement: Placement, choice: Choice) -> None:
        self.machine, self.placement, self.choice = machine, placement, choice
        self.builder = Builder(machine, choice.recent)

    def run(self) -> Builder:
        """Emit. Raises _DoesNotFit."""
        spaces: dict[int, Space] = {}
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

    def _kernel(self, index: int, kernel: Kernel) -> None:
        problem: NoSpace | None = None
        every = plans(self.machine, kernel, self.placement.arrays, self.choice.share)
        for plan in itertools.islice(every, _MOST_PLANS):
            saved = copy.deepcopy((self.builder.accumulator, self.builder.scratchpad))
            tasks, lives = len(self.builder.tasks), len(self.builder.lives.all)
            try:
                with failing_at(lambda: kernel.label, (NoSpace,)):
                    Walk(self.builder, kernel, self.placement.arrays, plan).run()
                return
            except NoSpace as error:
                problem = error
                self.builder.accumulator, self.builder.scratchpad = saved
                del self.builder.tasks[tasks:]
                self.builder.lives.forget(lives)
        raise _DoesNotFit(index, problem)


def lower(
    graph: Graph, machine: Machine, name: str = "graph", keep: Collection[int] = (), choice: Choice | None = None
) -> Program:
    """The program of a graph on which the passes have run. ``keep``: nodes whose value becomes an output ``%index``.

    Raises CompileError: for a node that the accelerator cannot run (node, reason, nearest supported form), or for one
    that does not fit (how much it needs, what there is).
    """
    if keep:
        names = {n for n, _ in graph.outputs}
        extra = tuple((f"%{i}", i) for i in keep if f"%{i}" not in names)
        graph = Graph(graph.nodes, (*graph.outputs, *extra), graph.updates)
    _check_types(graph, machine)
    choice = choice or Choice()
    evicted: set[int] = set()
    apart: set[int] = set()
    while True:
        grouper = Grouper(graph, set(graph.results), apart)
        groups = grouper.run()
        updates = {grouper.stored(i): graph.input_names[state] for state, i in graph.updates}
        kernels = [_kernel(grouper, group) for group in groups]
        sequence = ordered(kernels, updates) if choice.early else list(range(len(kernels)))
        placement = Placer(grouper, [kernels[k] for k in sequence], machine, evicted).run()
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


def _operators(graph: Graph, kernels: Sequence[Kernel]) -> list[Operator]:
    """The kernels as reports see them. Of several of one name (a layer used again) the later ones are numbered."""
    seen: Counter[str] = Counter()
    found = []
    for kernel in kernels:
        at = kernel.dominant
        name, origin = (kernel.label, None) if at is None else (node_name(graph, at), graph.nodes[at].origin)
        seen[name] += 1
        numbered = name if seen[name] == 1 else f"{name} #{seen[name]}"
        found.append(Operator(numbered, kernel.nodes, kernel.macs, str(origin or "")))
    return found


def _kernel(grouper: Grouper, group: Group) -> Kernel:
    with failing_at(lambda: node_label(grouper.graph, max(group.members))):
        return kernel_of(grouper, group)


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
        if node.dtype.name == "int64" and (index in graph.live or node.op == "input"):
            raise unsupported(
                graph, index, "its words have 32 bits, so it has no int64",
                "int32 (x.int()), or for a sum float32 (x.float().sum(), exact up to 2**24)",
            )
        if node.dtype.name == "bfloat16" and "bf16" not in machine.types and index in graph.live:
            raise CompileError(
                f"{node_text(graph, index)}: '{machine.name}' multiplies {', '.join(machine.types)} only; nearest: "
                'int8 operands, or a machine whose types hold "bf16"; weft.quantise (--int8) makes int8 operands of a '
                "trained model"
            )


def _error(machine: Machine, kernel: Kernel, failure: _DoesNotFit) -> CompileError:
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
