"""The checks. Every answer is compared with NumPy's or with a count; what a program may do is judged by weft's own
validator and checker; cycles are simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import schedule
import tiles
import tiling
from emitter import Code, Matrix, Problem, acc, explained, run, sp
from layout import Layout, Step, Tiling, local_pitch, misfit

import weft
from weft.lab import Difference, check, expect, measure

NANO, EDU = weft.load_machine("nano"), weft.load_machine("edu")
NAMES = {machine.name: machine for machine in (NANO, EDU, weft.load_machine("edge"))}

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


def shown(machine: Any, m: int, n: int, k: int, pieces: Tiling) -> str:
    """A case in words."""
    return f"{m}x{n}x{k} on {machine.name} with tiling {pieces.rows}x{pieces.columns}x{pieces.depth}"


def random_int8(seed: int, *shape: int) -> np.ndarray:
    """Reproducible values over the whole range."""
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


# steps


@check("steps")
def steps_cover() -> None:
    """Every product a[i, k]·b[k, j] is taken exactly once."""
    for case in SHAPES:
        machine, m, n, k, pieces = case
        taken = np.zeros((m, n, k), int)
        for number, step in enumerate(tiles.steps(Problem(machine, m, n, k), pieces)):
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
        machine, m, n, k, pieces = case
        found = tiles.steps(Problem(machine, m, n, k), pieces)
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


def valid(program: Any, code: Code, what: str) -> None:
    """Raise Difference if the program breaks a static rule of the machine."""
    try:
        weft.validate_program(program)
    except weft.WeftError as error:
        raise Difference(what, "a program that the machine accepts", explained(error, code)) from None


def assembled(code: Code, before: int, what: str) -> Any:
    """The program of ``code``, which had ``before`` instructions before the student's, from DRAM byte 0x20000 on."""
    if len(code) == before:
        raise Difference(what, "at least one instruction", "none")
    program = weft.assemble(f"{code.text()}\n.entry 0x20000", "listing", code.machine)
    valid(program, code, what)
    return program


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

PANEL_A, PANEL_B, OLD = 0x0, 0x4000, 0x8000  # where the bench has the panels and C's former content in DRAM


def padded(values: np.ndarray, pitch: int) -> np.ndarray:
    """The rows of a panel as bytes ``pitch`` apart, with 99 behind each where a product must not reach."""
    out = np.full((len(values), pitch), 99, np.uint8)
    out[:, : values.shape[1]] = values.view(np.uint8)
    return out.reshape(-1)


def multiply(machine: Any, pieces: Tiling, step: Step, place: int, c_place: int, what: str) -> tuple[Any, ...]:
    """Run the student's instructions alone on panels that lie in their places: A, B, C before, C after."""
    layout = Layout(machine, pieces)
    a, b = random_int8(1, step.rows, step.depth), random_int8(2, step.depth, step.columns)
    a_bytes = padded(a, local_pitch(machine, step.depth))
    b_bytes = padded(b, local_pitch(machine, step.columns))
    b_bytes = np.append(b_bytes, np.full(machine.dim * local_pitch(machine, step.columns), 99, np.uint8))  # stale rows
    count = -(-step.columns // machine.dim)
    old = np.arange(1000, 1000 + count * step.rows * machine.dim, dtype=np.int32).reshape(count, -1)

    code = Code(machine)
    code.emit("load", dram=PANEL_A, local=f"sp[{layout.a(place)}]", bytes=len(a_bytes))
    code.emit("load", dram=PANEL_B, local=f"sp[{layout.b(place)}]", bytes=len(b_bytes))
    for tile in range(count):
        size = old[tile].nbytes
        code.emit("load", dram=OLD + tile * size, local=f"acc[{layout.c(c_place, tile)}]", bytes=size)
    code.post("s15")
    code.wait("s15")
    before_student = len(code)
    tiles.multiply_panel(code, layout, step, place, c_place)
    program = assembled(code, before_student, what)

    dram = program.image()
    for address, content in ((PANEL_A, a_bytes), (PANEL_B, b_bytes), (OLD, old.view(np.uint8).reshape(-1))):
        dram[address : address + len(content)] = content
    words = weft.get_engine("fast").run(program, dram).accumulator.view(np.int32)
    after = np.stack([words[layout.c(c_place, t) // 4 :][: old[t].size] for t in range(count)])
    shape = (count, step.rows, machine.dim)
    before, after = (np.concatenate(list(x.reshape(shape)), 1)[:, : step.columns] for x in (old, after))
    return a.astype(np.int32) @ b.astype(np.int32), before, after


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
        product, before, after = multiply(machine, pieces, step, place, c_place, what)
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

Schedule = Callable[[Problem, Tiling], Code]


def orderly(make: Schedule) -> None:
    """Raise Difference for a program that can deadlock, or in which two units race for a byte."""
    for case in SHAPES:
        machine, m, n, k, pieces = case
        problem = Problem(machine, m, n, k)
        code = make(problem, pieces)
        if not len(code):
            raise Difference(shown(*case), "a program", "no instruction")
        program = problem.program(code)
        valid(program, code, shown(*case))
        try:
            weft.check_program(program)
        except weft.WeftError as error:
            raise Difference(shown(*case), "neither deadlock nor data race", explained(error, code)) from None


def exact(make: Schedule) -> None:
    """Compare C with NumPy's."""
    for seed, case in enumerate(SHAPES):
        machine, m, n, k, pieces = case
        problem = Problem(machine, m, n, k)
        a, b = random_int8(seed, m, k), random_int8(seed + 100, k, n)
        result = run(problem, make(problem, pieces), a, b)
        expect(result.c, a.astype(np.int32) @ b.astype(np.int32), f"{shown(*case)}: C")


@check("semaphores")
def in_turn_orderly() -> None:
    """With one place each: no unit waits for ever, and no two units race for a byte."""
    orderly(schedule.in_turn)


@check("semaphores")
def in_turn_exact() -> None:
    """With one place each: C is NumPy's, to the bit."""
    exact(schedule.in_turn)


@check("double-buffering")
def overlapped_orderly() -> None:
    """With two places each: no unit waits for ever, and no two units race for a byte."""
    orderly(schedule.overlapped)


@check("double-buffering")
def overlapped_exact() -> None:
    """With two places each: C is NumPy's, to the bit."""
    exact(schedule.overlapped)


def bound(machine: Any, m: int, n: int, k: int) -> int:
    """Cycles that no program can go below.

    The array has DIM² elements and each does one multiply-accumulate a cycle: m·n·k of them take m·n·k / DIM². And
    the bus moves at most one beat a cycle, in either direction: A and B must be read and C (4 bytes an element)
    written, each at least once. Both happen in the same cycles at best, so the larger one counts.
    """
    matrix = -(-m * n * k // machine.dim**2)
    bus = -(-(m * k + k * n + 4 * m * n) // machine.bus.bytes)
    return max(matrix, bus)


def timed(machine: Any, m: int, n: int, k: int, pieces: Tiling) -> int:
    """The simulated cycles of the student's overlapped program, whose result must be right."""
    problem = Problem(machine, m, n, k)
    a, b = random_int8(7, m, k), random_int8(8, k, n)
    code = schedule.overlapped(problem, pieces)
    fetch, most = len(code) * 64 // machine.bus.bytes, 4 * bound(machine, m, n, k)
    if fetch > most:
        what = f"{shown(machine, m, n, k, pieces)}: cycles to fetch {len(code):,} instructions of 64 bytes alone"
        raise Difference(what, f"at most {most:,}, 4 × the bound", f"{fetch:,}; larger pieces need fewer instructions")
    valid(problem.program(code), code, shown(machine, m, n, k, pieces))
    result = run(problem, code, a, b)
    expect(result.c, a.astype(np.int32) @ b.astype(np.int32), f"{shown(machine, m, n, k, pieces)}: C")
    return result.cycles


@measure("double-buffering", "cycles of 64x64x256 on nano", bound=bound(NANO, 64, 64, 256))
def overlapped_nano() -> int:
    """Loads and stores hide behind the matrix unit, on nano. (The bound: see `bound` in grade.py.)"""
    return timed(NANO, 64, 64, 256, Tiling(64, 8, 32))


@measure("double-buffering", "cycles of 256x64x512 on edu", bound=bound(EDU, 256, 64, 512))
def overlapped_edu() -> int:
    """Loads and stores hide behind the matrix unit, on edu. (The bound: see `bound` in grade.py.)"""
    return timed(EDU, 256, 64, 512, Tiling(256, 16, 64))


# tiling


@check("tiling")
def tiling_fits() -> None:
    """The tiling fits the places of the machine, for matrices of all sizes."""
    for name, m, n, k in (
        ("nano", 64, 64, 64), ("nano", 1, 1, 1), ("nano", 3, 500, 2), ("nano", 1000, 5, 70), ("nano", 7, 9, 3000),
        ("edu", 64, 64, 64), ("edu", 1000, 9, 11), ("edu", 2, 1000, 1000), ("edge", 300, 300, 300),
    ):  # fmt: skip
        chosen = tiling.choose(NAMES[name], m, n, k)
        problem = misfit(NAMES[name], chosen)
        if problem:
            raise Difference(f"{m}x{n}x{k} on {name}", "a tiling that fits", f"{chosen}: {problem}")


def chosen_cycles(machine: Any, m: int, n: int, k: int) -> int:
    """The cycles with the student's own tiling."""
    return timed(machine, m, n, k, tiling.choose(machine, m, n, k))


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
