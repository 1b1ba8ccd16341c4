"""Into how many parts a step is divided among threads, and along what.

A sum is never divided: parts are ranges of what a step writes, so the same numbers come out of any number of parts.
Code is made for any number; how many there are, and whether it pays to have any, is a count of the work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.loops import LoopNest

GRAIN = 8192
"""Cycles, about, that a part must have for it to be worth handing out: handing it out takes a tenth."""
BLOCK = 64
"""Elements along memory that stay in one part: whole cache lines, for no two threads to write one."""
_PER_THREAD = 2
"""Parts of a loop for each thread: where one thread is held up, another takes more of them."""

# Cycles, about, at each point of a loop whose vectors are 8 wide.
_STREAM, _SIMPLE = 0.25, 0.15
_COSTS: Mapping[str, float] = {
    "constant": 0.0, "div": 0.6, "sqrt": 0.6, "reciprocal": 0.6, "exp": 2.0, "log": 3.0, "expm1": 8.0, "log1p": 8.0,
    "sigmoid": 8.0, "tanh": 8.0, "softplus": 12.0, "erf": 12.0,
}  # fmt: skip


def loop_cycles(loop: LoopNest) -> float:
    """What a loop takes on one thread, about."""
    streams = len(loop.loads) + len(loop.stores)
    return math.prod(loop.shape) * (_STREAM * streams + sum(_COSTS.get(op.op, _SIMPLE) for op in loop.body))


def divided_axis(loop: LoopNest) -> int | None:
    """The axis of a normalised loop whose ranges are its parts: the outermost along which nothing is reduced, and which
    is long enough; None where there is none or the work is too little."""
    if loop_cycles(loop) < 2 * GRAIN:
        return None
    last = len(loop.shape) - 1
    lengths = {
        axis: -(-extent // BLOCK) if axis == last else extent
        for axis, extent in enumerate(loop.shape)
        if all(store.window.strides[axis] for store in loop.stores)
    }
    long = [axis for axis, length in lengths.items() if length >= 8]
    return long[0] if long else max((a for a in lengths if lengths[a] > 1), key=lambda a: lengths[a], default=None)


def loop_parts(loop: LoopNest, threads: int) -> int:
    """Of a normalised loop, on so many threads."""
    axis = divided_axis(loop)
    if axis is None or threads == 1:
        return 1
    extent = loop.shape[axis]
    length = -(-extent // BLOCK) if axis == len(loop.shape) - 1 else extent
    return max(1, min(_PER_THREAD * threads, length, int(loop_cycles(loop) / GRAIN)))


def product_parts(product: Contraction, threads: int) -> int:
    """Of a product in code of its own, on so many threads. Each packs for itself, so there are no more than threads."""
    batch, m, n, *_ = product
    tiling = product.plan
    pieces = {
        "batch": math.prod(batch),
        "m": -(-math.prod(m) // tiling.rows),
        "n": -(-math.prod(n) // tiling.columns),
    }[tiling.split]
    return max(1, min(threads, pieces, int(_product_cycles(product) / GRAIN)))


def chain_parts(chain: Chain, threads: int) -> int:
    """Of steps that are walked together: of their blocks of rows, on so many threads."""
    loops = sum(loop_cycles(step) for step in chain.steps if isinstance(step, LoopNest))
    products = [_product_cycles(step) for step in chain.steps if isinstance(step, Contraction)]
    most = threads if products or threads == 1 else _PER_THREAD * threads
    return max(1, min(most, chain.blocks, int((loops + sum(products)) / GRAIN)))


def _product_cycles(step: Contraction) -> float:
    return math.prod((*step.batch, *step.m, *step.n, *step.k)) / (2 * step.plan.lanes)


def step_parts(step: object, threads: int) -> int:
    """Of a step in the form that is compiled; 1 for what is not divided."""
    if isinstance(step, LoopNest):
        return loop_parts(step, threads)
    if isinstance(step, Chain):
        return chain_parts(step, threads)
    if isinstance(step, Contraction):
        return product_parts(step, threads)
    return 1
