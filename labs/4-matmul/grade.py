"""The checks. Every answer is compared with NumPy's or with a count; what a program may do is judged by weft's own
validator and checker; cycles are simulated."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import schedule
import tiles
import tiling
from bench import Schedule, assembled, fitting, listed, made, multiplied, orderly, panel_product, random_int8, shown
from emitter import Code, Matrix, Problem, acc, run, sp
from layout import Step, Tiling, local_pitch

import weft
from weft.lab import Difference, check, expect, measure

NANO, EDU, EDGE = (weft.load_machine(name) for name in ("nano", "edu", "edge"))
WIDE = replace(
    weft.load_machine("nano", {"accumulator.bytes": 8192, "dram.latency": 100}),
    name="nano with an accumulator of 8 KiB and a latency of 100",
)
SMALL = replace(weft.load_machine("nano", {"scratchpad.bytes": 4096}), name="nano with a scratchpad of 4 KiB")

SHAPES = (  # machine, m, n, k, tiling
    (NANO, 8, 8, 8, Tiling(8, 8, 8)),  # one step
    (NANO, 8, 4, 24, Tiling(8, 4, 8)),  # one block, three panels
    (NANO, 24, 8, 16, Tiling(8, 4, 8)),  # six blocks: every place is used again
    (NANO, 11, 7, 13, Tiling(4, 4, 8)),  # ragged in all directions
    (NANO, 5, 30, 3, Tiling(16, 12, 8)),  # pieces larger than the matrices
    (EDU, 37, 21, 50, Tiling(16, 16, 24)),
)


def warm_up() -> None:
    """Multiply 1 by 1, so that the simulator is compiled before a check is timed: the first time on a computer takes
    10 to 20 s."""
    problem, one = Problem(NANO, 1, 1, 1), np.ones((1, 1), np.int8)
    code = Code(NANO)
    code.emit("load", dram=problem.a.address, local=sp(0), bytes=1)
    code.emit("load", dram=problem.b.address, local=sp(0x800), bytes=1)
    code.post("s0")
    code.wait("s0")
    code.emit("matmul", type="int8", a=sp(0), w=sp(0x800), d=acc(0), k=1, n=1, count0=1)
    code.post("s1")
    code.wait("s1")
    code.emit("store", dram=problem.c.address, local=acc(0), bytes=4)
    run(problem, code, one, one)


warm_up()


# steps


def found_steps(machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> list[Step]:
    """The student's steps: a list of Step, not an empty one."""
    what = f"steps for {shown(machine, m, n, k, pieces)}"
    found = listed(tiles.steps(Problem(machine, m, n, k), pieces), what)
    if not found:
        raise Difference(what, "at least one step", "an empty list")
    return found


@check("steps")
def steps_cover() -> None:
    """Every product a[i, k]·b[k, j] is taken exactly once."""
    for case in SHAPES:
        _, m, n, k, pieces = case
        taken = np.zeros((m, n, k), int)
        for number, step in enumerate(found_steps(*case)):
            what = f"{shown(*case)}: step {number}"
            for name, size, most, at, end in (
                ("rows", step.rows, pieces.rows, step.row, m),
                ("columns", step.columns, pieces.columns, step.column, n),
                ("depth", step.depth, pieces.depth, step.inner, k),
            ):
                if not (0 < size <= most and 0 <= at <= end - size):
                    raise Difference(
                        f"{what}: {name}", f"1 to {most}, inside of 0 to {end}", f"{size}, from {at} to {at + size}"
                    )
            taken[
                step.row : step.row + step.rows,
                step.column : step.column + step.columns,
                step.inner : step.inner + step.depth,
            ] += 1
        wrong = np.argwhere(taken != 1)
        if len(wrong):
            i, j, inner = wrong[0]
            times = f"{taken[i, j, inner]} times"
            raise Difference(f"{shown(*case)}: a[{i}, {inner}]·b[{inner}, {j}]", "in one step", f"in {times}")


@check("steps")
def steps_flags() -> None:
    """A block's steps follow each other, numbered from 0; its first and last are marked."""
    for case in SHAPES:
        pieces = case[-1]
        found = found_steps(*case)
        before: Step | None = None
        for number, step in enumerate(found):
            what = f"{shown(*case)}: step {number}"
            after = found[number + 1] if number + 1 < len(found) else None
            same = before is not None and (before.row, before.column) == (step.row, step.column)
            expect(step.block, 0 if before is None else before.block + (not same), f"{what}: block")
            expect(step.first, not same, f"{what}: first")
            ends = after is None or (after.row, after.column) != (step.row, step.column)
            expect(step.last, ends, f"{what}: last")
            before = step
        expect(len({(step.row, step.column) for step in found}), found[-1].block + 1, f"{shown(*case)}: blocks")
        odd = [s for s in found if s.row % pieces.rows or s.column % pieces.columns or s.inner % pieces.depth]
        if odd:
            raise Difference(f"{shown(*case)}: where pieces begin", "at multiples of the tiling's sizes", repr(odd[0]))


# load-tile


@check("load-tile")
def tile_arrives() -> None:
    """The tile lies in the scratchpad, row by row, and nothing else was written there."""
    for machine, rows, columns, tile in (
        (NANO, 8, 16, (0, 8, 0, 16)),  # the whole matrix
        (NANO, 8, 16, (2, 3, 0, 16)),  # some of its rows
        (NANO, 8, 16, (0, 8, 4, 8)),  # some of its columns
        (NANO, 9, 26, (5, 4, 20, 6)),  # the lower right corner, ragged
        (NANO, 9, 26, (3, 1, 8, 4)),  # one row
        (EDU, 40, 70, (8, 31, 24, 45)),
    ):
        row, height, column, width = tile
        where = f"rows {row} to {row + height - 1}, columns {column} to {column + width - 1}"
        what = f"{where} of a {rows}x{columns} matrix on {machine.name}"
        pitch = -(-columns // machine.bus.bytes) * machine.bus.bytes
        matrix = Matrix("A", "input", "int8", rows, columns, 0x1000, pitch)
        local = 0x200
        code = Code(machine)
        tiles.load_tile(code, matrix, row, height, column, width, local)
        program = assembled(code, 0, what)
        expect([i.name for i in program.instructions[:-1]], ["load"], f"{what}: the instructions")
        values = random_int8(rows, rows, columns)
        values[values == 0] = 1  # so that every element shows
        dram = program.image()
        dram[0x1000 : 0x1000 + rows * pitch].reshape(rows, pitch)[:, :columns] = values.view(np.uint8)
        memory = weft.get_engine("fast").run(program, dram).scratchpad.view(np.int8)
        step = local_pitch(machine, width)
        got = np.array([memory[local + r * step : local + r * step + width] for r in range(height)])
        expect(got, values[row : row + height, column : column + width], f"{what}: the tile")
        end = local + height * step
        if memory[:local].any() or memory[end:].any():
            raise Difference(what, f"nothing outside of bytes {local:#x} to {end - 1:#x}", "bytes written elsewhere")


# multiply-panel

PANELS = (  # machine, tiling, rows, columns, depth, place, place of C
    (NANO, Tiling(8, 4, 4), 8, 4, 4, 0, 0),  # one instruction
    (NANO, Tiling(8, 4, 12), 8, 4, 12, 0, 0),  # three along K
    (NANO, Tiling(8, 12, 4), 8, 12, 4, 1, 1),  # three tiles of C
    (NANO, Tiling(16, 8, 16), 16, 8, 16, 1, 0),
    (NANO, Tiling(16, 8, 16), 5, 7, 14, 0, 1),  # ragged
    (EDU, Tiling(40, 32, 24), 33, 27, 21, 1, 1),
)


def panels(first: bool) -> None:
    """Both checks of multiply-panel: a block's first step, or a later one."""
    for machine, pieces, rows, columns, depth, place, c_place in PANELS:
        kind = "first" if first else "later"
        what = f"a block's {kind} step, {rows}x{columns}x{depth} on {machine.name}"
        step = Step(0, 0, rows, 0, columns, 0 if first else pieces.depth, depth, first, not first)
        product, before, after = panel_product(tiles.multiply_panel, machine, pieces, step, (place, c_place), what)
        expected = product if first else before + product
        added = np.array_equal(after, before + product)
        if first and added and not np.array_equal(after, expected):
            raise Difference(f"{what}: C", "overwritten by the product", "the product added to what was there")
        if not first and np.array_equal(after, product):
            raise Difference(f"{what}: C", "the product added to what was there", "overwritten by the product")
        expect(after, expected, f"{what}: C")


@check("multiply-panel")
def first_step() -> None:
    """A block's first step leaves the product, whatever the accumulator held before."""
    panels(True)


@check("multiply-panel")
def later_step() -> None:
    """A later step adds the product to what is there."""
    panels(False)


# semaphores and double-buffering


def all_orderly(make: Schedule) -> None:
    """Raise Difference for a program that can deadlock, or in which two units race for a byte."""
    for case in SHAPES:
        orderly(made(make, *case), *case)


def all_exact(make: Schedule) -> None:
    """Compare C with NumPy's."""
    for case in SHAPES:
        multiplied(made(make, *case), *case)


@check("semaphores")
def in_turn_orderly() -> None:
    """With one place each: no unit waits for ever, and no two units race for a byte."""
    all_orderly(schedule.in_turn)


@check("semaphores")
def in_turn_exact() -> None:
    """With one place each: C is NumPy's, to the bit."""
    all_exact(schedule.in_turn)


@check("double-buffering")
def overlapped_orderly() -> None:
    """With two places each: no unit waits for ever, and no two units race for a byte."""
    all_orderly(schedule.overlapped)


@check("double-buffering")
def overlapped_exact() -> None:
    """With two places each: C is NumPy's, to the bit."""
    all_exact(schedule.overlapped)


def bound(machine: weft.Machine, m: int, n: int, k: int) -> int:
    """Cycles that no program can go below.

    The array has DIM² elements and each does one multiply-accumulate a cycle: m·n·k of them take m·n·k / DIM². And
    the bus moves at most one beat a cycle, in either direction: A and B must be read and C (4 bytes an element)
    written, each at least once. Both happen in the same cycles at best, so the larger one counts.
    """
    matrix = -(-m * n * k // machine.dim**2)
    bus = -(-(m * k + k * n + 4 * m * n) // machine.bus.bytes)
    return max(matrix, bus)


@cache
def timed(machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> int:
    """The simulated cycles of the student's overlapped program, which must be orderly and right at this size, too."""
    code = made(schedule.overlapped, machine, m, n, k, pieces)
    fetch, most = len(code) * 64 // machine.bus.bytes, max(4 * bound(machine, m, n, k), 40_000)
    if fetch > most:
        what = f"{shown(machine, m, n, k, pieces)}: cycles to fetch {len(code):,} instructions of 64 bytes alone"
        raise Difference(what, f"at most {most:,}", f"{fetch:,}; larger pieces need fewer instructions")
    orderly(code, machine, m, n, k, pieces)
    return multiplied(code, machine, m, n, k, pieces).cycles


@measure("double-buffering", "cycles of 64x64x256 on nano", bound=bound(NANO, 64, 64, 256))
def overlapped_nano() -> int:
    """Loads and stores hide behind the matrix unit, on nano. (The bound: see `bound` in grade.py.)"""
    return timed(NANO, 64, 64, 256, Tiling(64, 8, 32))


@measure("double-buffering", "cycles of 256x64x512 on edu", bound=bound(EDU, 256, 64, 512))
def overlapped_edu() -> int:
    """Loads and stores hide behind the matrix unit, on edu. (The bound: see `bound` in grade.py.)"""
    return timed(EDU, 256, 64, 512, Tiling(256, 16, 64))


# tiling


def chosen(machine: weft.Machine, m: int, n: int, k: int) -> Tiling:
    """The student's tiling, which must fit."""
    return fitting(tiling.choose(machine, m, n, k), machine, f"choose for {m}x{n}x{k} on {machine.name}")


@check("tiling")
def tiling_fits() -> None:
    """The tiling fits the places of the machine, for matrices of all sizes."""
    for machine, m, n, k in (
        (NANO, 64, 64, 64), (NANO, 1, 1, 1), (NANO, 3, 500, 2), (NANO, 1000, 5, 70), (NANO, 7, 9, 3000),
        (EDU, 64, 64, 64), (EDU, 1000, 9, 11), (EDU, 2, 1000, 1000), (EDGE, 300, 300, 300),
    ):  # fmt: skip
        chosen(machine, m, n, k)


def chosen_cycles(machine: weft.Machine, m: int, n: int, k: int) -> int:
    """The cycles with the student's own tiling, and a schedule that overlaps."""
    pieces = chosen(machine, m, n, k)
    most = 5 * bound(NANO, 64, 64, 256) // 4  # beyond it, the hole double-buffering is too slow for certain
    if overlapped_nano() > most:
        raise Difference("double-buffering, which this hole builds on", "first mend double-buffering", "it is too slow")
    return timed(machine, m, n, k, pieces)


def allowed(machine: weft.Machine, m: int, n: int, k: int) -> int:
    """Cycles that a sensible tiling stays below: twice what the busier of matrix unit and bus must do at least.

    The matrix unit does a row a cycle for every DIM columns and every DIM of the depth, the last ones included; the
    bus carries A, B and C once, and instructions whose rows fill a bank of the accumulator. Two latencies are added.
    """
    dim, most = machine.dim, machine.accumulator.bank_bytes // machine.row_bytes
    products = -(-n // dim) * -(-k // dim)
    carried = m * k + k * n + 4 * m * n + 64 * products * -(-m // most)
    return 2 * (max(products * m, carried // machine.bus.bytes) + 2 * machine.dram.latency)


@check("tiling")
def tiling_elsewhere() -> None:
    """On other shapes and machines: at most twice what matrix unit or bus must do. (See `allowed` in grade.py.)"""
    for machine, m, n, k in (
        (NANO, 16, 16, 16), (NANO, 1, 40, 30), (NANO, 130, 9, 33), (NANO, 24, 100, 8), (NANO, 4, 4, 300),
        (EDU, 30, 90, 70), (EDU, 257, 17, 40), (EDU, 8, 8, 500), (EDGE, 100, 70, 90), (EDGE, 16, 200, 64),
        (WIDE, 90, 40, 40), (SMALL, 64, 24, 48),
    ):  # fmt: skip
        cycles, most = chosen_cycles(machine, m, n, k), allowed(machine, m, n, k)
        if cycles > most:
            what = f"cycles of {shown(machine, m, n, k, chosen(machine, m, n, k))}"
            raise Difference(what, f"at most {most:,}", f"{cycles:,}")


@measure("tiling", "cycles of 100x36x64 on nano", bound=bound(NANO, 100, 36, 64))
def tiling_tall() -> int:
    """Few cycles where the rows do not fit one bank. (The bound: see `bound` in grade.py.)"""
    return chosen_cycles(NANO, 100, 36, 64)


@measure("tiling", "cycles of 37x23x45 on nano", bound=bound(NANO, 37, 23, 45))
def tiling_ragged() -> int:
    """Few cycles where nothing divides anything. (The bound: see `bound` in grade.py.)"""
    return chosen_cycles(NANO, 37, 23, 45)


@measure("tiling", "cycles of 100x200x120 on edu", bound=bound(EDU, 100, 200, 120))
def tiling_edu() -> int:
    """Few cycles on the larger machine. (The bound: see `bound` in grade.py.)"""
    return chosen_cycles(EDU, 100, 200, 120)
