"""The interpreter: arithmetic against the exact oracle, instructions by example, order, deadlocks and faults."""

from __future__ import annotations

import ast
import random
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from tests import oracle_arith as oracle
from weft.isa.assembler import assemble
from weft.isa.encoding import make
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.instructions import BY_NAME
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim import interp
from weft.sim.fuzz import random_program
from weft.sim.interp import InterpEngine, numbers
from weft.sim.interp.meaning import MEANING
from weft.sim.run import Run

WORDS = oracle.random_words(random.Random(4), 1500)
HEAD = ".machine nano\n.buffer b state float32 1x1024 @0x2000 pitch=4096\n"


@pytest.mark.parametrize("name", sorted(numbers.BINARY))
def test_two_operand_operations_match_the_oracle(name: str) -> None:
    rng = random.Random(name)
    for a in WORDS[:600]:
        b = rng.choice([*WORDS, a, a ^ 0x80000000])
        assert numbers.BINARY[name](a, b) == oracle.BINARY[name](a, b), f"{a:#x} {b:#x}"


@pytest.mark.parametrize("name", sorted(numbers.UNARY))
def test_functions_match_the_oracle(name: str) -> None:
    for word in WORDS:
        assert numbers.UNARY[name](word) == oracle.UNARY[name](word), f"{word:#x}"


def test_conversions_and_the_matrix_element_match_the_oracle() -> None:
    rng = random.Random(5)
    for word in WORDS:
        half, byte = rng.getrandbits(16), rng.getrandbits(8)
        assert numbers.word_to_bf16(word) == oracle.f2bf(word)
        assert numbers.bf16_to_word(word >> 16) == oracle.bf2f(word >> 16)
        assert numbers.word_to_int8(word) == oracle.i32_to_i8(word)
        a, b = (word >> 16, half) if byte & 1 else (half, rng.choice(WORDS) >> 16)
        c = rng.choice(WORDS)
        values = numbers.bf16_values()
        ours = numbers.to_word(numbers.fma(values[a], values[b], numbers.to_float(c)))
        assert ours == oracle.fma_bf16(a, b, c), f"{a:#x} {b:#x} {c:#x}"


def run(text: str, dram: npt.NDArray[np.uint8] | None = None) -> Run:
    return InterpEngine().run(assemble(HEAD + text + "\nhalt\n", "p.s"), dram)


@pytest.mark.smoke
@pytest.mark.parametrize("transpose_a", ["no", "yes"])
@pytest.mark.parametrize("transpose_w", ["no", "yes"])
@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_a_tile_is_a_matrix_product(kind: str, transpose_a: str, transpose_w: str) -> None:
    rng = np.random.default_rng(6)
    dtype = ml_dtypes.bfloat16 if kind == "bf16" else np.int8
    a, w = rng.integers(-8, 8, (6, 3)), rng.integers(-8, 8, (3, 4))
    stored = [x.T if flag == "yes" else x for x, flag in ((a, transpose_a), (w, transpose_w))]
    size = np.dtype(dtype).itemsize
    image = np.zeros(0x4000, np.uint8)
    # Rows 16 bytes apart, from DRAM byte 0x2000 (a) and 0x2100 (w).
    for at, x in zip((0x2000, 0x2100), stored, strict=True):
        for row, values in enumerate(x):
            data = np.ascontiguousarray(values.astype(dtype)).view(np.uint8)
            image[at + 16 * row : at + 16 * row + len(data)] = data
    result = run(
        "load dram=0x2000 local=sp[0x0] bytes=16 count0=32 dram_stride0=16 local_stride0=16 post=s0\n"
        f"matmul type={kind} transpose_a={transpose_a} transpose_w={transpose_w} a=sp[0x0] w=sp[0x100] d=acc[0x0] "
        f"count0=6 k=3 n=4 a_stride0=16 w_stride=16 d_stride0=32 wait=s0\n"
        f"matmul type={kind} transpose_a={transpose_a} transpose_w={transpose_w} a=sp[0x0] w=sp[0x100] d=acc[0x0] "
        f"count0=6 k=3 n=4 a_stride0=16 w_stride=16 d_stride0=32 accumulate=yes",
        image,
    )
    assert size in (1, 2)
    rows = result.accumulator[: 6 * 32].view(np.float32 if kind == "bf16" else np.int32).reshape(6, 8)
    assert (rows[:, :4] == 2 * (a @ w)).all()
    assert (rows[:, 4:] == 0).all()


def words(result: Run, offset: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}I", result.accumulator[offset : offset + 4 * count].tobytes())


def test_a_pass_over_rows() -> None:
    text = (
        "vector pre=iadd x_source=lane y_source=imm imm=100 count0=2 count1=2 lanes=3 "
        "d=acc[0x0] d_stride0=16 d_stride1=64\n"
        "vector pre=imul x_source=row x=acc[0x0] x_stride0=16 x_stride1=64 y_source=scalar y=acc[0x4] "
        "count0=2 count1=2 lanes=3 d=acc[0x400] d_stride0=32 d_stride1=16"
    )
    result = run(text)
    assert words(result, 0x0, 4) == (100, 101, 102, 0)
    assert words(result, 0x10, 4) == (100, 101, 102, 0)
    assert words(result, 0x50, 4) == (104, 105, 106, 0)
    assert words(result, 0x410, 3) == (10504, 10605, 10706)
    assert words(result, 0x430, 3) == (10504, 10605, 10706)


def test_reductions_follow_the_written_order() -> None:
    # Lanes 0, 1, 2 with a fourth absent: (v0 + v1) + v2.
    big, one = 0x4B800000, 0x3F800000  # 2**24, 1
    image = np.zeros(0x4000, np.uint8)
    image[0x2000:0x200C] = np.frombuffer(struct.pack("<3I", one, big, one), np.uint8)
    values = [2.0**24] + [1.0] * 11
    image[0x2100:0x2130] = np.frombuffer(struct.pack("<12f", *values), np.uint8)
    result = run(
        "load dram=0x2000 local=acc[0x0] bytes=12 post=s0\n"
        "load dram=0x2100 local=acc[0x100] bytes=4 count0=12 dram_stride0=4 local_stride0=16 post=s0\n"
        "vector x_source=row x=acc[0x0] lanes=3 reduce=lane_fsum d=acc[0x404] wait=s0\n"
        "vector x_source=row x=acc[0x100] x_stride0=16 count0=12 lanes=1 reduce=row_fsum d=acc[0x410] wait=s0",
        image,
    )
    assert words(result, 0x404, 1) == (big,)  # 1 + 2**24 is 2**24, and once more
    # Partials 0..3 hold two rows, 2**24 + 1 = 2**24; the tree adds (2**24 + 2) + (2 + 2) and (1 + 1) + (1 + 1).
    assert words(result, 0x410, 1) == tuple(struct.unpack("<1I", struct.pack("<f", 2.0**24 + 10)))


def test_loops_move_operands() -> None:
    text = (
        "loop count=2\nloop count=3\n"
        "vector pre=second y_source=lane lanes=4 d=acc[0x0] d_inc=16 d_level=1\n"
        "end\n"
        "load dram=0x0 local=sp[0x0] bytes=4 local_inc0=8\n"
        "end\nstore dram=0x2000 local=sp[0x0] bytes=12"
    )
    result = run(text)
    assert result.trace is not None
    assert result.trace.pc.tolist() == [2, 2, 2, 4, 2, 2, 2, 4, 6]
    assert (result.trace.retire == -1).all()
    assert result.cycles == 0
    assert words(result, 0x20, 4) == (0, 1, 2, 3)
    assert words(result, 0x30, 4) == (0, 0, 0, 0)


def test_order_does_not_matter_to_synchronised_programs() -> None:
    """Deeper queues let units run in another order, with the same result."""
    for seed in range(12):
        program = random_program(load("nano"), seed)
        deeper = load("nano", {f"queues.{unit}": 64 for unit in ("load", "matrix", "vector", "store")})
        other = Program(deeper, program.instructions, program.entry, program.buffers, program.data)
        one, two = InterpEngine().run(program), InterpEngine().run(other)
        for memory in ("dram", "scratchpad", "accumulator"):
            assert (getattr(one, memory) == getattr(two, memory)).all()


def test_the_image_given_is_not_changed() -> None:
    image = np.full(0x3000, 7, np.uint8)
    result = run("load dram=0x2000 local=sp[0x0] bytes=4\nstore dram=0x2100 local=acc[0x0] bytes=8", image)
    assert (image == 7).all()
    assert result.scratchpad[:5].tolist() == [7, 7, 7, 7, 0]
    assert result.dram[0x20FF:0x2109].tolist() == [7, *[0] * 8, 7]


def test_a_deadlock_is_told() -> None:
    message = r"deadlock: load at instruction 0 \(load, from p.s:3\) waits for s1; matrix at instruction 1 .* for s0$"
    with pytest.raises(DeadlockError, match=message):
        run(
            "load dram=0x0 local=sp[0] bytes=4 wait=s1 post=s0\n"
            "matmul a=sp[0] w=sp[0] d=acc[0] k=1 n=1 wait=s0 post=s1"
        )
    endless = assemble(HEAD + "loop count=65536\nvector d=acc[0x0]\nend\nhalt\n")
    with pytest.raises(DeadlockError, match="not finished after 1000 instructions"):
        InterpEngine().run(endless, max_cycles=1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("load dram=0x8000 local=sp[0] bytes=4", r"instruction 0 \(load, from p.s:3\): reads bytes 0x8000 to"),
        ("load dram=0x0 local=sp[0x2000] bytes=4", "writes bytes 0x2000 to 0x2003 of the scratchpad; it has 0x2000"),
        ("end", r"instruction 0 \(end\): no loop is open here"),
        ("loop count=256\nvector d=acc[0x0] post=s3\nend", r"instruction 1 .*: semaphore s3 goes over 255"),
    ],
)
def test_faults_are_told(text: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        run(text)
    with pytest.raises(ProgramError, match="runs past its end"):
        InterpEngine().run(Program(load("nano"), (make("vector", d=1 << 24),)))


def test_every_built_instruction_has_a_meaning() -> None:
    assert set(MEANING) == {s.name for s in BY_NAME.values() if s.built and s.unit != "dispatch"}


OTHERS = ("weft.rtl", "weft.sim.fast", "weft.sim.rtl", "weft.sim.pysim", "tests", "numba")


def test_the_interpreter_shares_no_code_with_other_engines() -> None:
    for path in Path(interp.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(OTHERS), name
