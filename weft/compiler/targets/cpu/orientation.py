"""Which way round a product is computed, by what each way costs."""

from __future__ import annotations

import math
from collections.abc import Callable

from weft.compiler.targets.cpu.contraction import TILE, Contraction, ContractionPlan, flat, plan, streams, tile_cycles
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.views import reshaped
from weft.framework.primitives.base import Shape

# Cycles, about, on a processor that does two vector multiplications in one.
_COPIED, _BY_RUN, _VECTOR_STARTED = 1.5, 1.5, 100
"""For each vector that is packed: of whole vectors, for each run in it besides; and once for all k of it."""
_TRANSPOSED, _GATHERED = 0.3, 1.5
"""For each number that is packed: in squares of vectors, one by one."""
_IN_ROWS, _ACROSS = 0.3, 1.2
"""For each number that an epilogue writes, along the vectors of a tile and across them."""


def tile_window(space: Shape) -> AccessWindow:
    """The window by which an epilogue over `space` reads the product."""
    return AccessWindow(TILE, "float32", space, (0,) * len(space))


def in_space(loop: LoopNest, space: Shape) -> LoopNest | None:
    """An epilogue over the axes of a product, from one over a reshape of them; None where no strides do that, or where
    it counts its index."""
    if any(op.op == "index" for op in loop.body):
        return None

    def window(w: AccessWindow) -> AccessWindow | None:
        strides = reshaped(w.shape, w.strides, space)
        return None if strides is None else w._replace(shape=space, strides=strides)

    loads = [window(w) for w in loop.loads]
    stores = [(s, window(s.window)) for s in loop.stores]
    if None in loads or any(w is None for _, w in stores):
        return None
    return LoopNest(
        space,
        tuple(w for w in loads if w is not None),
        loop.body,
        tuple(Store(s.slot, w) for s, w in stores if w is not None),
    )


def contraction(
    batch: Shape, m: Shape, n: Shape, k: Shape, a: AccessWindow, b: AccessWindow, epilogue: LoopNest,
    scratch: Callable[[int], AccessWindow],
) -> Contraction:  # fmt: skip
    """The cheaper of the product and its transpose. a: [batch…, m…, k…]; b: [batch…, k…, n…]; `scratch` gives memory of
    so many floats."""
    here = (batch, m, n, k, a, b, epilogue)
    there = (batch, n, m, k, _exchanged(b, len(batch), len(k)), _exchanged(a, len(batch), len(m)), _turned(epilogue))
    best = min((here, there), key=lambda way: _cycles(*way))
    return Contraction(*best, scratch(plan(*best[:6], streams(best[6])).scratch))


def _exchanged(w: AccessWindow, rank: int, first: int) -> AccessWindow:
    """Its first axes after the batch come last."""

    def moved(values: tuple[int, ...]) -> tuple[int, ...]:
        return (*values[:rank], *values[rank + first :], *values[rank : rank + first])

    return w._replace(shape=moved(w.shape), strides=moved(w.strides))


def _turned(loop: LoopNest) -> LoopNest:
    """The loop with its last two axes exchanged."""
    rank = len(loop.shape) - 2
    return LoopNest(
        (*loop.shape[:rank], loop.shape[-1], loop.shape[-2]),
        tuple(_exchanged(w, rank, 1) for w in loop.loads),
        loop.body,
        tuple(Store(s.slot, _exchanged(s.window, rank, 1), s.combine) for s in loop.stores),
    )


def _cycles(
    batch: Shape, m: Shape, n: Shape, k: Shape, a: AccessWindow, b: AccessWindow, epilogue: LoopNest
) -> float:
    """What a product costs this way round, about."""
    tiling, rank = plan(batch, m, n, k, a, b, streams(epilogue)), len(batch)
    depth, rows, columns = math.prod(k), math.prod(m), math.prod(n)
    tiles, panels = -(-rows // tiling.rows), -(-columns // tiling.columns)
    summed = tiles * panels * depth * tile_cycles(tiling.rows, tiling.vectors)
    summed += tiles * panels * tiling.blocks * tiling.rows * tiling.vectors  # from and to memory
    packed = panels * tiling.columns * depth * _packing(tiling, n, b.strides[rank + len(k) :])
    packed += panels * tiling.vectors * tiling.blocks * _VECTOR_STARTED
    if tiling.packs_a:
        packed += tiles * tiling.rows * depth * _GATHERED * -(-panels // tiling.panels)
    along = all(store.window.strides[-1] == 1 for store in epilogue.stores)
    written = rows * columns * (_IN_ROWS if along else _ACROSS)
    return math.prod(batch) * (summed + packed + written)


def _packing(tiling: ContractionPlan, n: Shape, strides: tuple[int, ...]) -> float:
    """Of one number of a panel."""
    if tiling.transposes:
        return _TRANSPOSED
    if flat(n, strides) == 1:
        return _COPIED / tiling.lanes
    for step in (1, 2):
        run = max((math.prod(n[d:]) for d in range(len(n)) if flat(n[d:], strides[d:]) == step), default=0)
        if 4 * run >= tiling.lanes:
            return (_COPIED + _BY_RUN * step * (1 + tiling.lanes // run)) / tiling.lanes
    return _GATHERED
