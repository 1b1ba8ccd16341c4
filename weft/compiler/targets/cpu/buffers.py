"""Sharing memory: results that may overwrite an operand take its place, and dead temporaries' bytes are used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from weft.compiler.targets.cpu.chain import Chain, link_reads, link_writes
from weft.compiler.targets.cpu.contraction import TILE, Contraction
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.indexed import IndexedStep
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.lower import Lowered
from weft.compiler.targets.cpu.memory import MemoryPlan, TemporaryLiveRange, plan_memory
from weft.compiler.targets.cpu.program import Gemm, Step
from weft.framework.dtypes import DTYPES


def reads(step: Step) -> tuple[AccessWindow, ...]:
    """Every window that a step reads."""
    if isinstance(step, HostCall | IndexedStep):
        return step.operands
    if isinstance(step, Chain):
        return step.reads
    if isinstance(step, Contraction):
        return link_reads(step)
    return (step.a, step.b) if isinstance(step, Gemm) else step.loads


def writes(step: Step) -> tuple[AccessWindow, ...]:
    """Every window that a step writes."""
    if isinstance(step, HostCall):
        return step.outs
    if isinstance(step, IndexedStep):
        return (step.out,)
    if isinstance(step, Chain):
        return step.writes
    if isinstance(step, Contraction):
        return (*link_writes(step), step.scratch)
    return (step.out,) if isinstance(step, Gemm) else tuple(store.window for store in step.stores)


def pointwise(step: Step) -> LoopNest | None:
    """The loop of a step that reads its own operands where it writes, and at no other time."""
    return step.epilogue if isinstance(step, Contraction) else step if isinstance(step, LoopNest) else None


@dataclass
class _Span:
    """The first and the last step that touch a buffer."""

    first: int
    last: int


def update_in_place(lowered: Lowered) -> Lowered:
    """The same steps, with a loop's result put where an operand lies that is a temporary and dies there.

    Legal if the loop reads the operand only at the very element that it then writes. So the gradient of a weight is
    made in the memory of the weight's new momentum, and added to in place.
    """
    spans = _spans(lowered)
    moved: dict[int, int] = {}
    for n, step in enumerate(lowered.steps):
        loop = pointwise(step)
        if loop is None:
            continue
        taken = {store.window.buffer for store in loop.stores}
        if isinstance(step, Contraction):  # its operands are read all the time
            taken |= {step.a.buffer, step.b.buffer, TILE}
        for store in loop.stores:
            target = store.window
            if store.combine or spans[target.buffer].first != n:
                continue
            for load in loop.loads:
                if load.buffer in taken or not _may_overwrite(lowered, loop, load.buffer, target):
                    continue
                if spans[load.buffer].last == n and moved.get(load.buffer) is None:
                    moved[load.buffer] = target.buffer
                    spans[target.buffer].first = spans[load.buffer].first
                    taken.add(load.buffer)
                    break
    for buffer in reversed(list(moved)):  # where a buffer went may itself have gone on, at a later step
        moved[buffer] = moved.get(moved[buffer], moved[buffer])
    return replace(lowered, steps=tuple(_renamed(step, moved) for step in lowered.steps))


def _may_overwrite(lowered: Lowered, step: LoopNest, operand: int, target: AccessWindow) -> bool:
    a, b = lowered.buffers[operand], lowered.buffers[target.buffer]
    if a.kind != "temporary" or b.kind == "input" or a.size != b.size:
        return False
    return all(same_place(w, target) for w in step.loads if w.buffer == operand)


def same_place(a: AccessWindow, b: AccessWindow) -> bool:
    """Whether two windows of one memory show the same bytes at every index."""
    if a.shape != b.shape:
        return False
    steps = zip(a.shape, a.strides, b.strides, strict=True)
    same_steps = all(extent == 1 or s == t for extent, s, t in steps)
    return same_steps and a.offset == b.offset and DTYPES[a.dtype].itemsize == DTYPES[b.dtype].itemsize


def _renamed(step: Step, moved: Mapping[int, int]) -> Step:
    def window(w: AccessWindow) -> AccessWindow:
        return w._replace(buffer=moved[w.buffer]) if w.buffer in moved else w

    if isinstance(step, Gemm | Contraction | Chain | IndexedStep | HostCall):
        return step.with_windows([window(w) for w in step.windows])
    stores = tuple(Store(s.slot, window(s.window), s.combine) for s in step.stores)
    return LoopNest(step.shape, tuple(map(window, step.loads)), step.body, stores)


def _spans(lowered: Lowered) -> dict[int, _Span]:
    spans: dict[int, _Span] = {}
    for n, step in enumerate(lowered.steps):
        for window in (*reads(step), *writes(step)):
            spans.setdefault(window.buffer, _Span(n, n)).last = n
    return spans


def place_temporaries(lowered: Lowered) -> MemoryPlan:
    """The arena: an offset for every temporary buffer that some step touches."""
    return plan_memory(
        {
            buffer: TemporaryLiveRange(lowered.buffers[buffer].size, span.first, span.last)
            for buffer, span in _spans(lowered).items()
            if lowered.buffers[buffer].kind == "temporary"
        }
    )
