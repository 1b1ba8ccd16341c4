"""``weft bench kernels``: where a row's time goes on the CPU, kernel by kernel, beside what the processor could do.

The floor is counted, not measured: the operations of a step at the rate that tiles in registers reach from the first
cache on this very machine, now. A kernel that moves memory is told by its bytes a second.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.contraction import Contraction, plan, vector_lanes
from weft.compiler.targets.cpu.counts import counts
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.executable import CpuExecutable
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.orientation import tile_window
from weft.compiler.targets.cpu.program import Gemm, Step, compile_steps
from weft.framework.device import Value, use_device
from weft.framework.graph import Graph
from weft.reports.frameworks import with_weft


class _Watching(CpuDevice):
    """A device of one thread that keeps what it compiles, and what that is called with."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.made: list[_Watched] = []

    def compile(self, graph: Graph) -> CpuExecutable:
        self.made.append(_Watched(self.prepared(graph), self._budget))
        return self.made[-1]


class _Watched(CpuExecutable):
    values: Sequence[Value] = ()

    def run(self, values: Sequence[Value]) -> list[Value]:
        self.values = [np.array(value) for value in values]
        return super().run(values)


def rate(repetitions: int = 2000) -> float:
    """Operations a second of products whose operands stay in the first cache: the best of a few runs."""
    rows, columns, depth = 24, 2 * vector_lanes()[0], 256
    batch, m, n, k = (repetitions,), (rows,), (columns,), (depth,)
    a, b = (AccessWindow(buffer, "float32", (*batch, *shape), (0, shape[1], 1)) for buffer, shape in
            enumerate(((rows, depth), (depth, columns))))  # fmt: skip
    space = (*batch, rows, columns)
    out = AccessWindow(2, "float32", space, (0, columns, 1))
    scratch = AccessWindow(3, "float32", (plan(batch, m, n, k, a, b).scratch,), (1,))
    product = Contraction(batch, m, n, k, a, b, LoopNest(space, (tile_window(space),), (), (Store(0, out),)), scratch)
    schedule = compile_steps([product], None, 1, lambda graph: lambda values: ())
    memory = [np.ones(size, np.float32) for size in (rows * depth, depth * columns, rows * columns, *scratch.shape)]
    pointers = (ctypes.c_void_p * 4)(*(memory[argument.buffer].ctypes.data for argument in schedule.arguments[0]))
    kernel = schedule.kernels[0]
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        function(pointers, 0, 1)
        best = min(best, time.thread_time() - began)
    return counts([product]).flops / best


def kernel_times(row: str, rounds: int) -> dict[str, Any]:
    """Of the largest graph that a row compiles: ``kernels``, equal ones as one line and the dearest first, each with
    its ``count``, ``seconds`` together, ``flops`` and ``bytes``; and the processor's ``rate``, operations a second."""
    device = _Watching()
    with use_device(device):
        step = with_weft.STEPS[row]()
        with_weft.finish(step())
        with_weft.finish(step())
    largest = max(device.made, key=lambda made: made.counts.flops)
    found: dict[str, dict[str, Any]] = {}
    for one, seconds in zip(largest.plan.lowered.steps, largest.step_seconds(largest.values, rounds), strict=True):
        line = found.setdefault(described(one), {"count": 0, "seconds": 0.0, "flops": 0, "bytes": 0})
        counted = counts([one])
        for key, value in (("count", 1), ("seconds", seconds), ("flops", counted.flops), ("bytes", counted.bytes)):
            line[key] += value
    kernels = [{"kernel": name, **line} for name, line in found.items()]
    kernels.sort(key=lambda line: -line["seconds"])
    return {"row": row, "rate": rate(), "kernels": kernels}


def described(step: Step) -> str:
    """A step in a few words: a product with its extents and tile, a loop with its shape and operations, a chain as its
    links."""
    if isinstance(step, Chain):
        return f"chain in {step.blocks}: " + " > ".join(described(link) for link in step.steps)
    if isinstance(step, Contraction):
        tile, axes = step.plan, ("batch", "m", "n", "k")
        extents = ", ".join(f"{name} {_extents(getattr(step, name))}" for name in axes if getattr(step, name))
        return f"product {extents}; tile {tile.rows}x{tile.columns}"
    if isinstance(step, Gemm):
        return f"sgemm {_extents(step.a.shape)} by {_extents(step.b.shape)}"
    if isinstance(step, LoopNest):
        words = [op.op for op in step.body if op.op not in ("constant", "index")]
        words += [store.combine for store in step.stores if store.combine]
        shown = " ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")
        return f"loop {_extents(step.shape)}: {shown or 'copy'}"
    return f"{type(step).__name__} {getattr(step, 'op', '')}"


def _extents(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1"
