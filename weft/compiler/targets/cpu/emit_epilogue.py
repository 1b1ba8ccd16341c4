"""LLVM IR of what is done to a tile of a product: a function of its own, whose buffers are `noalias` as a loop nest's.

There are two, so that the extents of whole tiles are known: one for these, and one for tiles at the edges.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.emit import Nest, counted_to, i64
from weft.compiler.targets.cpu.functions import F32
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest
from weft.compiler.targets.cpu.scalars import I64

FLOATS, BYTES = F32.as_pointer(), ir.IntType(8).as_pointer()


def least(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", x, y), x, y)


class _TileNest(Nest):
    """The epilogue's body, whose windows start where the tile does."""

    def __init__(
        self, b: ir.IRBuilder, loop: LoopNest, pointers: Sequence[ir.Value], starts: dict[AccessWindow, ir.Value]
    ) -> None:
        super().__init__(b, loop, pointers)
        self.starts = starts

    def _address(self, window: AccessWindow, index: list[ir.Value]) -> ir.Value:
        return self._element(window, self.starts[window], index)


def emit_epilogue(
    module: ir.Module, name: str, product: Contraction, buffers: int, whole: bool
) -> ir.Function:
    """The function `name`: it takes the pointers of all buffers, the tile, where each window of the epilogue starts,
    and the tile's first row and column. `whole`: of tiles that lie inside the result."""
    loop, rank = product.epilogue, len(product.batch)
    tiling = product.plan
    extents = tiling.rows, tiling.columns
    windows = [*loop.loads[1:], *(store.window for store in loop.stores)]
    kinds = [*[BYTES] * buffers, FLOATS, *[I64] * (len(windows) + 2)]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    for argument in function.args[: buffers + 1]:
        argument.add_attribute("noalias")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    tile = b.bitcast(function.args[buffers], BYTES)
    m0, n0 = function.args[-2:]

    def flattened(window: AccessWindow) -> AccessWindow:
        return window._replace(shape=loop.shape[rank:], strides=window.strides[rank:], offset=0)

    given = dict(zip(windows, function.args[buffers + 1 :], strict=False))
    seen = AccessWindow(buffers, "float32", loop.shape[rank:], (tiling.columns, 1))
    starts: dict[AccessWindow, ir.Value] = {seen: i64(0)}
    for n, window in enumerate(windows):
        local = flattened(window)._replace(offset=n)  # the number keeps windows apart
        start = b.add(given[window], b.mul(m0, i64(local.strides[0])))
        starts[local] = b.add(start, b.mul(n0, i64(local.strides[1])))
    locals_ = [flattened(window)._replace(offset=n) for n, window in enumerate(windows)]
    nest = LoopNest(
        loop.shape[rank:],
        (seen, *locals_[: len(loop.loads) - 1]),
        loop.body,
        tuple(s._replace(window=w) for s, w in zip(loop.stores, locals_[len(loop.loads) - 1 :], strict=True)),
    )
    body = _TileNest(b, nest, [*function.args[:buffers], tile], starts)
    rows, across = map(i64, extents)
    if not whole:
        rows, across = (
            least(b, b.sub(i64(loop.shape[rank + d]), start), i64(extent))
            for d, (start, extent) in enumerate(zip((m0, n0), extents, strict=True))
        )
    if along_columns(loop):
        with counted_to(b, rows) as i, counted_to(b, across) as j:
            body.point([i, j])
    else:
        with counted_to(b, across) as j, counted_to(b, rows) as i:
            body.point([i, j])
    b.ret_void()
    return function


def along_columns(epilogue: LoopNest) -> bool:
    """Whether memory is written along the columns of a tile, else along its rows."""
    down, across = epilogue.stores[0].window.strides[-2:]
    return across == 1 or down != 1
