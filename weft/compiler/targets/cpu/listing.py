"""The steps of a graph on the CPU, printed: what each computes and moves, and how much memory all of them need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from weft.compiler.targets.cpu.blas import find_sgemm
from weft.compiler.targets.cpu.buffers import reads, writes
from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.contraction import TILE, Contraction
from weft.compiler.targets.cpu.counts import ExecutionCounts, counts
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.indexed import IndexedStep
from weft.compiler.targets.cpu.loops import LoopNest
from weft.compiler.targets.cpu.plan import StepPlan, plan_steps
from weft.compiler.targets.cpu.program import Gemm, Step
from weft.compiler.targets.cpu.threads import ThreadBudget
from weft.framework.graph import Graph
from weft.framework.names import extents, node_name
from weft.framework.primitives.base import Shape

_UNSAID = frozenset({"constant", "index"})
"""What a loop's body says of its operands, and does not compute."""
_PRODUCTS = ("matmul", "conv")


def planned(graph: Graph) -> StepPlan:
    """The plan of a graph that has been through the passes, on as many threads as this process may use."""
    return plan_steps(graph, find_sgemm() is not None, ThreadBudget(None).threads)


def memory_line(plan: StepPlan) -> str:
    """What a run needs at once, and what of it temporaries share."""
    kinds = Counter[str]()
    for slot in plan.lowered.buffers:
        kinds[slot.kind] += slot.size
    shared = f"{plan.memory.size:,} that {plan.buffer_count:,} temporary buffer{'s' * (plan.buffer_count != 1)} share"
    return (
        f"memory: {plan.peak_bytes:,} bytes at the peak: {kinds['input']:,} of inputs and state, "
        f"{kinds['output']:,} of results, {kinds['constant']:,} of constants, and {shared} "
        f"({plan.unshared_bytes:,} if none did)"
    )


def kernel_lines(graph: Graph, plan: StepPlan, chosen: Collection[int]) -> Iterator[str]:
    """A line for each step that computes some of the ``chosen`` nodes of the prepared graph, with its operator."""
    steps, nodes = plan.lowered.steps, plan.lowered.nodes
    shown = [n for n, made in enumerate(nodes) if not set(made).isdisjoint(chosen)]
    total = counts([steps[n] for n in shown])
    some = f"{len(shown):,} of {len(steps):,}" if len(shown) < len(steps) else f"{len(steps):,}"
    yield (
        f"kernels: {some} step{'s' * (len(steps) != 1)}, {total.products:,} of them products and {total.host_calls:,} "
        f"calls of NumPy; {_work(total)}"
    )
    for n in shown:
        yield f"  {n}: {_text(steps[n], plan)}; {_work(counts([steps[n]]))}  # {_name(graph, nodes[n])}"
    yield memory_line(plan)


def _work(found: ExecutionCounts) -> str:
    return f"{found.bytes:,} bytes, {found.flops:,} operations"


def _name(graph: Graph, made: tuple[int, ...]) -> str:
    """The operator that a step is called after: the product among its nodes, else the last of them."""
    product = next((i for i in made if graph.nodes[i].op in _PRODUCTS), made[-1])
    return node_name(graph, product)


def _text(step: Step, plan: StepPlan) -> str:
    return f"{_what(step)} ({_places(step, plan)})"


def _what(step: Step) -> str:
    if isinstance(step, HostCall):
        return f"NumPy's {step.op}"
    if isinstance(step, Gemm):
        return f"sgemm {extents(step.a.shape)}·{extents(step.b.shape)}"
    if isinstance(step, Contraction):
        sides = (*step.batch, *step.m, *step.k), (*step.batch, *step.k, *step.n)
        done = _operations(step.epilogue)
        return f"product {'·'.join(map(extents, sides))}{f', then {done}' if done else ''}"
    if isinstance(step, Chain):
        return f"{step.rows} rows at once through {'; '.join(_what(one) for one in step.steps)}"
    if isinstance(step, IndexedStep):
        return f"{step.op} over {_space(step.space)}"
    return f"loop over {_space(step.shape)}: {_operations(step) or 'copy'}"


def _space(shape: Shape) -> str:
    return extents(shape) if shape else "one element"


def _operations(loop: LoopNest) -> str:
    """What a loop does at each point, repeated ones counted: ``mul ×3, add``."""
    found = Counter(op.op for op in loop.body if op.op not in _UNSAID)
    found.update(f"{store.combine} of all" for store in loop.stores if store.combine)
    return ", ".join(op if count == 1 else f"{op} ×{count}" for op, count in found.items())


def _places(step: Step, plan: StepPlan) -> str:
    """Where a step reads and writes: ``input 0, t3 → t5``; a temporary is called by where it lies in the arena."""
    own = step.scratch.buffer if isinstance(step, Contraction | Chain) else None
    sides = []
    for windows in (reads(step), writes(step)):
        buffers = dict.fromkeys(window.buffer for window in windows if window.buffer not in (own, TILE))
        sides.append(", ".join(_place(buffer, plan) for buffer in buffers) or "nothing")
    return " → ".join(sides)


def _place(buffer: int, plan: StepPlan) -> str:
    slot = plan.lowered.buffers[buffer]
    return f"arena+{plan.memory.offsets[buffer]:,}" if slot.kind == "temporary" else f"{slot.kind} {slot.number}"
