"""The pieces: the steps of a tiled product, and the instructions that load, multiply and store one tile."""

from __future__ import annotations

from emitter import Code, Matrix, Problem, acc, sp
from layout import Layout, Step, Tiling, local_pitch


def steps(problem: Problem, tiling: Tiling) -> list[Step]:
    """The steps of the whole product, in the order in which they are to be done.

    The blocks of C are at most ``tiling.rows`` × ``tiling.columns`` and cover C exactly once; each is made by
    consecutive steps that cut K into panels of at most ``tiling.depth``. Pieces begin at multiples of the tiling's
    sizes; those at the right, at the bottom and at the end of K are smaller where the sizes do not divide m, n, k.
    """
    # hole: steps
    found: list[Step] = []
    block = 0
    for row in range(0, problem.m, tiling.rows):
        for column in range(0, problem.n, tiling.columns):
            for inner in range(0, problem.k, tiling.depth):
                found.append(
                    Step(
                        block=block,
                        row=row,
                        rows=min(tiling.rows, problem.m - row),
                        column=column,
                        columns=min(tiling.columns, problem.n - column),
                        inner=inner,
                        depth=min(tiling.depth, problem.k - inner),
                        first=inner == 0,
                        last=inner + tiling.depth >= problem.k,
                    )
                )
            block += 1
    return found
    # end hole


def load_tile(code: Code, matrix: Matrix, row: int, rows: int, column: int, columns: int, local: int) -> None:
    """Emit one `load` of matrix[row : row+rows, column : column+columns] to scratchpad address ``local``.

    ``matrix`` is int8. Row r of the tile begins at ``local + r * local_pitch(code.machine, columns)``.
    """
    # hole: load-tile
    code.emit(
        "load",
        dram=matrix.address + row * matrix.pitch + column * matrix.itemsize,
        local=sp(local),
        bytes=columns * matrix.itemsize,
        count0=rows,
        dram_stride0=matrix.pitch,
        local_stride0=local_pitch(code.machine, columns),
    )
    # end hole


def multiply_panel(code: Code, layout: Layout, step: Step, place: int, c_place: int) -> None:
    """Emit the `matmul` instructions of one step, from the panels in ``place`` to the block in ``c_place``.

    The panel of A (step.rows × step.depth) lies at layout.a(place), that of B (step.depth × step.columns) at
    layout.b(place), both with rows `local_pitch` apart. The DIM columns of C from column t·DIM of the block on are
    tile t: they go to layout.c(c_place, t), with rows machine.row_bytes apart. The block's first step overwrites
    what is there, the others add to it.
    """
    # hole: multiply-panel
    machine = code.machine
    a_pitch, b_pitch = local_pitch(machine, step.depth), local_pitch(machine, step.columns)
    for column in range(0, step.columns, machine.dim):
        for inner in range(0, step.depth, machine.dim):
            code.emit(
                "matmul",
                type="int8",
                a=sp(layout.a(place) + inner),
                a_stride0=a_pitch,
                w=sp(layout.b(place) + inner * b_pitch + column),
                w_stride=b_pitch,
                d=acc(layout.c(c_place, column // machine.dim)),
                d_stride0=machine.row_bytes,
                count0=step.rows,
                k=min(machine.dim, step.depth - inner),
                n=min(machine.dim, step.columns - column),
                accumulate="no" if step.first and inner == 0 else "yes",
            )
    # end hole


def load_panels(code: Code, problem: Problem, layout: Layout, step: Step, place: int) -> None:
    """Emit the two loads of a step: its panel of A, then its panel of B. (Given.)"""
    load_tile(code, problem.a, step.row, step.rows, step.inner, step.depth, layout.a(place))
    load_tile(code, problem.b, step.inner, step.depth, step.column, step.columns, layout.b(place))


def store_block(code: Code, problem: Problem, layout: Layout, step: Step, c_place: int) -> None:
    """Emit the stores of a block of C, one a tile. (Given, as an example of strides.)"""
    c, dim = problem.c, code.machine.dim
    for column in range(0, step.columns, dim):
        code.emit(
            "store",
            dram=c.address + step.row * c.pitch + (step.column + column) * c.itemsize,
            local=acc(layout.c(c_place, column // dim)),
            bytes=min(dim, step.columns - column) * c.itemsize,
            count0=step.rows,
            dram_stride0=c.pitch,
            local_stride0=code.machine.row_bytes,
        )
