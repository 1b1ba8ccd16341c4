"""A sum of products with what is done to it at once: matrix products and convolutions, and how they are tiled.

``out[m, n] = epilogue(Σ_k a[m, k] · b[k, n])``, over batch axes too. The axes m, n and k may each be several, and the
operands have any strides, so that a convolution is a product whose operand is read where it lies: no image columns are
written anywhere. A tile of sums stays in registers while k goes by; of `a` one number at a time is spread over a
vector, of `b` vectors are read, from panels that are packed first. The epilogue (a bias, an activation, the update of a
weight) reads the tile before it has been anywhere else.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import llvmlite.binding as llvm

from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest
from weft.compiler.targets.cpu.views import reshaped
from weft.framework.primitives.base import Shape

TILE = -1
"""The buffer of the window by which an epilogue reads the product."""

_DEPTH = 1024
"""The most of k that is summed before the sums go to memory: longer panels leave the second cache."""
_PANELS = 1 << 17
"""Floats of packed panels that are kept at a time: half a megabyte, to lie in the second cache."""
_ROW_BLOCK = 1 << 16
"""Floats of `a` that are walked for each panel: they lie in the second cache too."""
_ADDRESSES = 15
"""Registers for addresses and counters, of the processors that have fewest."""
_ROWS = (1, 2, 4, 6, 8, 10, 12)
"""Rows of a tile: few numbers, since each is a function to compile."""
_TURN, _LOOKED_UP, _FAR = 0.25, 2.0, 0.25
"""Cycles of one k of a tile besides its multiplications, where its place is looked up, and for each 64 bytes of a panel
that does not stay in the first cache."""
_FIRST_CACHE = 1 << 13
"""Floats of a panel that stay there."""
_VISIT = 6
"""Cycles for which an epilogue waits when it comes to a row of a tile in each stream of memory."""


class Contraction(NamedTuple):
    """One step. Its `epilogue` is a loop over [batch…, M, N], whose first load is the product (buffer `TILE`).

    Attributes:
        a: [batch…, m…, k…], float32. b: [batch…, k…, n…], float32.
        batch, m, n, k: the extents of these axes.
        scratch: memory of its own, written before it is read: `plan(...).scratch` floats for each part of the work.
    """

    batch: Shape
    m: Shape
    n: Shape
    k: Shape
    a: AccessWindow
    b: AccessWindow
    epilogue: LoopNest
    scratch: AccessWindow

    @property
    def plan(self) -> ContractionPlan:
        """How it is walked."""
        return plan(self.batch, self.m, self.n, self.k, self.a, self.b, streams(self.epilogue))

    @property
    def windows(self) -> tuple[AccessWindow, ...]:
        """All of memory that it touches: its operands, what its epilogue reads and writes, and its own."""
        return (self.a, self.b, *self.epilogue.loads[1:], *(s.window for s in self.epilogue.stores), self.scratch)

    def with_windows(self, windows: Sequence[AccessWindow]) -> Contraction:
        """The same on other memory, in the order of `windows`."""
        a, b, *others, scratch = windows
        loads = len(self.epilogue.loads) - 1
        stores = zip(self.epilogue.stores, others[loads:], strict=True)
        epilogue = self.epilogue._replace(
            loads=(self.epilogue.loads[0], *others[:loads]), stores=tuple(s._replace(window=w) for s, w in stores)
        )
        return self._replace(a=a, b=b, epilogue=epilogue, scratch=scratch)


class ContractionPlan(NamedTuple):
    """How a product is walked.

    Attributes:
        lanes: floats of a vector. rows: of a tile. vectors: of a row of a tile.
        depth: of k, summed in registers at a time. run: of k, which is packed at a time: a whole number of runs makes a
            depth, or of depths a run.
        panels: packed at a time, of lanes · vectors columns. tiles: of rows, walked for each panel.
        packs_a: `a` is packed too. Its numbers along k lie far apart, in places that drive each other out of the cache.
        transposes: panels are packed from columns that lie along k without gaps.
        split: what is divided among threads, "batch", "m" or "n".
        packed, packed_rows, waiting, scratch: floats of memory: for packed panels of b and tiles of a, for sums that
            wait for more of k, and for all of these and tables of places.
    """

    lanes: int
    rows: int
    vectors: int
    depth: int
    run: int
    blocks: int
    panels: int
    tiles: int
    packs_a: bool
    transposes: bool
    split: str
    packed: int
    packed_rows: int
    waiting: int
    scratch: int

    @property
    def columns(self) -> int:
        """Of a tile."""
        return self.lanes * self.vectors

    @property
    def pieces(self) -> int:
        """Blocks of one run."""
        return -(-self.run // self.depth)


@functools.cache
def vector_lanes() -> tuple[int, int]:
    """Floats of this processor's widest vector, and how many vectors it has."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 32
    if features.get("avx2"):
        return 8, 16
    return 4, 16 if features.get("sse2") else 32


def tile_cycles(rows: int, vectors: int) -> float:
    """Of one k of a tile, on a processor that does two multiplications and two loads of vectors in one."""
    return max(rows * vectors, rows + vectors) / 2


@functools.cache
def tile_shape(m: int, n: int, k: int, by_table: bool, streams: int = 1) -> tuple[int, int]:
    """The rows and vectors of the tiles that make a result of m · n soonest, each number a sum of k, which an epilogue
    takes through so many streams of memory.

    All sums, a row of b and one number of a have to be in registers, and so do the addresses: one for each row, and for
    the panel, the counter and the end; where places are looked up, also for the table and the place. Of tiles that take
    as long the largest is taken, and of these the one that reads least.
    """
    lanes, registers = vector_lanes()
    most, beside = (_ADDRESSES - 5, _LOOKED_UP) if by_table else (_ADDRESSES - 3, _TURN)

    def cost(shape: tuple[int, int]) -> tuple[float, int, int]:
        rows, vectors = shape
        turns = -(-m // rows) * -(-n // (lanes * vectors))
        far = _FAR * lanes * vectors / 16 if k * lanes * vectors > _FIRST_CACHE else 0
        turn = k * (tile_cycles(rows, vectors) + beside + far) + rows * streams * _VISIT
        return turns * turn, -rows * vectors, rows + vectors

    fitting = [
        (rows, vectors)
        for vectors in (1, 2, 3, 4)
        for rows in _ROWS
        if rows <= most and rows * vectors + vectors + 1 <= registers
    ]
    return min(fitting, key=cost)


def _run(k: Shape, strides: tuple[int, ...]) -> int:
    """The longest run of the last axes of k that lies without gaps; 1 if there is none."""
    runs = [math.prod(k[d:]) for d in range(len(k) + 1) if flat(k[d:], strides[d:]) == 1]
    return max(runs, default=1)


def _blocks(run: int, runs: int) -> tuple[int, int]:
    """How much of so many runs is summed at a time, and how often: pieces of one, or several of them."""
    if run > _DEPTH:
        pieces = -(-run // _DEPTH)
        return -(-run // pieces), pieces * runs
    blocks = -(-runs // (_DEPTH // run))
    return run * -(-runs // blocks), blocks


@functools.cache
def plan(
    batch: Shape, m: Shape, n: Shape, k: Shape, a: AccessWindow, b: AccessWindow, streams: int = 1
) -> ContractionPlan:
    """The tiling of a product for this processor; only the strides of `a` and `b` matter. `streams`: windows of memory
    that the epilogue walks along the columns."""
    lanes = vector_lanes()[0]
    rank = len(batch)
    count, rows_in_all, columns_in_all, depth_in_all = (math.prod(shape) for shape in (batch, m, n, k))
    a_step = flat(k, a.strides[rank + len(m) :])
    run = _run(k, b.strides[rank : rank + len(k)])
    transposes = run >= min(2 * lanes, depth_in_all) and flat(n, b.strides[rank + len(k) :]) != 1
    packs_a = a_step is not None and abs(a_step) > 16
    rows, vectors = tile_shape(rows_in_all, columns_in_all, depth_in_all, a_step is None, streams)
    run = run if transposes else max(depth_in_all, 1)
    depth, blocks = _blocks(run, max(depth_in_all, 1) // run)
    columns = lanes * vectors
    all_panels, all_tiles = -(-columns_in_all // columns), -(-rows_in_all // rows)
    panels = max(1, min(all_panels, _PANELS // (depth * columns)))
    tiles = max(1, min(all_tiles, _ROW_BLOCK // (depth * rows)))
    split = "batch" if count >= 8 else "n" if all_panels >= all_tiles or all_panels >= 8 else "m"
    waiting = panels * all_tiles * rows * columns if blocks > 1 else 0
    tables = depth_in_all * 2 + rows_in_all + columns_in_all
    packed, packed_rows = panels * depth * columns, tiles * depth * rows + lanes
    scratch = -(-(packed + packed_rows + waiting + tables) // 16) * 16
    return ContractionPlan(
        lanes, rows, vectors, depth, run, blocks, panels, tiles, packs_a, transposes, split, packed, packed_rows,
        waiting, scratch,
    )  # fmt: skip


def streams(epilogue: LoopNest) -> int:
    """How many windows of memory an epilogue walks along the columns."""
    windows = [*epilogue.loads[1:], *(store.window for store in epilogue.stores)]
    return sum(window.strides[-1] == 1 and window.strides[-2] != 0 for window in windows)


def flat(shape: Shape, strides: tuple[int, ...]) -> int | None:
    """The stride of axes that are stepped through as one, or None where they are not."""
    steps = reshaped(shape, strides, (math.prod(shape),))
    return None if steps is None else steps[0]
