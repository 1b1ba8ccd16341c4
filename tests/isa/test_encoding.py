"""Encoding: every field of every instruction survives the way to bits and back; bad values are named."""

from __future__ import annotations

import random

import pytest

from weft.isa.encoding import Instruction, columns, decode, decode_all, decode_table, encode, make
from weft.isa.errors import EncodingError
from weft.isa.events import EVENTS
from weft.isa.fields import INSTRUCTION_BITS, Spec
from weft.isa.instructions import INSTRUCTIONS

BUILT = [spec for spec in INSTRUCTIONS if spec.built]


def random_instruction(name: str, rng: random.Random) -> Instruction:
    """An instruction with every field anywhere in its legal range, ends included."""
    spec = next(s for s in BUILT if s.name == name)
    values = {}
    for key, placed in spec.layout.items():
        if key != "opcode":
            field = placed.field
            values[key] = rng.choice((field.minimum, field.maximum, rng.randint(field.minimum, field.maximum)))
    return make(name, **values)


@pytest.mark.smoke
@pytest.mark.parametrize("name", [spec.name for spec in BUILT])
def test_round_trip_of_random_fields(name: str) -> None:
    rng = random.Random(name)
    for _ in range(200):
        instruction = random_instruction(name, rng)
        assert decode(encode(instruction)) == instruction


@pytest.mark.parametrize("spec", INSTRUCTIONS, ids=lambda s: s.name)
def test_fields_do_not_overlap_and_fit(spec: Spec) -> None:
    taken = 0
    for placed in spec.layout.values():
        mask = ((1 << placed.field.width) - 1) << placed.offset
        assert not taken & mask
        taken |= mask
    assert taken < 1 << INSTRUCTION_BITS


def test_opcodes_and_names_are_unique() -> None:
    assert len({s.opcode for s in INSTRUCTIONS}) == len({s.name for s in INSTRUCTIONS}) == len(INSTRUCTIONS)


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("matmull", {}, "no instruction 'matmull'; there are: halt, loop"),
        ("load_gather", {}, "load_gather: specified but not built yet"),
        ("loop", {}, r"loop: field 'count' is missing \(iterations\)"),
        ("loop", {"count": 0}, "loop: count = 0: must be from 1 to 65536"),
        ("loop", {"cont": 1}, "loop: no field 'cont'; its fields: wait, post, count"),
        ("matmul", {"a": 0, "w": 0, "d": 0, "type": "fp16"}, "matmul: type = fp16: must be one of bf16, int8"),
        ("matmul", {"a": 1 << 25, "w": 0, "d": 0}, "matmul: a = 33554432: must be from 0 to 33554431"),
    ],
)
def test_bad_field_is_named(name: str, fields: dict[str, int], text: str) -> None:
    with pytest.raises(EncodingError, match=text):
        make(name, **fields)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x3f" + bytes(63), "instruction 0: opcode 63 is not an instruction"),
        (b"\x10" + bytes(63), "instruction 0: load_convert is specified but not built yet"),
        (bytes(63) + b"\x01", "instruction 0: halt: bits outside its fields are set"),
        (bytes(65), "65 bytes are not a whole number of 64-byte instructions"),
    ],
)
def test_bad_bits_are_named(data: bytes, text: str) -> None:
    with pytest.raises(EncodingError, match=text):
        decode_all(data)


def test_decoded_table_has_every_field_in_its_column() -> None:
    instruction = random_instruction("vector", random.Random(1))
    row = decode_table([make("halt"), instruction])[1]
    for key, column in columns("vector").items():
        assert row[column] == instruction[key]


def test_events_are_numbered_and_unique() -> None:
    assert [e.index for e in EVENTS] == list(range(len(EVENTS)))
    assert len({e.name for e in EVENTS}) == len(EVENTS)
