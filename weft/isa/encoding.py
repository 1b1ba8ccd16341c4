"""Instructions as Python values, as 64 bytes, and as decoded tables of integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from weft.isa.errors import EncodingError
from weft.isa.fields import INSTRUCTION_BITS, INSTRUCTION_BYTES, Spec
from weft.isa.instructions import BY_NAME, BY_OPCODE, TABLE_COLUMNS


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name and the value of every field (choices as their index).

    ``source`` says where it came from (a graph node, an assembly line); it takes no part in equality.
    """

    name: str
    fields: Mapping[str, int]
    source: str = ""

    @property
    def spec(self) -> Spec:
        """The row of the instruction table."""
        return BY_NAME[self.name]

    def __getitem__(self, field: str) -> int:
        return self.fields[field]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instruction) and self.name == other.name and dict(self.fields) == dict(other.fields)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.fields.items())))


def make(name: str, source: str = "", /, **values: int | str) -> Instruction:
    """An instruction by name; fields not given take their default; choices may be given by name.

    Raises EncodingError naming instruction, field, value and legal range.
    """
    spec = BY_NAME.get(name)
    if spec is None:
        raise EncodingError(f"no instruction '{name}'; there are: {', '.join(BY_NAME)}")
    if not spec.built:
        raise EncodingError(f"{name}: specified but not built yet; no engine runs it")
    known = spec.layout
    for given in values:
        if given not in known or given == "opcode":
            fields = ", ".join(n for n in known if n != "opcode")
            raise EncodingError(f"{name}: no field '{given}'; its fields: {fields}")
    result: dict[str, int] = {"opcode": spec.opcode}
    for key, placed in known.items():
        if key == "opcode":
            continue
        field = placed.field
        value = values.get(key, field.default)
        if value is None:
            raise EncodingError(f"{name}: field '{key}' is missing ({field.doc})")
        if isinstance(value, str):
            if value not in field.choices:
                raise EncodingError(f"{name}: {key} = {value}: must be one of {', '.join(field.choices)}")
            value = field.choices.index(value)
        value = int(value)
        if not field.minimum <= value <= field.maximum:
            raise EncodingError(f"{name}: {key} = {value}: must be from {field.minimum} to {field.maximum}")
        result[key] = value
    return Instruction(name, MappingProxyType(result), source)


def encode(instruction: Instruction) -> bytes:
    """The 64 bytes of an instruction, least significant first."""
    bits = 0
    for key, placed in instruction.spec.layout.items():
        width = placed.field.width
        bits |= ((instruction.fields[key] - placed.field.bias) & ((1 << width) - 1)) << placed.offset
    return bits.to_bytes(INSTRUCTION_BYTES, "little")


def decode(data: bytes, where: str = "instruction") -> Instruction:
    """The instruction that 64 bytes encode. Raises EncodingError for anything that is not one."""
    if len(data) != INSTRUCTION_BYTES:
        raise EncodingError(f"{where}: {len(data)} bytes; an instruction has {INSTRUCTION_BYTES}")
    bits = int.from_bytes(data, "little")
    opcode = bits & 0x3F
    spec = BY_OPCODE.get(opcode)
    if spec is None:
        raise EncodingError(f"{where}: opcode {opcode} is not an instruction")
    if not spec.built:
        raise EncodingError(f"{where}: {spec.name} is specified but not built yet; no engine runs it")
    values: dict[str, int] = {}
    used = 0
    for key, placed in spec.layout.items():
        field = placed.field
        mask = (1 << field.width) - 1
        value = (bits >> placed.offset) & mask
        if field.signed and value >> (field.width - 1):
            value -= 1 << field.width
        value += field.bias
        if not field.minimum <= value <= field.maximum:
            raise EncodingError(
                f"{where}: {spec.name}: {key} = {value}: must be from {field.minimum} to {field.maximum}"
            )
        values[key] = value
        used |= mask << placed.offset
    if bits & ~used & ((1 << INSTRUCTION_BITS) - 1):
        raise EncodingError(f"{where}: {spec.name}: bits outside its fields are set")
    return Instruction(spec.name, MappingProxyType(values))


def encode_all(instructions: Iterable[Instruction]) -> bytes:
    """The bytes of a whole program."""
    return b"".join(encode(instruction) for instruction in instructions)


def decode_all(data: bytes, where: str = "program") -> tuple[Instruction, ...]:
    """The instructions of a whole program; errors name the instruction's index."""
    if len(data) % INSTRUCTION_BYTES:
        raise EncodingError(
            f"{where}: {len(data)} bytes are not a whole number of {INSTRUCTION_BYTES}-byte instructions"
        )
    return tuple(
        decode(data[at : at + INSTRUCTION_BYTES], f"{where}: instruction {at // INSTRUCTION_BYTES}")
        for at in range(0, len(data), INSTRUCTION_BYTES)
    )


def decode_table(instructions: Sequence[Instruction]) -> npt.NDArray[np.int64]:
    """All fields as integers, one row an instruction: column ``spec.layout[field].column`` holds the field
    (column 0 the opcode, 1 the wait mask, 2 the post mask). For engines."""
    table = np.zeros((len(instructions), TABLE_COLUMNS), np.int64)
    for row, instruction in enumerate(instructions):
        for key, placed in instruction.spec.layout.items():
            table[row, placed.column] = instruction.fields[key]
    return table


def columns(name: str) -> Mapping[str, int]:
    """Field name → column in a decoded table, for one instruction."""
    return {key: placed.column for key, placed in BY_NAME[name].layout.items()}
