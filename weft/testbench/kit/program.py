"""Chooses what the bench runs: `python program.py PROGRAM.weft` writes program.json, before.bin and after.bin.

The one file of the bench that needs weft. A program comes from `weft asm`, `weft compile`, or out of Python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import weft

HERE = Path(__file__).resolve().parent
INSTRUCTION_BYTES = 64


def write(program: weft.Program, folder: Path) -> None:
    """Write DRAM before the run, DRAM as weft's fast engine leaves it, and how to start and judge the run.

    Raises weft.WeftError for a program that does not run to its halt.
    """
    before = program.image()
    run = weft.get_engine("fast").run(program, before)
    facts = {
        "name": program.meta.get("name", ""),
        "entry": program.entry,
        "instructions": len(program.code) // INSTRUCTION_BYTES,
        "cycles": run.cycles,
        "buffers": [{"name": b.name, "address": b.address, "bytes": b.bytes} for b in program.buffers],
    }
    (folder / "program.json").write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    before.tofile(folder / "before.bin")
    run.dram.tofile(folder / "after.bin")


def main() -> None:
    """Replace the bench's program by the one that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python program.py PROGRAM.weft")
    try:
        program = weft.load_program(Path(sys.argv[1]))
        core = json.loads((HERE / "core.json").read_text(encoding="utf-8"))
        if program.machine.digest() != core["digest"]:
            sys.exit(f"{sys.argv[1]}: made for another machine than weft_core.v, whose machine is in core.json")
        write(program, HERE)
        weft.save_program(program, HERE / "program.weft")
    except weft.WeftError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
