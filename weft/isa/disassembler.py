"""A program to assembly text that assembles to the same program again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from weft.base.errors import printable
from weft.isa.encoding import Instruction
from weft.isa.machine import Machine, load, presets
from weft.isa.program import Buffer, Program
from weft.isa.text import field_text

_PLAIN = re.compile(r"[^\s;#\"]+")
_DATA_BYTES = 32  # of one .data line


def instruction_text(instruction: Instruction) -> str:
    """One instruction on one line; fields that have their default are left out, semaphores come last."""
    words = [instruction.name]
    shared = ("wait", "post")
    layout = instruction.spec.layout
    for key in (*(key for key in layout if key not in ("opcode", *shared)), *shared):
        field = layout[key].field
        if instruction[key] != field.default:
            words.append(f"{key}={field_text(field, instruction[key])}")
    return " ".join(words)


def _flat(data: dict[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{leaf}": str(number) for leaf, number in value.items()})
        elif isinstance(value, list):
            flat[key] = ",".join(value)
        else:
            flat[key] = _word(str(value))
    return flat


def machine_text(machine: Machine) -> str:
    """The ``.machine`` line: the closest preset and what differs from it."""
    wanted = _flat(machine.to_dict())
    best: tuple[int, str, list[str]] | None = None
    for preset in presets():
        base = _flat(load(preset).to_dict())
        changes = [f"{key}={value}" for key, value in wanted.items() if base[key] != value]
        if best is None or len(changes) < best[0]:
            best = (len(changes), preset, changes)
    assert best is not None
    return " ".join((".machine", best[1], *best[2]))


def _word(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.isprintable() else json.dumps(name, allow_nan=False)


def _buffer_text(buffer: Buffer) -> str:
    shape = "x".join(map(str, buffer.shape)) or "scalar"
    head = f".buffer {_word(buffer.name)} {buffer.kind} {buffer.dtype} {shape}"
    return f"{head} @{buffer.address:#x} pitch={buffer.pitch}"


def instruction_lines(program: Program, comments: Sequence[str] | None = None) -> Iterator[str]:
    """The instructions, loop bodies indented, each with its comment: one of ``comments``, or where it comes from."""
    depth = 0
    told = [instruction.source for instruction in program.instructions] if comments is None else comments
    for instruction, words in zip(program.instructions, told, strict=True):
        if instruction.name == "end":
            depth = max(depth - 1, 0)
        comment = f"  ; {printable(' '.join(words.split()))}" if words else ""
        yield f"{'  ' * depth}{instruction_text(instruction)}{comment}"
        if instruction.name == "loop":
            depth += 1


def disassemble(program: Program) -> str:
    """The whole program as text: ``isa.assembler.assemble`` of it gives an equal program (sources aside)."""
    lines = [machine_text(program.machine)]
    if program.entry:
        lines.append(f".entry {program.entry:#x}")
    lines += [_buffer_text(buffer) for buffer in program.buffers]
    for address, content in program.data.items():
        where = f"{address:#x}"
        for at in range(0, max(len(content), 1), _DATA_BYTES):
            lines.append(f".data {where} hex {content[at : at + _DATA_BYTES].hex()}".rstrip())
            where = "+"
    meta = ((key, json.dumps(value, sort_keys=True, allow_nan=False)) for key, value in program.meta.items())
    lines += [f".meta {_word(key)} {text}" for key, text in meta]
    lines += instruction_lines(program)
    return "\n".join(lines) + "\n"
