"""Assembly text: exact round trips, and errors that say file, line and what would be right."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from weft.isa.assembler import assemble, assemble_file
from weft.isa.disassembler import disassemble, instruction_text
from weft.isa.encoding import Instruction, encode, make
from weft.isa.errors import AssemblyError
from weft.isa.fields import FieldKind
from weft.isa.instructions import ACCUMULATOR_BIT, INSTRUCTIONS
from weft.isa.machine import load
from weft.isa.program import Buffer, Program

EXAMPLE = """\
.machine edu dram.latency=37 queues.load=2   # the preset with changes
.entry 0x1000
.buffer x input float32 4x8 @0x2000 pitch=32
.buffer "a name; odd" state bfloat16 scalar @0x2100
.data 0x2000 float32 1.0 -2.5 nan
.data + int32 7
.data 0x2100 hex 3f 80
.meta model "an mlp; with # in it"  ; a comment
loop count=4  ; a comment
  load dram=0x2000 local=sp[0x40] bytes=32 dram_inc0=32 post=s0
  matmul d=acc[0x40] a=sp[0x0] w=sp[0x2000] count0=64 k=8 type=bf16 accumulate=yes a_inc0=16 wait=s0 post=s2,s3
end
vector d=acc[0x0] x=acc[0x40] x_source=row pre=fadd imm=1.5 post=s15
halt
"""


def random_instruction(rng: random.Random) -> Instruction:
    spec = rng.choice([s for s in INSTRUCTIONS if s.built])
    values = {}
    for key, placed in spec.layout.items():
        field = placed.field
        if key == "opcode" or (field.default is not None and rng.random() < 0.5):
            continue
        values[key] = rng.choice([field.minimum, field.maximum, rng.randint(field.minimum, field.maximum)])
    return make(spec.name, **values)


def test_reads_every_kind_of_line() -> None:
    program = assemble(EXAMPLE, "x.s")
    assert program.machine == dataclasses.replace(load("edu", {"dram.latency": 37, "queues.load": 2}))
    assert program.entry == 0x1000
    assert program.buffers[1] == Buffer("a name; odd", "state", "bfloat16", (), 0x2100, 2)
    assert program.data[0x2000].hex() == "0000803f" + "000020c0" + "0000c07f" + "07000000"
    assert program.data[0x2100] == b"\x3f\x80"
    assert program.meta == {"model": "an mlp; with # in it"}
    matmul = program.instructions[2]
    assert matmul["d"] == ACCUMULATOR_BIT | 0x40
    assert (matmul["wait"], matmul["post"]) == (1, 0b1100)
    assert matmul.source == "x.s:11"
    assert program.instructions[4]["imm"] == 0x3FC00000


@pytest.mark.smoke
def test_a_program_survives_the_round_trip() -> None:
    program = assemble(EXAMPLE, "x.s")
    text = disassemble(program)
    again = assemble(text, "y.s")
    assert dataclasses.replace(again) == dataclasses.replace(program)
    assert again.digest == program.digest
    assert disassemble(again).replace("y.s", "x.s").splitlines()[0] == text.splitlines()[0]
    assert "  load dram=0x2000 local=sp[0x40] bytes=32 dram_inc0=32 post=s0  ; x.s:10" in text.splitlines()


def test_random_instructions_survive_the_round_trip() -> None:
    rng = random.Random(1)
    instructions = tuple(random_instruction(rng) for _ in range(300))
    program = Program(load("nano"), instructions, meta={"a key": [1, 2]})
    again = assemble(disassemble(program))
    assert again.instructions == instructions
    assert [encode(i) for i in again.instructions] == [encode(i) for i in instructions]
    assert again.meta == program.meta


def test_defaults_are_left_out() -> None:
    assert instruction_text(make("halt")) == "halt"
    assert (
        instruction_text(make("store", dram=64, local=ACCUMULATOR_BIT, bytes=8, dram_stride0=-8, wait=0b101))
        == "store dram=0x40 local=acc[0x0] bytes=8 dram_stride0=-8 wait=s0,s2"
    )


def test_every_field_kind_has_a_text() -> None:
    assert {f.kind for s in INSTRUCTIONS for f in s.fields} <= set(FieldKind)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("matmull d=acc[0]", "no instruction 'matmull'; there are: halt, loop, end, load, store, matmul, vector; did"),
        ("matmul kk=4", "matmul: no field 'kk'; its fields: wait, post, type"),
        ("matmul acumulate=yes", "did you mean 'accumulate'?"),
        ("matmul d=acc[0] a=sp[0] w=sp[0] k=129", "matmul: k = 129: must be from 1 to 128"),
        ("matmul d=acc[0] a=sp[0] k=1", "matmul: field 'w' is missing (stationary operand, in the scratchpad)"),
        ("matmul k=4 k=5", "matmul: field 'k' is given twice"),
        ("matmul type=bf15", "matmul: type = bf15: must be one of bf16, int8; did you mean 'bf16'?"),
        ("matmul k=four", "matmul: k = four: must be an integer such as 16, -4 or 0x40"),
        ("load local=dram[4]", "load: local = dram[4]: must be an address such as sp[0x40] or acc[0x40]"),
        ("load local=sp[0x1000000]", "load: local = sp[0x1000000]: must be from 0 to 0xffffff within a memory"),
        ("halt wait=s16", "halt: wait = s16: must be semaphores from s0 to s15, such as s1,s3"),
        ("halt s1", "halt: 's1': a field is written name=value"),
        ("random", "random: specified but not built yet; no engine runs it"),
        (".bufer x", "no directive '.bufer'; there are: .machine, .entry, .buffer, .data, .meta; did you"),
        (".buffer x output float64 4 @0", ".buffer: dtype float64: must be one of float32, int32, bfloat16, int8"),
        (".buffer x output int8 4 @0 pitch=2", ".buffer: pitch = 2: must be at least the 4 bytes of a row"),
        (".buffer x output int8", ".buffer is written: .buffer NAME KIND DTYPE SHAPE @ADDRESS [pitch=BYTES]"),
        (".data + hex 00", ".data +: there is no segment before it"),
        (".data 0 hex 0", ".data hex: must be pairs of hexadecimal digits"),
        (".data 0 int8 300", ".data int8: a value is not one of int8"),
        (".meta a {", ".meta: needs a key and valid JSON"),
        (".meta a 1 2", ".meta: '2': after the JSON only a comment"),
        (".machine edu dim=9", ".machine: dim = 9: must be a power of two"),
        (".machine eduu", "no machine 'eduu'"),
        (".machine", ".machine needs a preset or a machine file"),
        (".machine edu dim", ".machine: 'dim': a change is written key=value"),
        (".machine edu dim.x=4", ".machine: unknown key 'dim.x'"),
        (".entry", ".entry needs one address"),
        (".entry 0 1", ".entry needs one address"),
        (".buffer x output int8 4x0 @0", ".buffer: shape 4x0: sizes must be at least 1, such as 4x8, or scalar"),
        (".buffer x output int8 4 @0 step=8", ".buffer: 'step=8': after the address only pitch=BYTES"),
        (".data 0", ".data is written: .data ADDRESS hex DIGITS, or .data ADDRESS DTYPE VALUES"),
        (".data 0 int9 1", ".data: form int9: must be one of hex, float32"),
        (".data 0 float32 1e39", ".data float32: a value is not one of float32"),
        (".entry 99999999999999999999", ".entry = 99999999999999999999: must be an integer of at most 64 bits"),
        ("vector imm=1e39", "vector: imm = 1e39: is beyond the fp32 range"),
        ('.buffer "x', "a double quote is never closed"),
    ],
)
def test_errors_name_the_line_and_the_remedy(line: str, message: str) -> None:
    with pytest.raises(AssemblyError) as error:
        assemble(f".machine edu\n\n{line}\nhalt\n", "prog.s")
    assert str(error.value).startswith("prog.s:3: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (".buffer x input int8 4 @0x2000", ".buffer x state int8 4 @0x3000",
         "prog.s:3: .buffer: there is a buffer 'x' already"),
        (".data 0x2000 hex 01", ".data 0x2000 hex 00", "prog.s:3: .data: there is a segment at 0x2000 already"),
    ],
)  # fmt: skip
def test_names_and_places_are_given_once(first: str, second: str, message: str) -> None:
    with pytest.raises(AssemblyError) as error:
        assemble(f".machine edu\n{first}\n{second}\nhalt\n", "prog.s")
    assert str(error.value) == message


def test_a_machine_line_may_name_it_and_choose_its_types_and_gives_way_to_the_callers() -> None:
    text = ".machine edu name=mine types=int8\nhalt\n"
    machine = assemble(text).machine
    assert (machine.name, machine.types) == ("mine", ("int8",))
    assert assemble(text, machine=load("nano")).machine == load("nano")


@pytest.mark.parametrize(("text", "bits"), [("-1", 0xFFFFFFFF), ("1.0", 0x3F800000), ("-inf", 0xFF800000)])
def test_an_immediate_is_bits_a_negative_integer_or_a_float(text: str, bits: int) -> None:
    vector = assemble(f".machine edu\nvector d=acc[0] x=acc[0] lanes=1 imm={text}\nhalt\n").instructions[0]
    assert vector["imm"] == bits


def test_a_program_needs_a_machine_and_an_instruction(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"prog\.s: no machine; begin with a line such as \.machine edu"):
        assemble("halt", "prog.s")
    with pytest.raises(AssemblyError, match="no instruction; a program has at least halt"):
        assemble(".machine edu", "prog.s")
    with pytest.raises(AssemblyError, match="cannot be read: No such file"):
        assemble_file(tmp_path / "absent.s")
