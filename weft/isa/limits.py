"""How much a file or a program may ask of this computer: one table of limits, each with a variable that changes it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from weft.base.errors import LimitError, WeftError


@dataclass(frozen=True)
class Limit:
    """A limit on ``unit``\\ s of something. ``name`` is part of its variable, ``doc`` says what is counted."""

    name: str
    default: int
    unit: str
    doc: str

    @property
    def variable(self) -> str:
        """The environment variable that changes it."""
        return f"WEFT_LIMIT_{self.name.upper()}"

    @property
    def value(self) -> int:
        """The limit that holds. Raises WeftError for a variable that is no count."""
        given = os.environ.get(self.variable)
        if given is None:
            return self.default
        if not (given.isascii() and given.isdecimal() and len(given) < 20 and int(given) > 0):
            raise WeftError(f"{self.variable}={given[:40]}: must be a count of {self.unit}s, such as {self.default}")
        return int(given)

    def hold(self, needed: int, what: str) -> None:
        """Raise LimitError if ``needed`` is over the limit; ``what`` says of what, and ends where the number goes."""
        if needed > self.value:
            raise LimitError(
                f"{what} {_count(needed)} {self.unit}s, over the limit of {self.value:,} ({self.doc}); "
                f"{self.variable} changes it"
            )


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**18 else "over 10^18"


PROGRAM_FILE = Limit("program_file", 1 << 30, "byte", "the size of a program's file")
TEXT_FILE = Limit("text_file", 1 << 26, "byte", "the size of a text that is read: assembly, machine, result")
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
