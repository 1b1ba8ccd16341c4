"""Export to Verilog, and where in the Verilog the on-chip memories are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from amaranth.back import verilog

from weft.base.distribution import install
from weft.base.errors import MissingToolError
from weft.isa.machine import Machine
from weft.rtl.cells import cell_verilog
from weft.rtl.core import Core
from weft.rtl.destination import AccumulateLane
from weft.rtl.element import ProcessingElement
from weft.rtl.lane import Lane
from weft.rtl.memory import HALVES

TOP = "weft_core"
"""Name of the top module; every other module's name begins with ``weft_``."""


WAIVERS = {
    "UNUSEDSIGNAL": "every level of a record keeps its name, needed or not",
    "PROCASSINIT": "registers have their reset value from power-up on, as FPGAs can",
    "CASEINCOMPLETE": "what a case leaves out was assigned before it",
    "WIDTHEXPAND": "operators extend their operands, as the language defines",
    "WIDTHTRUNC": "a vector as a condition means: not zero",
    "UNSIGNED": "an index is compared with every bound, 0 among them",
    "VARHIDDEN": "a port may be called as a unit is",
    "INITIALDLY": "what wakes the processes at time 0 has to come after they have begun to wait",
}
"""Verilator warnings that the exported text turns off, and why."""

WAKE = "\\$wake "
"""Every combinational process reads this signal, which changes once, at time 0: some of them read nothing else that
ever changes, and would never be evaluated. It becomes 0 by a non-blocking assignment, when all processes wait; Yosys
has some processes read a signal that *begins* as 0, which is no change to SystemVerilog."""

CELLS = (ProcessingElement, AccumulateLane, Lane)
"""What the core places as instances (see ``rtl.cells``)."""


@dataclass(frozen=True)
class MemoryPlace:
    """One physical memory: ``variable`` in the instance ``path`` below the top (``/`` between levels).

    Entry ``e`` (of ``entry_bytes`` bytes, least significant first) holds bytes ``base + e * step`` and on of ``memory``
    ("scratchpad" or "accumulator").
    """

    path: str
    variable: str
    memory: str
    base: int
    step: int
    entries: int
    entry_bytes: int


def memory_map(machine: Machine) -> tuple[MemoryPlace, ...]:
    """Every physical memory behind the two on-chip memories; together they cover all of their bytes."""
    places = []
    scratchpad, accumulator = machine.scratchpad, machine.accumulator
    word, row = machine.word_bytes, machine.row_bytes
    for bank in range(scratchpad.banks):
        for parity, half in enumerate(HALVES):
            base = bank * scratchpad.bank_bytes + parity * word
            entries = scratchpad.bank_bytes // (2 * word)
            places.append(MemoryPlace("scratchpad", f"bank{bank}_{half}", "scratchpad", base, 2 * word, entries, word))
    for bank in range(accumulator.banks):
        base, entries = bank * accumulator.bank_bytes, accumulator.bank_bytes // row
        places.append(MemoryPlace("accumulator", f"bank{bank}", "accumulator", base, row, entries, row))
    return tuple(places)


def _plain(text: str) -> str:
    """Modules named as a person would: ``weft_scratchpad`` for Amaranth's ``\\weft_core.scratchpad``; memories that
    begin as zeros without a line for every entry; processes that are evaluated at time 0."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        given = match[1]
        if given not in names:
            plain = re.sub(r"\$\d+", "", given.replace(f"{TOP}.", "weft_")).replace(".", "_")
            names[given] = plain if plain not in names.values() else f"{plain}_{len(names)}"
        return names[given] + " "

    text = re.sub(r"\\(weft_\w+\.[\w.$]+) ", rename, text)
    text = re.sub(r"^\(\* (?:generator|top) =.*\*\)\n", "", text, flags=re.MULTILINE)
    text = _woken(text)
    return re.sub(r"  initial begin\n(?:    (\w+)\[\d+\] = \d+'h0+;\n)+  end\n", _zeros, text)


def _woken(text: str) -> str:
    """The text with every combinational process reading WAKE, and no signal of Yosys's for the same purpose."""
    text = re.sub(r"^  reg \\\$auto\$verilog_backend\S+  = 0;\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ *if \(\\\$auto\$verilog_backend\S+ \) begin end\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^  always @\*\n    (.*;)$", r"  always @* begin\n    \1\n  end", text, flags=re.MULTILINE)
    text = text.replace("  always @* begin\n", f"  always @* begin\n    if ({WAKE}) begin end\n")
    return re.sub(r"^module [^;]*;\n.*?^endmodule$", _with_wake, text, flags=re.MULTILINE | re.DOTALL)


def _with_wake(module: re.Match[str]) -> str:
    head, line, body = module[0].partition(";\n")
    return f"{head}{line}  reg {WAKE};\n  initial {WAKE} <= 0;\n{body}" if WAKE in body else module[0]


def _zeros(match: re.Match[str]) -> str:
    entries = match[0].count("\n") - 2
    return (
        f"  integer {match[1]}_entry;\n  initial for ({match[1]}_entry = 0; {match[1]}_entry < {entries}; "
        f"{match[1]}_entry = {match[1]}_entry + 1) {match[1]}[{match[1]}_entry] = 0;\n"
    )


def export(machine: Machine) -> str:
    """The whole core as Verilog-2005, top module ``weft_core``. Raises MissingToolError without Yosys.

    Ports: ``clk``, ``rst`` (synchronous, active high), ``m_axi_*``, ``s_axil_*``, ``trace_*``, ``halted``, ``fault``.
    """
    try:
        text = verilog.convert(Core(machine, instances=True), name=TOP, emit_src=False, strip_internal_attrs=True)
    except verilog.YosysError as error:
        raise MissingToolError(f"Verilog export needs Yosys: {install('rtl')} ({error})") from error
    waivers = "".join(f"// {why}\n/* verilator lint_off {name} */\n" for name, why in WAIVERS.items())
    return waivers + _plain(text) + "".join(_plain(cell_verilog(cell, machine)) for cell in CELLS)
