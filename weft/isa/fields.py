"""How an instruction is described as data, and how its bits are laid out.

No bit position is ever written by hand: the fields of an instruction are packed in the order of its
table, right after the fields that every instruction shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

INSTRUCTION_BYTES = 64
INSTRUCTION_BITS = 8 * INSTRUCTION_BYTES


class FieldKind(Enum):
    """What a field means; assembler, validator and manual treat fields by their kind."""

    NUMBER = "number"  # a plain integer
    CHOICE = "choice"  # one of a named list
    MASK = "semaphores"  # a set of semaphores, one bit each
    LOCAL = "local address"  # byte address in the scratchpad, or (top bit set) in the accumulator
    DRAM = "DRAM address"  # byte address in DRAM
    STRIDE = "stride"  # signed bytes


@dataclass(frozen=True)
class Field:
    """One field of an instruction.

    ``low``/``high`` bound the legal values (inclusive), on top of what the width can hold.
    ``default`` is the value when the field is not given; ``None`` makes it mandatory.
    ``bias`` is subtracted before encoding, so that counts 1..2**n fit n bits.
    """

    name: str
    width: int
    doc: str
    kind: FieldKind = FieldKind.NUMBER
    signed: bool = False
    low: int | None = None
    high: int | None = None
    default: int | None = None
    bias: int = 0
    choices: tuple[str, ...] = ()

    @property
    def minimum(self) -> int:
        """Smallest legal value."""
        floor = (-(1 << (self.width - 1)) if self.signed else 0) + self.bias
        return floor if self.low is None else max(floor, self.low)

    @property
    def maximum(self) -> int:
        """Largest legal value."""
        top = (1 << (self.width - 1 if self.signed else self.width)) - 1 + self.bias
        if self.choices:
            top = min(top, len(self.choices) - 1)
        return top if self.high is None else min(top, self.high)


@dataclass(frozen=True)
class PlacedField:
    """A field with its place: bit ``offset`` from the least significant bit, and its ``column`` in
    decoded tables."""

    field: Field
    offset: int
    column: int


@dataclass(frozen=True)
class Spec:
    """One instruction: its name, opcode, unit, fields beyond the shared ones, and meaning.

    ``built`` is false for instructions that are specified but not implemented by any engine yet; they
    have an opcode so that adding them later moves nothing, and every tool refuses them by name.
    """

    name: str
    opcode: int
    unit: str
    doc: str
    meaning: str
    timing: str
    fields: tuple[Field, ...] = ()
    built: bool = True

    @cached_property
    def layout(self) -> dict[str, PlacedField]:
        """Every field of the instruction, shared ones first, with its place."""
        placed: dict[str, PlacedField] = {}
        offset = 0
        for column, field in enumerate((*SHARED, *self.fields)):
            if field.name in placed:
                raise AssertionError(f"{self.name} has two fields '{field.name}'")
            placed[field.name] = PlacedField(field, offset, column)
            offset += field.width
        if offset > INSTRUCTION_BITS:
            raise AssertionError(f"{self.name} needs {offset} bits of {INSTRUCTION_BITS}")
        return placed


SEMAPHORES = 16
SEMAPHORE_MAX = 255
LOOP_LEVELS = 3

SHARED = (
    Field("opcode", 6, "which instruction"),
    Field("wait", SEMAPHORES, "semaphores decremented before the start", FieldKind.MASK, default=0),
    Field("post", SEMAPHORES, "semaphores incremented at retirement", FieldKind.MASK, default=0),
)
