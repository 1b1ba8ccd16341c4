"""How much a program may ask of this computer: the table of limits."""

from __future__ import annotations

from typing import Any

from weft.base.limits import TEXT_FILE, Limit

PROGRAM_FILE = Limit("program_file", 1 << 30, "byte", "the size of a program's file")
EXECUTED = Limit(
    "executed", 5_000_000, "instruction", "what a program executes in all its loops, loop control included"
)
DRAM = Limit("dram", 1 << 30, "byte", "the pages of DRAM that a program's code, data and stores touch")
MEMORY = Limit("memory", 1 << 32, "byte", "the host's memory for a run: tables by executed instruction, and DRAM")
COMPARED = Limit("compared", 1_000_000_000, "step", "the work of the search for data races")

LIMITS = (PROGRAM_FILE, TEXT_FILE, EXECUTED, DRAM, MEMORY, COMPARED)
"""All of them, in the order in which a program meets them."""


def table() -> list[dict[str, Any]]:
    """The limits as plain data: name, what is counted and in what unit, default, the value that holds, variable."""
    return [
        {"name": one.name, "doc": one.doc, "unit": one.unit, "default": one.default, "value": one.value,
         "variable": one.variable}
        for one in LIMITS
    ]  # fmt: skip
