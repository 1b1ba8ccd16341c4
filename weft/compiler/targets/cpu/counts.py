"""What one run of a compiled graph does: kernels, bytes and operations, counted from its steps and so never noisy.

Bytes are those that steps read and write, each element of a window once a step: what would move if nothing stayed in a
cache from one step to the next. Of steps that are walked together (`chain.py`) they are those of the whole. Operations
are those on numbers, a multiplication and an addition of a product two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weft.compiler.targets.cpu.buffers import reads, writes
from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.indexed import IndexedStep
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest
from weft.compiler.targets.cpu.program import Gemm, Step
from weft.framework.dtypes import DTYPES

_FREE = frozenset({"constant", "index"})
"""What a loop's body says without computing anything at its points."""


@dataclass(frozen=True)
class ExecutionCounts:
    """Of one run.

    Attributes:
        kernels: steps, each one call of native code, however many are walked together in it. products: what sums
            products, in these. host_calls: steps that call the NumPy reference back.
        bytes: read and written by all steps. flops: operations, without those of calls back into NumPy.
    """

    kernels: int
    products: int
    host_calls: int
    bytes: int
    flops: int


def counts(steps: Sequence[Step]) -> ExecutionCounts:
    """What a run of `steps` does. Scratch memory of products counts as read and written by nobody else: not at all."""
    single = [one for step in steps for one in (step.steps if isinstance(step, Chain) else (step,))]
    products = [step for step in single if isinstance(step, Contraction | Gemm)]
    host_calls = sum(isinstance(step, HostCall) for step in steps)
    return ExecutionCounts(
        len(steps), len(products), host_calls, sum(map(_bytes, steps)), sum(map(_operations, steps))
    )


def _bytes(step: Step) -> int:
    written = [w for w in writes(step) if not isinstance(step, Contraction | Chain) or w != step.scratch]
    if isinstance(step, Chain):  # what several of its steps read is read once
        most: dict[int, int] = {}
        for window in step.reads:
            most[window.buffer] = max(most.get(window.buffer, 0), _extent(window))
        return sum(most.values()) + sum(map(_extent, written))
    return sum(map(_extent, reads(step))) + sum(map(_extent, written))


def _extent(window: AccessWindow) -> int:
    """Bytes of the elements that a window shows, those that it repeats once."""
    steps = zip(window.shape, window.strides, strict=True)
    return math.prod(extent for extent, stride in steps if stride) * DTYPES[window.dtype].itemsize


def _operations(step: Step) -> int:
    if isinstance(step, HostCall):
        return 0
    if isinstance(step, Chain):
        return sum(map(_operations, step.steps))
    if isinstance(step, Gemm):
        return 2 * math.prod(step.out.shape) * step.a.shape[-1]
    if isinstance(step, IndexedStep):
        return math.prod(step.space) if step.op == "cumsum" or step.mode in ("add", "max") else 0
    if isinstance(step, Contraction):
        return 2 * math.prod((*step.batch, *step.m, *step.n, *step.k)) + _of_loop(step.epilogue)
    return _of_loop(step)


def _of_loop(loop: LoopNest) -> int:
    computed = sum(op.op not in _FREE for op in loop.body)
    return math.prod(loop.shape) * (computed + sum(store.combine is not None for store in loop.stores))
