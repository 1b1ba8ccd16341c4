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
        depth: of k, summed in registers at a time. blocks: such pieces of k.
        panels: packed at a time, of lanes · vectors columns. tiles: of rows, walked for each panel.
        split: what is divided among threads, "batch", "m" or "n".
        packed, packed_rows, waiting, scratch: floats of memory: for packed panels of b and tiles of a, for sums that
            wait for more of k, and for all of these and tables of places.
    """

    lanes: int
    rows: int
    vectors: int
    depth: int
    blocks: int
    panels: int
    tiles: int
    split: str
    packed: int
    packed_rows: int
    waiting: int
    scratch: int

    def packs_a(self, a: AccessWindow, rank: int, m: Shape, k: Shape) -> bool:
        """Whether `a` is packed too: its numbers along k lie far apart, in places that drive each other out of the
        cache."""
        step = flat(k, a.strides[rank + len(m) :])
        return step is not None and abs(step) > 16

    @property
    def columns(self) -> int:
        """Of a tile."""
        return self.lanes * self.vectors


@functools.cache
def vector_lanes() -> tuple[int, int]:
    """Floats of this processor's widest vector, and how many vectors it has."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 32
    if features.get("avx2"):
        return 8, 16
    return 4, 16 if features.get("sse2") else 32


@functools.cache
def plan(batch: Shape, m: Shape, n: Shape, k: Shape) -> ContractionPlan:
    """The tiling of a product of these extents, for this processor."""
    lanes, registers = vector_lanes()
    count, rows_in_all, columns_in_all, depth_in_all = (math.prod(shape) for shape in (batch, m, n, k))
    vectors = 1 if columns_in_all <= lanes else 2
    # All sums, a row of b and one number of a have to be in registers.
    rows = (registers - 2 - vectors) // vectors
    rows = max(1, min(rows - rows % 2, 12))
    blocks = max(1, -(-depth_in_all // _DEPTH))
    depth = -(-depth_in_all // blocks)
    columns = lanes * vectors
    all_panels, all_tiles = -(-columns_in_all // columns), -(-rows_in_all // rows)
    panels = max(1, min(all_panels, _PANELS // (depth * columns)))
    tiles = max(1, min(all_tiles, _ROW_BLOCK // (depth * rows)))
    split = "batch" if count >= 8 else "n" if all_panels >= all_tiles or all_panels >= 8 else "m"
    waiting = panels * all_tiles * rows * columns if blocks > 1 else 0
    tables = depth_in_all * 2 + rows_in_all + columns_in_all
    packed, packed_rows = panels * depth * columns, tiles * depth * rows
    scratch = -(-(packed + packed_rows + waiting + tables) // 16) * 16
    return ContractionPlan(
        lanes, rows, vectors, depth, blocks, panels, tiles, split, packed, packed_rows, waiting, scratch
    )


def flat(shape: Shape, strides: tuple[int, ...]) -> int | None:
    """The stride of axes that are stepped through as one, or None where they are not."""
    steps = reshaped(shape, strides, (math.prod(shape),))
    return None if steps is None else steps[0]
