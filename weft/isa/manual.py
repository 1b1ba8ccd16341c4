"""The reference manual docs/isa.md, written from the tables: ``python -m weft.isa.manual docs/isa.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from weft.isa.elements import ELEMENT
from weft.isa.events import EVENTS
from weft.isa.fields import INSTRUCTION_BYTES, LOOP_LEVELS, SEMAPHORE_MAX, SEMAPHORES, SHARED, Field, FieldKind, Spec
from weft.isa.instructions import ACCUMULATOR_BIT, INSTRUCTIONS, UNITS
from weft.isa.limits import LIMITS
from weft.isa.machine import load, presets
from weft.isa.operands import OPERANDS, Form, Operand, When
from weft.isa.registers import FAULTS, REGISTERS
from weft.isa.rules import RULES
from weft.isa.vector_ops import BINARY, REDUCTIONS, SOURCES, UNARY, VectorOp


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _values(field: Field) -> str:
    if field.choices:
        long = len(field.choices) > 8
        return "an operation, see below" if long else ", ".join(f"`{choice}`" for choice in field.choices)
    if field.kind is FieldKind.MASK:
        return f"s0 to s{SEMAPHORES - 1}"
    if field.kind is FieldKind.LOCAL:
        return "`sp[…]` or `acc[…]`"
    if field.kind is FieldKind.DRAM:
        return f"0 to {field.maximum:#x}"
    return f"{field.minimum} to {field.maximum}"


def _default(field: Field) -> str:
    if field.default is None:
        return "must be given"
    return f"`{field.choices[field.default]}`" if field.choices else str(field.default)


def _bits(offset: int, width: int) -> str:
    return f"{offset + width - 1}:{offset}" if width > 1 else str(offset)


def _instruction(spec: Spec) -> Iterator[str]:
    yield f"### {spec.name}"
    state = "" if spec.built else " **Specified, not built: every tool refuses it.**"
    yield f"{spec.doc} Opcode {spec.opcode}, unit {spec.unit}.{state}"
    yield ""
    if not spec.built:
        return
    yield spec.meaning
    yield ""
    yield f"Timing: {spec.timing}"
    yield ""
    rows = [
        (
            f"`{name}`", _bits(placed.offset, placed.field.width), _values(placed.field), _default(placed.field),
            placed.field.doc + (f" (encoded minus {placed.field.bias})" if placed.field.bias else ""),
        )
        for name, placed in spec.layout.items()
        if placed.field not in SHARED
    ]  # fmt: skip
    if rows:
        yield from _table(("field", "bits", "values", "default", "meaning"), rows)
    if spec.name in OPERANDS:
        yield from _table(("operand", "read", "written", "elements", "lies as"), map(_operand, OPERANDS[spec.name]))


def _listed(names: Sequence[str], last: str = "or") -> str:
    shown = [f"`{name}`" for name in names]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _when(when: When | None) -> str:
    if when is None:
        return "never"
    parts = (f"`{c.field.name}` is {'not ' * c.unless}{_listed(c.choices)}" for c in when)
    return " and ".join(parts) or "always"


def _form(form: Form) -> str:
    counts, run = (" × ".join(f"`{name}`" for name in names) for names in ([c for c, _ in form.levels], form.run))
    steps = ", ".join(f"`{stride}`" for _, stride in form.levels)
    single = f", and {_listed(form.single, 'and')} must be 1" if form.single else ""
    return f"{f'if {_when(form.when)}: ' if form.when else ''}{counts} runs of {run or 'one'}, by {steps}{single}"


def _operand(operand: Operand) -> tuple[str, ...]:
    element = f"{'' if operand.element in ELEMENT else 'as '}`{operand.element}`" if operand.element else "bytes"
    forms = "; else ".join(map(_form, operand.forms))
    distinct = "; runs do not overlap each other" if operand.distinct else ""
    return f"`{operand.field}`", _when(operand.read), _when(operand.write), element, forms + distinct


def _operations(title: str, ops: tuple[VectorOp, ...]) -> Iterator[str]:
    yield f"### {title}"
    state = {True: "", False: " (not built)"}
    rows = ((code, f"`{op.name}`", op.kind, op.doc + state[op.built]) for code, op in enumerate(ops))
    yield from _table(("code", "name", "operands", "meaning"), rows)


def _machines() -> Iterator[str]:
    columns = ("machine", "DIM", "types", "scratchpad", "accumulator", "bus bytes", "widest bus", "DRAM latency")
    rows = []
    for name in presets():
        m = load(name)
        rows.append(
            (f"`{name}`", m.dim, ", ".join(m.types), f"{m.scratchpad.bytes >> 10} KiB in {m.scratchpad.banks} banks",
             f"{m.accumulator.bytes >> 10} KiB in {m.accumulator.banks} banks", m.bus.bytes, m.widest_bus,
             m.dram.latency)
        )  # fmt: skip
    yield from _table(columns, rows)


def _lines() -> Iterator[str]:
    yield "# The instruction set"
    yield ""
    yield "<!-- Written from the tables in isa/. Change those, then: python -m weft.isa.manual docs/isa.md -->"
    yield ""
    yield (
        "The bits of every result are in [arithmetic.md](arithmetic.md), the cycle of everything in "
        "[timing.md](timing.md)."
    )
    yield ""
    yield "## The machine as a program sees it"
    yield (
        f"- The units {', '.join(UNITS)} each execute their instructions in order, from a queue that dispatch fills in "
        "program order. Units run at the same time; only semaphores order them."
    )
    yield (
        f"- There are {SEMAPHORES} counting semaphores, 0 at the start, at most {SEMAPHORE_MAX}. An instruction starts "
        "when every semaphore in `wait` is above 0, and decrements them; when it retires it increments those in "
        "`post`. A semaphore has one posting and one waiting unit. Control instructions neither wait nor post."
    )
    yield (
        "- A local address is a byte address in the scratchpad, `sp[0x40]`, or, with bit "
        f"{ACCUMULATOR_BIT.bit_length() - 1} set, in the accumulator, `acc[0x40]`. Both memories are zero at the start."
    )
    yield (
        f"- Loops nest to depth {LOOP_LEVELS}; depth 0 is outermost. In a loop, an operand's address is its field "
        "plus, for each depth, the loop's index times the increment of that depth."
    )
    yield f"- Sources of a pass's operands: {', '.join(f'`{source}`' for source in SOURCES)}."
    yield (
        "- What an instruction reads and writes is told by its table of operands: an operand is touched only as it "
        "says, and is held to the rules below only if it is touched."
    )
    yield ""
    yield from _table(("element", "bytes", "memory", "in a pass"),
                      ((f"`{e.name}`", e.bytes, e.memory, e.doc) for e in ELEMENT.values()))  # fmt: skip
    yield from _machines()
    yield "## Encoding"
    yield (
        f"An instruction is {INSTRUCTION_BYTES} bytes, least significant first; bits not named are 0. All instructions "
        "begin with these fields, so each table below starts after them."
    )
    yield ""
    offset = 0
    shared = []
    for field in SHARED:
        shared.append((f"`{field.name}`", _bits(offset, field.width), _values(field), field.doc))
        offset += field.width
    yield from _table(("field", "bits", "values", "meaning"), shared)
    yield "## Instructions"
    for spec in INSTRUCTIONS:
        yield from _instruction(spec)
    yield "## Vector operations"
    yield from _operations("`pre` and `then`", BINARY)
    yield from _operations("`f`", UNARY)
    yield from _operations("`reduce`", REDUCTIONS)
    yield "## Static rules"
    yield "Checked before a program runs (`isa/rules.py`, `isa/validator.py`):"
    for rule in RULES:
        yield f"- {' '.join((rule.__doc__ or '').split())}"
    yield (
        "- Loops are balanced and their bodies fit the loop buffer; the last instruction is the only `halt`; each "
        "semaphore has one posting and one waiting unit; code, data and buffers fit the DRAM and leave the code alone."
    )
    yield ""
    yield (
        "Over time (`isa/checker.py`): no deadlock of queues and semaphores, no semaphore over "
        f"{SEMAPHORE_MAX}, no two accesses of different units to one byte, one of them writing, that no "
        "semaphore orders."
    )
    yield ""
    yield "## Limits"
    yield (
        "A file or a program that asks for more than this is refused before anything is made for it, with exit code 2 "
        "(`isa/limits.py`, `isa/cost.py`; `weft doctor --json` shows the limits that hold). The last is a bound on the "
        "check itself: a program over it was neither found sound nor unsound. DRAM that nothing is written to takes no "
        "memory on the host (`isa/image.py`)."
    )
    yield ""
    yield from _table(("limit on", "default", "changed by"),
                      ((f"{x.doc}, in {x.unit}s", f"{x.default:,}", f"`{x.variable}`") for x in LIMITS))  # fmt: skip
    yield "## Events"
    yield "Each cycle of each unit counts as exactly one of its events."
    yield ""
    yield from _table(("event", "counts a cycle in which"), ((f"`{e.name}`", e.doc) for e in EVENTS))
    yield "## Control registers"
    plain = [r for r in REGISTERS if not r.doc.startswith("counter ")]
    yield from _table(("offset", "register", "access", "meaning"),
                      ((f"{r.offset:#05x}", f"`{r.name}`", r.access, r.doc) for r in plain))  # fmt: skip
    counters = [r for r in REGISTERS if r.doc.startswith("counter ")]
    yield (
        f"From {counters[0].offset:#x} to {counters[-1].offset + 3:#x}: a low and a high word for each event above, in "
        "that order, then for the data beats on the read and on the write channel."
    )
    yield ""
    yield "### Faults"
    yield from _table(("code", "fault", "meaning"), ((f.code, f"`{f.name}`", f.doc) for f in FAULTS))


def manual() -> str:
    """The text of docs/isa.md."""
    return "\n".join(_lines()).rstrip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manual(), encoding="utf-8")
