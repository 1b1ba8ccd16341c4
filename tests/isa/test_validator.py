"""The static rules: each has a program that breaks it, and the message says which and what would be right."""

from __future__ import annotations

from functools import partial

import pytest

from tests.work import calls
from weft.isa.assembler import assemble
from weft.isa.encoding import make
from weft.isa.errors import ProgramError
from weft.isa.machine import load
from weft.isa.program import Buffer, Program
from weft.isa.validator import problems, validate

# nano: DIM 4, bus 4 bytes, scratchpad 4 x 0x800, accumulator 4 x 0x400, rows of 16 bytes.
GOOD = """\
.machine nano
.buffer x input bfloat16 4x4 @0x2000 pitch=8
.buffer y output float32 4x4 @0x3000 pitch=16
load dram=0x2000 local=sp[0x0] bytes=8 count0=4 dram_stride0=8 local_stride0=8 post=s0
matmul a=sp[0x0] w=sp[0x0] d=acc[0x0] count0=4 k=4 n=4 a_stride0=8 w_stride=8 d_stride0=16 wait=s0 post=s1
vector x=acc[0x0] x_source=row d=acc[0x0] count0=4 lanes=4 x_stride0=16 d_stride0=16 f=relu wait=s1 post=s2
store dram=0x3000 local=acc[0x0] bytes=16 count0=4 dram_stride0=16 local_stride0=16 wait=s2
halt
"""
MATMUL = "matmul a=sp[0x0] w=sp[0x800] d=acc[0x0] k=4 n=4 w_stride=8 "
VECTOR = "vector x=acc[0x0] x_source=row d=acc[0x400] lanes=4 "


def test_a_good_program_passes() -> None:
    validate(assemble(GOOD))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (MATMUL + "n=5", "n = 5: must be at most DIM = 4 on 'nano'"),
        (MATMUL + "k=5", "k = 5: must be at most DIM = 4"),
        (VECTOR + "lanes=8", "lanes = 8: must be at most DIM = 4"),
        (MATMUL + "d=sp[0x0]", "d = sp[0x0]: word elements must be in the accumulator"),
        (MATMUL + "a=acc[0x0]", "a = acc[0x0] with type = bf16: bf16 elements must be in the scratchpad"),
        (MATMUL + "count0=2 count1=2 transpose_a=yes", "count1 = 2, count2 = 1: must both be 1 with transpose_a = yes"),
        (MATMUL + "count0=2", "rows of the destination must not overlap each other"),
        (MATMUL + "d=acc[0x4]", "d = acc[0x4]: must be a multiple of 16 (an accumulator row)"),
        (MATMUL + "count0=2 d_stride0=24", "a stride of d is 24: must be a multiple of 16 (an accumulator row)"),
        (MATMUL + "a=sp[0x1]", "a = sp[0x1]: must be a multiple of 2"),
        (MATMUL + "a=sp[0x7fc]", "over a bank's border; an operand must lie in one bank of 0x800 bytes"),
        (MATMUL + "a=sp[0x2000]", "a reaches bytes 0x2000 to 0x2007; the scratchpad has 0x2000 bytes"),
        (MATMUL + "count0=2 a_stride0=-2 d_stride0=16", "a reaches bytes -0x2 to 0x7; the scratchpad has 0x2000"),
        (
            "loop count=4\n" + MATMUL + "d_inc0=1536\nend",
            "d reaches bytes 0x0 to 0x120f; the accumulator has 0x1000 bytes",
        ),
        (VECTOR + "f=sqrt", "f = sqrt: specified but not built yet; no engine runs it"),
        (VECTOR + "reduce=lane_argmax", "reduce = lane_argmax: specified but not built yet"),
        (VECTOR + "x_type=bf16", "x = acc[0x0] with x_type = bf16: bf16 elements must be in the scratchpad"),
        (VECTOR + "d=sp[0x0]", "d = sp[0x0] with d_type = word: word elements must be in the accumulator"),
        (VECTOR + "x=acc[0x4]", "x = acc[0x4]: must be a multiple of 16 (an accumulator row)"),
        (VECTOR + "x_source=scalar x=acc[0x2]", "x = acc[0x2]: must be a multiple of 4"),
        (VECTOR + "x=acc[0x400] count0=2", "x overlaps d: the pass would read what it writes"),
        (VECTOR + "x=acc[0x410] count0=2 x_stride0=16 d_stride0=16", "x overlaps d: the pass would read"),
        (VECTOR + "x=acc[0x400] reduce=lane_fsum", "the destination of a reduction (lane_fsum) must not overlap an"),
        ("loop count=2\n" + VECTOR + "x=acc[0x410] x_inc=16 d_inc=32\nend", "x overlaps d: the pass would read"),
        ("loop count=2\n" + VECTOR + "x=acc[0x410] d_inc=16\nend", "x overlaps d: the pass would read what it writes"),
        ("load dram=0x2002 local=sp[0x0] bytes=4", "dram = 0x2002: must be a multiple of 4 (bus.bytes)"),
        ("load dram=0x2000 local=sp[0x2] bytes=4", "local = sp[0x2]: must be a multiple of 4 (bus.bytes)"),
        ("load dram=0x2000 local=sp[0x0] bytes=4 count0=2 dram_stride0=6", "a stride of dram is 6: must be a multiple"),
        ("load dram=0x2000 local=acc[0x0] bytes=6", "bytes = 6: must be a multiple of 4 into the accumulator"),
        ("load dram=0x4000 local=sp[0x0] bytes=4", "dram reaches bytes 0x4000 to 0x4003; the program's DRAM has"),
        ("store dram=0x0 local=sp[0x0] bytes=4", "dram: the store overwrites the program's code at 0x0 to 0x"),
        (
            "loop count=9\nstore dram=0x2000 local=sp[0x0] bytes=4 dram_inc0=-1000\nend",
            "dram: the store overwrites the program's code",
        ),
        ("end", "no loop is open here"),
        ("loop count=2", "this loop has no end"),
        ("loop count=1\n" * 4 + "end\n" * 4, "loops nest to depth 3 at most"),
        ("loop count=2\n" + (MATMUL + "\n") * 32 + "end", "body of 33 instructions is over the loop buffer's 32"),
        ("halt", "halt must be the last instruction, and the only halt"),
        (MATMUL + "wait=s9", "wait has s9, which no instruction posts"),
        (MATMUL + "post=s1\n" + VECTOR + "post=s1", "post has s1, but instruction 0 (matrix) does too: only one"),
        ("loop count=1 post=s1\nend", "post: control instructions neither wait nor post"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(body: str, message: str) -> None:
    lines = [_merge(line) for line in body.splitlines()]
    text = ".machine nano\n.buffer x state float32 1x1024 @0x2000 pitch=8192\n" + "\n".join(lines) + "\nhalt\n"
    found = problems(assemble(text, "p.s"))
    assert any(message in problem.text for problem in found), found
    with pytest.raises(ProgramError, match=r"^instruction \d+ \(\w+, from p\.s:\d+\): "):
        validate(assemble(text, "p.s"))


def _merge(line: str) -> str:
    """The last of repeated fields counts."""
    name, *fields = line.split()
    return " ".join([name, *{f.partition("=")[0]: f for f in fields}.values()])


@pytest.mark.parametrize(
    "body",
    [
        "loop count=4\n" + MATMUL + "d_inc0=1024\nend",  # each time in another bank
        VECTOR + "x=acc[0x400] count0=2 x_stride0=16 d_stride0=16",  # in place
        VECTOR + "x=acc[0x400] x_source=scalar",
        VECTOR + "pre=second x=acc[0x7f4] y_source=imm",  # x is not read
        "loop count=2\n" + VECTOR + "x_inc=16 d_inc=16 d=acc[0x10]\nend",  # never at once
        MATMUL + "count0=1 a_stride0=1 d_stride0=3",  # the stride of a single row is not used
        "store dram=0x2000 local=acc[0x0] bytes=6",
        "loop count=2\nend",
    ],
)
def test_what_looks_wrong_but_is_right(body: str) -> None:
    text = "\n".join(map(_merge, body.splitlines()))
    validate(assemble(f".machine nano\n.buffer x state float32 4 @0x2000 pitch=16\n{text}\nhalt\n"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (".entry 0x20\nhalt", "program: entry = 0x20: must be a multiple of a fetch line, 64"),
        (".data 0x20 hex 00\nhalt", "program: the data at 0x20 overlaps the code at 0x0 to 0x3f"),
        (".entry 0x40\n.data 0x3e hex 00000000\nhalt", "program: the data at 0x3e overlaps the code at 0x40 to 0x7f"),
        (".buffer b output int8 4 @0x3c\nhalt", "program: buffer 'b' overlaps the code"),
        (".buffer b output int8 4 @0x1000000\nhalt", "program: the program needs 0x1001000 bytes of DRAM; 'nano' has"),
        (".buffer b output int8 4 @-4\nhalt", "program: buffer 'b' begins at -4: must not be below 0"),
        ("loop count=2\nend", "program: the last instruction must be halt"),
    ],
)
def test_the_program_as_a_whole(lines: str, message: str) -> None:
    program = assemble(f".machine nano\n{lines}\n")
    assert [problem.index for problem in problems(program)] == [-1]
    with pytest.raises(ProgramError) as error:
        validate(program)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "lines",
    [
        ".entry 0x40\nhalt",
        ".entry 0x40\n.data 0x3c hex 01020304\n.data 0x80 hex 01\nhalt",  # right before the code and right after it
        "loop count=1\nend\nloop count=2\n" + "vector d=acc[0x0]\n" * 31 + "end\nhalt",  # the loop buffer
        ".buffer b output int8 16 @0xfffff0\nhalt",  # the last bytes of the machine's DRAM
    ],
)
def test_a_program_may_fill_its_place(lines: str) -> None:
    validate(assemble(f".machine nano\n{lines}\n"))


def test_the_first_problem_is_told_and_how_many_more_there_are() -> None:
    one = "vector d=acc[0x0] lanes=8\n"
    for count, more in [(1, ""), (2, " (and 1 more)"), (3, " (and 2 more)")]:
        with pytest.raises(ProgramError) as error:
            validate(assemble(f".machine nano\n{one * count}halt\n", "p.s"))
        told = "instruction 0 (vector, from p.s:2): lanes = 8: must be at most DIM = 4 on 'nano'"
        assert str(error.value) == told + more


def test_a_buffer_has_elements_and_rows_that_hold_them() -> None:
    for shape, pitch, text in [
        ((4, 0), 4, "its sizes [4, 0] must be at least 1"),
        ((2, 4), 3, "pitch = 3: must be at least the 4 bytes of a row"),
    ]:
        program = Program(load("nano"), (make("halt"),), buffers=(Buffer("b", "input", "int8", shape, 0x1000, pitch),))
        assert [(p.index, p.text) for p in problems(program)] == [(-1, f"buffer 'b': {text}")]


def test_types_the_machine_lacks() -> None:
    matmul = "matmul a=sp[0] w=sp[0x8000] d=acc[0] type=bf16"
    vector = "vector x=sp[0] x_source=row x_type=bf16 d=acc[0]"
    assert [p.text for p in problems(assemble(f".machine edge-int8\n{matmul}\n{vector}\nhalt\n"))] == [
        "type = bf16: 'edge-int8' has int8 only",
        "x_type = bf16: 'edge-int8' has int8 only",
    ]


def long_program(instructions: int) -> Program:
    acc = 1 << 24
    body = [
        make("vector", d=acc | 64 * (i % 64), x=acc | 0x2000, x_source="row", x_stride0=32, count0=64, lanes=8,
             d_stride0=32, pre="fadd", y=acc | 0x4000, y_source="row", y_stride0=32)
        for i in range(instructions)
    ]  # fmt: skip
    return Program(load("edu"), (*body, make("halt")))


def test_five_thousand_instructions_are_valid() -> None:
    validate(long_program(5000))


def test_work_grows_with_the_instructions_and_no_faster() -> None:
    one, two = (calls(partial(validate, long_program(instructions))) for instructions in (200, 400))
    assert 1.5 * one < two < 2.1 * one


def test_buffers_must_not_overlap() -> None:
    text = ".machine nano\n.entry 0\n.buffer a input int32 4x4 @0x1000\n.buffer b input int32 4x4 @{}\nhalt\n"
    validate(assemble(text.format("0x1040")))
    found = problems(assemble(text.format("0x1008")))
    assert [p.text for p in found] == ["buffer 'b' at 0x1008 overlaps buffer 'a', which ends at 0x103f"]
