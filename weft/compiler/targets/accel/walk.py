"""The walk of a kernel over its tiles: values brought in, products swept, passes run, results stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from weft.compiler.errors import InternalError
from weft.compiler.targets.accel.arrays import StoredValue, local_pitch
from weft.compiler.targets.accel.emit import Block, TaskBuilder, TileExtent
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.memory import Allocation
from weft.compiler.targets.accel.micro import (
    BEGIN,
    COL,
    END,
    FULL,
    ONE,
    ROW,
    STORAGE,
    STRIP_BEGIN,
    STRIP_END,
    TILE,
    VectorPass,
)
from weft.compiler.targets.accel.product import Piece, bring, sweep
from weft.compiler.targets.accel.reduce import elementwise, over_lanes, over_rows
from weft.isa.vector_ops import REDUCTIONS

_SCOPE = {FULL: TILE, COL: TILE, ROW: STRIP_BEGIN, ONE: BEGIN}
_COMBINE = {reduction.name: reduction.join for reduction in REDUCTIONS}


@dataclass(frozen=True)
class Tiling:
    """A tile is ``rows`` × ``cols``; ``down`` × ``across`` tiles share operand pieces of depth ``depth``."""

    rows: int
    cols: int
    down: int = 1
    across: int = 1
    depth: int = 0


class KernelEmitter:
    """Emits one kernel into a builder. ``arrays``: where every graph value that it reads or makes lives."""

    def __init__(self, b: TaskBuilder, kernel: TileKernel, arrays: Mapping[int, StoredValue], plan: Tiling) -> None:
        self.b, self.kernel, self.arrays, self.plan = b, kernel, arrays, plan
        self.held: dict[int, dict[int, tuple[Block, Allocation | None]]] = {BEGIN: {}, STRIP_BEGIN: {}, TILE: {}}
        self.index = -1
        self.strip_held: dict[int, dict[int, tuple[Block, Allocation | None]]] = {}
        self.last_banks: set[int] = set()
        # The array holds a bank's ports while it fills it, so what it fills and what passes work on lie apart.
        banks, half = b.machine.accumulator.banks, b.machine.accumulator.banks // 2
        self.product_banks = range(half)
        self.vector_banks = range(half if kernel.by_phase[TILE] else banks, banks)

    def run(self) -> None:
        """Emit everything. Raises NoSpace if the tiles are too large."""
        kernel, plan = self.kernel, self.plan
        with self.b.labelled(kernel.label):
            self._phase(BEGIN, TileExtent(0, kernel.rows, 0, kernel.cols))
            wide, high = plan.cols * plan.across, plan.rows * plan.down
            for left in range(0, kernel.cols, wide):
                columns = self._parts(left, min(left + wide, kernel.cols), plan.cols)
                for col, cols in columns:
                    self._strip(col)
                    self._phase(STRIP_BEGIN, TileExtent(0, kernel.rows, col, cols))
                for top in range(0, kernel.rows, high):
                    self._band(self._parts(top, min(top + high, kernel.rows), plan.rows), columns)
                for col, cols in columns:
                    self._strip(col)
                    self._store_sums(ROW, TileExtent(0, kernel.rows, col, cols))
                    self._phase(STRIP_END, TileExtent(0, kernel.rows, col, cols))
                    self._drop(self.strip_held.pop(col))
            self._store_sums(ONE, TileExtent(0, kernel.rows, 0, kernel.cols))
            self._phase(END, TileExtent(0, kernel.rows, 0, kernel.cols))
            self._drop(self.held[BEGIN])

    @staticmethod
    def _parts(begin: int, end: int, size: int) -> list[tuple[int, int]]:
        return [(at, min(size, end - at)) for at in range(begin, end, size)]

    def _strip(self, col: int) -> None:
        self.held[STRIP_BEGIN] = self.strip_held.setdefault(col, {})

    def _band(self, downs: list[tuple[int, int]], columns: list[tuple[int, int]]) -> None:
        """Tiles that share operand pieces: the product fills them all, then each is finished."""
        tiles = [TileExtent(row, rows, col, cols) for row, rows in downs for col, cols in columns]
        filled: dict[TileExtent, tuple[Block, Allocation]] = {}
        if self.kernel.product:
            filled = self._produce(tiles, downs, columns)
        for extent in tiles:
            self._strip(extent.col)
            self.held[TILE] = {}
            if self.kernel.product_micro is not None:
                block, space = filled[extent]
                self.held[TILE][self.kernel.product_micro] = (block, space)
                self.index = -1
                self._store_output(self.kernel.product_micro, extent)
                if self.kernel.last_use.get(self.kernel.product_micro, -1) < 0:
                    self._drop_one(TILE, self.kernel.product_micro)
            self._phase(TILE, extent)
            self._drop(self.held[TILE])

    def _produce(
        self, tiles: list[TileExtent], downs: list[tuple[int, int]], columns: list[tuple[int, int]]
    ) -> dict[TileExtent, tuple[Block, Allocation]]:
        b, product = self.b, self.kernel.product
        assert product is not None
        filled: dict[TileExtent, tuple[Block, Allocation]] = {}
        banks: set[int] = set()
        for extent in tiles:
            pitch = local_pitch(b.machine, "float32", extent.cols)
            space = b.allocate("accumulator", extent.rows * pitch, [*banks, *self.last_banks, *self.vector_banks])
            banks.add(space.bank)
            filled[extent] = (Block(FULL, "word", space.local, pitch, space.bank), space)
        self.last_banks = banks if len(tiles) == 1 else set()
        a_array, w_array = self.arrays[product.a], self.arrays[product.b]
        with b.labelled(product.label):
            for k in range(0, product.k, self.plan.depth):
                depth = min(self.plan.depth, product.k - k)
                a_banks, w_banks = {a_array.bank}, {w_array.bank}
                left: dict[int, Piece] = {}
                right: dict[int, Piece] = {}
                for extent in tiles:
                    if extent.row not in left:
                        part = (k, depth, extent.row, extent.rows)
                        part = part if product.transpose_a else part[2:] + part[:2]
                        piece = bring(b, a_array, *part, w_banks, product.names[0])
                        left[extent.row] = piece
                        a_banks.add(piece.bank)
                    if extent.col not in right:
                        part = (k, depth, extent.col, extent.cols)
                        part = part[2:] + part[:2] if product.transpose_b else part
                        piece = bring(b, w_array, *part, a_banks, product.names[1])
                        right[extent.col] = piece
                        w_banks.add(piece.bank)
                    a, w = left[extent.row], right[extent.col]
                    sweep(b, product, a, w, filled[extent][0], extent.rows, extent.cols, depth, k == 0)
                for piece in (*left.values(), *right.values()):
                    if piece.space:
                        b.release(piece.space)
        return filled

    def _phase(self, phase: int, extent: TileExtent) -> None:
        for index, made in enumerate(self.kernel.by_phase[phase]):
            self.index = index
            self._run(made, extent, phase)
            if phase == TILE:
                for operand in {*made.operands, made.out}:
                    if self.kernel.last_use[operand] <= index:
                        self._drop_one(TILE, operand)

    def _drop_one(self, scope: int, micro: int) -> None:
        _, space = self.held[scope].pop(micro, (None, None))
        if space:
            self.b.release(space)

    def _drop(self, held: dict[int, tuple[Block, Allocation | None]]) -> None:
        for _, space in held.values():
            if space:
                self.b.release(space)
        held.clear()

    def _live_banks(self) -> set[int]:
        return {block.bank for scope in self.held.values() for block, space in scope.values() if block.role == FULL}

    def _new(self, micro: int, extent: TileExtent, scope: int, role: str) -> Block:
        """Fresh space for a micro-operation's value."""
        memory, element, size = STORAGE[self.kernel.micros[micro].dtype]
        pitch = local_pitch(self.b.machine, self.kernel.micros[micro].dtype, extent.cols)
        whole = {FULL: extent.rows * pitch, ROW: pitch, ONE: self.b.machine.dim * size,
                 COL: local_pitch(self.b.machine, self.kernel.micros[micro].dtype, extent.rows)}[role]
        avoid = [*self._live_banks(), *(self.product_banks if memory == "accumulator" else ())]
        passing = self.kernel.micros[micro].kind != "leaf" and micro not in self.kernel.outputs
        space = self.b.allocate(memory, whole, avoid, passing, self.kernel.micros[micro].label)
        block = Block(role, element, space.local, pitch, space.bank)
        self.held[scope][micro] = (block, space)
        return block

    @staticmethod
    def _part(role: str, extent: TileExtent) -> tuple[int, int, int, int]:
        """Row, rows, column, columns of a value's array (packed values: one row) that belong to an extent."""
        return {
            FULL: (extent.row, extent.rows, extent.col, extent.cols),
            ROW: (0, 1, extent.col, extent.cols),
            COL: (0, 1, extent.row, extent.rows),
            ONE: (0, 1, 0, 1),
        }[role]

    def _operand(self, micro: int, extent: TileExtent) -> Block:
        """The block of an operand; a leaf is brought in, an index grid made, when it is first read."""
        value = self.kernel.micros[micro]
        if value.kind == "imm":
            return Block(ONE, "word", 0, imm=value.imm)
        for scope in (TILE, STRIP_BEGIN, BEGIN):
            if micro in self.held[scope]:
                return self.held[scope][micro][0]
        scope = _SCOPE[value.role]
        if value.kind == "iota":
            block = self._new(micro, extent, scope, value.role)
            length, start = (extent.cols, extent.col) if value.role == ROW else (extent.rows, extent.row)
            lane, base = Block(value.role, "lane", 0), Block(ONE, "word", 0, imm=start)
            count = ("iadd", "identity", "first", "none")
            elementwise(self.b, count, {"x": lane, "y": base}, block, value.role, 1, length)
            return block
        if value.kind != "leaf":
            raise InternalError(value.label or self.kernel.label, f"{value.op} is read before it is made")
        array = self.arrays[value.value]
        row, rows, col, cols = self._part(value.role, extent)
        if array.local is not None:
            block = Block(value.role, STORAGE[value.dtype][1], array.at(row, col), array.pitch, array.bank)
            self.held[scope][micro] = (block, None)
            return block
        block = self._new(micro, extent, scope, value.role)
        self.b.transfer(
            "load", block.address, block.pitch, array.at(row, col), array.pitch, rows, cols * array.element_bytes
        )
        return block

    def _target(self, made: VectorPass, extent: TileExtent, scope: int) -> Block:
        """Where a pass writes: into a resident array, over an operand that nobody reads again, or fresh space."""
        micro = made.out
        value = self.kernel.micros[micro]
        array = self.arrays[self.kernel.outputs[micro]] if micro in self.kernel.outputs else None
        if array is None or array.local is None:
            over = self._overwritable(made) if scope == TILE and value.role == FULL else None
            if over is None:
                return self._new(micro, extent, scope, value.role)
            self.held[TILE][micro] = self.held[TILE].pop(over)
            return self.held[TILE][micro][0]
        block = Block(value.role, STORAGE[value.dtype][1], array.at(extent.row, extent.col), array.pitch, array.bank)
        self.held[scope][micro] = (block, None)
        return block

    def _overwritable(self, made: VectorPass) -> int | None:
        """An operand whose space the result can take: of the same form, read for the last time, not being stored."""
        element = STORAGE[self.kernel.micros[made.out].dtype][1]
        for operand in made.operands:
            block, space = self.held[TILE].get(operand, (None, None))
            if block is None or space is None or block.role != FULL or block.element != element:
                continue
            if self.kernel.last_use[operand] == self.index and operand not in self.kernel.outputs:
                return operand
        return None

    def _store_output(self, micro: int, extent: TileExtent) -> None:
        """Store a value that leaves the kernel, after whatever it overwrites has been read."""
        if micro not in self.kernel.outputs:
            return
        array = self.arrays[self.kernel.outputs[micro]]
        if array.local is not None:
            return
        role = self.kernel.micros[micro].role
        for other, leaf in enumerate(self.kernel.micros):
            if leaf.kind == "leaf" and leaf.role == role and self.arrays[leaf.value] == array:
                held = any(other in scope for scope in self.held.values())
                if not held and (_SCOPE[role] != TILE or self.kernel.last_use[other] > self.index):
                    self._operand(other, extent)
        block = self._operand(micro, extent)
        row, rows, col, cols = self._part(role, extent)
        self.b.transfer(
            "store", block.address, block.pitch, array.at(row, col), array.pitch, rows, cols * array.element_bytes
        )

    def _store_sums(self, role: str, extent: TileExtent) -> None:
        for index, micro in enumerate(self.kernel.micros):
            if micro.kind == "reduce" and micro.role == role:
                self._store_output(index, extent)

    def _run(self, made: VectorPass, extent: TileExtent, phase: int) -> None:
        """One pass: elementwise, or a reduction that may go on over tiles."""
        value = self.kernel.micros[made.out]
        with self.b.labelled(value.label or self.b.label):
            letters = {"x": made.x, "y": made.y, "z": made.z}
            operands = {k: self._operand(o, extent) for k, o in letters.items() if o is not None}
            operations = (made.pre, made.f, made.then, made.reduce)
            length = extent.rows if made.over == COL else extent.cols
            if made.reduce == "none":
                scope = {BEGIN: BEGIN, STRIP_BEGIN: STRIP_BEGIN, TILE: TILE}.get(phase, _SCOPE[value.role])
                block = self._target(made, extent, scope)
                elementwise(self.b, operations, operands, block, made.over, extent.rows, length)
                self._store_output(made.out, extent)
                return
            scope = _SCOPE[value.role]
            first = made.out not in self.held[scope]
            block = self._new(made.out, extent, scope, value.role) if first else self.held[scope][made.out][0]
            part = block
            spare: Allocation | None = None
            if not first:
                size = local_pitch(self.b.machine, "float32", extent.cols)
                spare = self.b.allocate("accumulator", size, self.product_banks, True)
                part = replace(block, address=spare.local, bank=spare.bank)
            if value.role == ROW:
                over_rows(self.b, operations, operands, part, extent.rows, extent.cols)
            else:
                over_lanes(self.b, operations, operands, part, made.over, extent.rows, length)
            if spare:
                add = (_COMBINE[made.reduce], "identity", "first", "none")
                elementwise(self.b, add, {"x": block, "y": part}, block, value.role, 1, extent.cols)
                self.b.release(spare)
            if value.role == COL:
                self._store_output(made.out, extent)
