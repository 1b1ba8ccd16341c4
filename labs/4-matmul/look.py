"""Given: look at your programs. `python look.py --help` says how.

    python look.py nano 64 64 128                       cycles of in_turn and overlapped, beside the bound
    python look.py nano 64 64 128 --tiling 64 8 32      with this tiling instead of the one below
    python look.py nano 12 8 16 --tiling 8 4 8 --listing    the assembly, too
    python look.py nano 64 64 128 --save mine           in_turn.weft and overlapped.weft, for `weft sim`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import schedule
from emitter import Problem, explained, run, timeline
from layout import Tiling

import weft


def main() -> None:
    """Run both schedules and print what they took."""
    parser = argparse.ArgumentParser(description="Cycles and timelines of your programs for C = A·B.")
    parser.add_argument("machine", nargs="?", default="nano")
    parser.add_argument("sizes", nargs="*", type=int, default=[64, 64, 128], metavar="M N K")
    parser.add_argument("--tiling", nargs=3, type=int, metavar=("ROWS", "COLUMNS", "DEPTH"))
    parser.add_argument("--cycles", nargs=2, type=int, metavar=("FROM", "TO"), help="the part of the run to draw")
    parser.add_argument("--listing", action="store_true", help="print the assembly")
    parser.add_argument("--save", metavar="FOLDER", help="write the programs there")
    options = parser.parse_args()
    if len(options.sizes) != 3:
        parser.error("three sizes are needed: M N K")
    m, n, k = options.sizes
    machine = weft.load_machine(options.machine)
    dim = machine.dim
    tiling = Tiling(*(options.tiling or (min(m, 16 * dim), 2 * dim, 8 * dim)))
    problem = Problem(machine, m, n, k)
    matrix, bus = m * n * k / dim**2, (m * k + k * n + 4 * m * n) / machine.bus.bytes
    print(f"{m}x{n}x{k} on '{machine.name}', {tiling}: no program takes fewer than {max(matrix, bus):,.0f} cycles")
    print(f"({matrix:,.0f} of the matrix unit, {bus:,.0f} of the DRAM bus)")

    random = np.random.default_rng(0)
    a = random.integers(-128, 128, (m, k), dtype=np.int8)
    b = random.integers(-128, 128, (k, n), dtype=np.int8)
    for make in (schedule.in_turn, schedule.overlapped):
        print(f"\n{make.__name__}")
        try:
            code = make(problem, tiling)
            if options.listing:
                print(code.text())
            program = problem.program(code)
            weft.validate_program(program)
            weft.check_program(program)
            if options.save:
                Path(options.save).mkdir(parents=True, exist_ok=True)
                weft.save_program(program, Path(options.save, f"{make.__name__}.weft"))
            result = run(problem, code, a, b)
        except NotImplementedError as unwritten:
            print(f"    {unwritten}")
            continue
        except weft.WeftError as error:
            print(explained(error, code))
            continue
        right = np.array_equal(result.c, a.astype(np.int32) @ b.astype(np.int32))
        print(f"    {'right' if right else 'WRONG'}, {result.cycles:,} cycles, {len(code)} instructions, ", end="")
        print(f"{result.read_beats:,} beats read, {result.write_beats:,} written")
        print(timeline(result, *(options.cycles or (0, None))))


if __name__ == "__main__":
    main()
