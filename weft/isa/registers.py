"""The control registers of the core, as the AXI4-Lite slave shows them: one table for RTL, engines and manual."""

from __future__ import annotations

from dataclasses import dataclass

from weft.isa.events import BUS_COUNTERS, EVENTS


@dataclass(frozen=True)
class Register:
    """A 32-bit register at byte ``offset``. ``access``: "rw" or "ro"."""

    name: str
    offset: int
    access: str
    doc: str


@dataclass(frozen=True)
class Fault:
    """Why the core stopped: ``code`` as in FAULT_CAUSE, and what FAULT_PC is then."""

    name: str
    code: int
    doc: str


_CONTROL = (
    ("CONTROL", "rw", "writing 1 starts the program (ignored while one runs); reads 0"),
    ("STATUS", "ro", "bit 0 running, bit 1 halted, bit 2 fault"),
    ("FAULT_CAUSE", "ro", "code of the fault, 0 if there is none"),
    ("FAULT_PC", "ro", "index of the instruction at fault"),
    ("ENTRY", "rw", "DRAM byte address of the program, a multiple of a fetch line"),
    ("LENGTH", "rw", "instructions of the program, padded to whole fetch lines"),
    ("WATCHDOG_LO", "rw", "most cycles of a run, low word; both words 0: no limit"),
    ("WATCHDOG_HI", "rw", "most cycles of a run, high word"),
    ("CYCLES_LO", "ro", "cycles of the run, low word"),
    ("CYCLES_HI", "ro", "cycles of the run, high word"),
)

COUNTERS = (*(event.name for event in EVENTS), *BUS_COUNTERS)
"""The 64-bit counters, in order: every event, then the bus counters."""

COUNTER_BASE = 0x100
"""Byte offset of the first counter; each has a low and a high word. The word at ``x`` and its high one at ``x + 4``."""

ADDRESS_BITS = 12


def _registers() -> tuple[Register, ...]:
    table = [Register(name, 4 * i, access, doc) for i, (name, access, doc) in enumerate(_CONTROL)]
    for i, name in enumerate(COUNTERS):
        word = name.upper().replace(".", "_")
        for high, half in enumerate(("LO", "HI")):
            doc = f"counter {name}, {('low', 'high')[high]} word"
            table.append(Register(f"{word}_{half}", COUNTER_BASE + 8 * i + 4 * high, "ro", doc))
    return tuple(table)


REGISTERS = _registers()
BY_NAME = {register.name: register for register in REGISTERS}

FAULTS = tuple(
    Fault(name, code, doc)
    for code, (name, doc) in enumerate(
        (
            ("none", "no fault"),
            ("opcode", "the instruction's opcode is none that is built"),
            ("loop_depth", "the loop would be nested too deep"),
            ("loop_buffer", "the instruction does not fit the loop buffer any more"),
            ("loop_end", "there is no open loop to end"),
            ("program_end", "the program went on past its last instruction"),
            ("semaphore", "the instruction's retirement took a semaphore above its maximum"),
            ("read_error", "DRAM answered a read of the instruction (or of its line) with an error"),
            ("write_error", "DRAM answered a write of the instruction with an error"),
            ("watchdog", "the cycle limit was reached; the instruction is the next to dispatch"),
        )
    )
)
"""Why the core stops without a halt. After a fault nothing more starts; what has started finishes."""

FAULT_BY_NAME = {fault.name: fault for fault in FAULTS}
