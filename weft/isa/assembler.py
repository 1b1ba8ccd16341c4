"""Assembly text to a program: one instruction or one directive a line::

    .machine edu                               a preset or a file, then key=value changes
    .entry 0x1000                              DRAM address of the code (default 0)
    .buffer x input float32 4x8 @0x2000 pitch=32
    .data 0x3000 float32 1.0 -2.5              or: int32, int8, bfloat16 values, or: hex 00ff...
    .data + hex 0011                           continues the segment before
    .meta model "mlp"                          a key and JSON
    loop count=4
      load dram=0x2000 local=sp[0x40] bytes=32 dram_inc0=32 post=s0
    end
    halt

Fields are ``name=value``; those left out take their defaults. ``;`` and ``#`` begin comments.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from weft.base.errors import WeftError
from weft.base.reading import json_prefix, parse_json, read_text, reading, shown
from weft.base.reading import name as printing
from weft.isa.encoding import Instruction, make
from weft.isa.errors import AssemblyError
from weft.isa.instructions import BY_NAME
from weft.isa.machine import Machine, from_dict, load
from weft.isa.program import BUFFER_KINDS, DTYPES, Buffer, Program
from weft.isa.text import parse_field, parse_integer, suggestion, tokens


def parse_instruction(words: list[str], source: str = "") -> Instruction:
    """The instruction that the words of a line stand for. Raises AssemblyError or EncodingError."""
    name, *operands = words
    spec = BY_NAME.get(name)
    if spec is None:
        built = [s.name for s in BY_NAME.values() if s.built]
        raise AssemblyError(f"no instruction '{name}'; there are: {', '.join(built)}{suggestion(name, BY_NAME)}")
    values: dict[str, int] = {}
    for operand in operands:
        key, equals, text = operand.partition("=")
        if not equals or not text:
            raise AssemblyError(f"{name}: '{operand}': a field is written name=value")
        placed = spec.layout.get(key)
        if placed is None or key == "opcode":
            known = [field for field in spec.layout if field != "opcode"]
            raise AssemblyError(f"{name}: no field '{key}'; its fields: {', '.join(known)}{suggestion(key, known)}")
        if key in values:
            raise AssemblyError(f"{name}: field '{key}' is given twice")
        values[key] = parse_field(placed.field, text, f"{name}: {key}")
    return make(name, source, **values)


def _unquote(word: str) -> str:
    """The name that a word stands for, in double quotes or without. Raises AssemblyError."""
    with reading("a text in double quotes is written as in JSON", AssemblyError):
        text = parse_json(word) if word.startswith('"') else word
    with reading("a name", AssemblyError):
        return printing(text, "it")


class _Assembly:
    """What has been read so far."""

    def __init__(self, machine: Machine | None) -> None:
        self.machine = machine
        self.given = machine is not None
        self.entry = 0
        self.buffers: list[Buffer] = []
        self.data: dict[int, bytearray] = {}
        self.meta: dict[str, Any] = {}
        self.instructions: list[Instruction] = []
        self._segment: int | None = None

    def set_machine(self, words: list[str]) -> None:
        if not words:
            raise AssemblyError(".machine needs a preset or a machine file")
        data = load(_unquote(words[0])).to_dict()
        for word in words[1:]:
            key, equals, text = word.partition("=")
            if not equals:
                raise AssemblyError(f".machine: '{word}': a change is written key=value")
            section, _, leaf = key.rpartition(".")
            target = data.setdefault(section, {}) if section else data
            if key == "name":
                data["name"] = _unquote(text)
            elif key == "types":
                data["types"] = text.split(",")
            elif not isinstance(target, dict):
                raise AssemblyError(f".machine: unknown key '{key}'")
            else:
                target[leaf] = parse_integer(text, f".machine: {key}")
        machine = from_dict(data, ".machine")
        if not self.given:  # a machine given by the caller goes first
            self.machine = machine

    def set_entry(self, words: list[str]) -> None:
        if len(words) != 1:
            raise AssemblyError(".entry needs one address")
        self.entry = parse_integer(words[0], ".entry")

    def add_buffer(self, words: list[str]) -> None:
        if len(words) not in (5, 6) or not words[4].startswith("@"):
            raise AssemblyError(".buffer is written: .buffer NAME KIND DTYPE SHAPE @ADDRESS [pitch=BYTES]")
        name, kind, dtype, shape_text, address = words[:5]
        for what, value, known in (("kind", kind, BUFFER_KINDS), ("dtype", dtype, tuple(DTYPES))):
            if value not in known:
                raise AssemblyError(
                    f".buffer: {what} {value}: must be one of {', '.join(known)}{suggestion(value, known)}"
                )
        if any(buffer.name == _unquote(name) for buffer in self.buffers):
            raise AssemblyError(f".buffer: there is a buffer '{_unquote(name)}' already")
        shape: tuple[int, ...] = ()
        if shape_text != "scalar":
            shape = tuple(parse_integer(size, ".buffer: shape") for size in shape_text.split("x"))
        if any(size < 1 for size in shape):
            raise AssemblyError(f".buffer: shape {shape_text}: sizes must be at least 1, such as 4x8, or scalar")
        row = (shape[-1] if shape else 1) * np.dtype(DTYPES[dtype]).itemsize
        pitch = row
        if len(words) == 6:
            key, _, text = words[5].partition("=")
            if key != "pitch":
                raise AssemblyError(f".buffer: '{words[5]}': after the address only pitch=BYTES")
            pitch = parse_integer(text, ".buffer: pitch")
        if pitch < row:
            raise AssemblyError(f".buffer: pitch = {pitch}: must be at least the {row} bytes of a row")
        self.buffers.append(
            Buffer(_unquote(name), kind, dtype, shape, parse_integer(address[1:], ".buffer: address"), pitch)
        )

    def add_data(self, words: list[str]) -> None:
        if len(words) < 2:
            raise AssemblyError(".data is written: .data ADDRESS hex DIGITS, or .data ADDRESS DTYPE VALUES")
        where, form, *values = words
        if where != "+":
            self._segment = parse_integer(where, ".data: address")
            if self._segment in self.data:
                raise AssemblyError(f".data: there is a segment at {self._segment:#x} already")
            self.data[self._segment] = bytearray()
        elif self._segment is None:
            raise AssemblyError(".data +: there is no segment before it")
        assert self._segment is not None
        self.data[self._segment] += self._bytes(form, values)

    @staticmethod
    def _bytes(form: str, values: list[str]) -> bytes:
        if form == "hex":
            try:
                return bytes.fromhex("".join(values))
            except ValueError:
                raise AssemblyError(".data hex: must be pairs of hexadecimal digits") from None
        if form not in DTYPES:
            known = ("hex", *DTYPES)
            raise AssemblyError(f".data: form {form}: must be one of {', '.join(known)}{suggestion(form, known)}")
        dtype = np.dtype(DTYPES[form])
        try:
            if dtype.kind == "i":
                return np.array([parse_integer(v, f".data {form}") for v in values], dtype).tobytes()
            numbers = [float(v) for v in values]
            with np.errstate(over="ignore"):
                stored = np.array(numbers, np.float32).astype(dtype)
            if any("inf" not in values[at].lower() for at in np.flatnonzero(np.isinf(stored.astype(np.float32)))):
                raise OverflowError
            return stored.tobytes()
        except (ValueError, OverflowError):
            raise AssemblyError(f".data {form}: a value is not one of {form}") from None

    def add_meta(self, line: str) -> None:
        with reading(".meta: needs a key and valid JSON", AssemblyError):
            key, end = json_prefix(line) if line.startswith('"') else (line.split()[0], len(line.split()[0]))
            rest = line[end:].lstrip()
            value, end = json_prefix(rest)
        if tokens(rest[end:]):
            raise AssemblyError(f".meta: '{rest[end:].strip()}': after the JSON only a comment")
        self.meta[key] = value

    def line(self, line: str, where: str) -> None:
        """Take in one line."""
        stripped = line.strip()
        if stripped.startswith(".meta "):  # its JSON may hold what would be a comment elsewhere
            self.add_meta(stripped[len(".meta ") :])
            return
        words = tokens(line)
        if not words:
            return
        if not words[0].startswith("."):
            self.instructions.append(parse_instruction(words, where))
            return
        directives: dict[str, Callable[[list[str]], None]] = {
            ".machine": self.set_machine,
            ".entry": self.set_entry,
            ".buffer": self.add_buffer,
            ".data": self.add_data,
        }
        directive = directives.get(words[0])
        if directive is None:
            known = (*directives, ".meta")
            raise AssemblyError(
                f"no directive '{words[0]}'; there are: {', '.join(known)}{suggestion(words[0], known)}"
            )
        directive(words[1:])


def assemble(text: str, file: str = "program", machine: Machine | None = None) -> Program:
    """The program that assembly ``text`` stands for; ``machine`` overrides its ``.machine`` line.

    Instructions carry ``file:line`` as their source. Raises AssemblyError ``file:line: message``. The program is
    not validated here (see ``isa.validator``).
    """
    assembly, file = _Assembly(machine), shown(file, 4096)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{file}:{number}"
        try:
            with reading("not a line of assembly", AssemblyError):
                assembly.line(line, where)
        except WeftError as error:
            raise AssemblyError(f"{where}: {error}") from error
    if assembly.machine is None:
        raise AssemblyError(f"{file}: no machine; begin with a line such as .machine edu")
    if not assembly.instructions:
        raise AssemblyError(f"{file}: no instruction; a program has at least halt")
    return Program(
        assembly.machine,
        tuple(assembly.instructions),
        assembly.entry,
        tuple(assembly.buffers),
        {address: bytes(content) for address, content in assembly.data.items()},
        assembly.meta,
    )


def assemble_file(path: Path | str, machine: Machine | None = None) -> Program:
    """The program in an assembly file. Raises AssemblyError."""
    return assemble(read_text(path, AssemblyError), str(path), machine)
