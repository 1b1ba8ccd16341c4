"""Given: look at your programs. `python look.py --help` says how.

    python look.py nano 64 64 128                       cycles of in_turn and overlapped, beside the bound
    python look.py nano 64 64 128 --tiling 64 8 32      with this tiling instead of the one below
    python look.py nano 12 8 16 --tiling 8 4 8 --listing    the assembly, too
    python look.py nano 64 64 128 --save mine           in_turn.weft and overlapped.weft, for `weft sim`
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import schedule
from bench import Schedule, made, multiplied, orderly
from emitter import Problem, timeline
from layout import Tiling, misfit

import weft
from weft.lab import Difference


def options() -> tuple[argparse.Namespace, Any, tuple[int, int, int], Tiling]:
    """What the command line asks for: everything, the machine, the sizes and the tiling. Ends if that cannot be."""
    parser = argparse.ArgumentParser(description="Cycles and timelines of your programs for C = A·B.")
    parser.add_argument("machine", nargs="?", default="nano")
    parser.add_argument("sizes", nargs="*", type=int, default=[64, 64, 128], metavar="M N K")
    parser.add_argument("--tiling", nargs=3, type=int, metavar=("ROWS", "COLUMNS", "DEPTH"))
    parser.add_argument("--cycles", nargs=2, type=int, metavar=("FROM", "TO"), help="the part of the run to draw")
    parser.add_argument("--listing", action="store_true", help="print the assembly")
    parser.add_argument("--save", metavar="FOLDER", help="write the programs there")
    asked = parser.parse_args()
    if len(asked.sizes) != 3 or min(asked.sizes) < 1:
        parser.error(f"three sizes are needed, each at least 1: M N K; got {' '.join(map(str, asked.sizes))}")
    if asked.cycles and not 0 <= asked.cycles[0] < asked.cycles[1]:
        parser.error(f"--cycles {asked.cycles[0]} {asked.cycles[1]}: from 0 or later to a later one")
    m, n, k = asked.sizes
    try:
        machine = weft.load_machine(asked.machine)
    except weft.WeftError as error:
        parser.error(str(error))
    dim, dram = machine.dim, machine.dram.bytes
    if "int8" not in machine.types:
        parser.error(f"'{machine.name}' multiplies {', '.join(machine.types)}; this lab needs int8")
    if m * k + k * n + 4 * m * n > dram // 2:
        parser.error(f"{m}x{n}x{k}: the matrices and their program must fit the DRAM, {dram:,} bytes")
    tiling = Tiling(*(asked.tiling or (min(m, 16 * dim), 2 * dim, 8 * dim)))
    if problem := misfit(machine, tiling):
        parser.error(f"{tiling} does not fit '{machine.name}': {problem}")
    return asked, machine, (m, n, k), tiling


def look(
    make: Schedule, asked: argparse.Namespace, machine: weft.Machine, sizes: tuple[int, int, int], tiling: Tiling
) -> None:
    """Print what one schedule gives. Raises what it raises, and Difference if the program is wrong."""
    code = made(make, machine, *sizes, tiling)
    if asked.listing:
        print(code.text())
    if asked.save:
        Path(asked.save).mkdir(parents=True, exist_ok=True)
        weft.save_program(Problem(machine, *sizes).program(code), Path(asked.save, f"{make.__name__}.weft"))
    orderly(code, machine, *sizes, tiling)
    result = multiplied(code, machine, *sizes, tiling)
    print(f"    right, {result.cycles:,} cycles, {len(code)} instructions, ", end="")
    print(f"{result.read_beats:,} beats read, {result.write_beats:,} written")
    print(timeline(result, *(asked.cycles or (0, None))))


def main() -> None:
    """Run both schedules and print what they took."""
    asked, machine, (m, n, k), tiling = options()
    matrix, bus = m * n * k / machine.dim**2, (m * k + k * n + 4 * m * n) / machine.bus.bytes
    print(f"{m}x{n}x{k} on '{machine.name}', {tiling}: no program takes fewer than {max(matrix, bus):,.0f} cycles")
    print(f"({matrix:,.0f} of the matrix unit, {bus:,.0f} of the DRAM bus)")
    for make in (schedule.in_turn, schedule.overlapped):
        print(f"\n{make.__name__}")
        try:
            look(make, asked, machine, (m, n, k), tiling)
        except NotImplementedError as unwritten:
            print(f"    {unwritten}")
        except Difference as wrong:
            print(f"    WRONG, {wrong.what}:\n    expected {wrong.expected}, got {wrong.actual}")
        except (weft.WeftError, ValueError, OSError) as error:
            print(f"    {error}")


if __name__ == "__main__":
    main()
