"""A semaphore that counts to exactly 255 on every engine, and the fault of the post that would make it 256."""

from __future__ import annotations

import pytest

from tests.sim.rtl_tools import need_rtl
from weft.isa.assembler import assemble
from weft.isa.checker import check
from weft.isa.errors import ProgramError
from weft.isa.fields import SEMAPHORE_MAX
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.engines import get_engine
from weft.sim.run import Engine
from weft.sim.verify import verify

MATMUL = "matmul a=sp[0x0] w=sp[0x0] d=acc[0x0] k=1 n=1"


def counting(most: int) -> Program:
    """The vector unit posts s0 ``most`` times before the matrix unit waits for it the first time."""
    lines = (
        ".machine nano", f"loop count={most}", "vector d=acc[0x400] post=s0", "end", "vector d=acc[0x400] post=s1",
        f"{MATMUL} wait=s1", f"loop count={most}", f"{MATMUL} wait=s0", "end", "halt",
    )  # fmt: skip
    return assemble("\n".join(lines), "p.s")


def engine_of(name: str) -> Engine:
    if name in ("rtl", "pysim"):
        need_rtl()
    return get_engine(name)


@pytest.mark.parametrize("name", ["fast", "interp", "rtl", "pysim"])
def test_the_last_post_that_fits(name: str) -> None:
    assert SEMAPHORE_MAX == 255
    program = counting(SEMAPHORE_MAX)
    validate(program)
    check(program)
    assert verify(program, [get_engine("interp"), engine_of(name)]).equal


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fast", "instruction 1 (vector): a semaphore it posts counts past 255 in cycle"),
        ("interp", "instruction 1 (vector, from p.s:3): semaphore s0 goes over 255"),
        ("rtl", "instruction 1 (vector, from p.s:3): "),
        ("pysim", "instruction 1 (vector, from p.s:3): "),
    ],
)
def test_the_first_post_that_does_not(name: str, message: str) -> None:
    with pytest.raises(ProgramError, match="semaphore s0 can reach 256 while instruction 6"):
        check(counting(SEMAPHORE_MAX + 1))
    with pytest.raises(ProgramError) as error:
        engine_of(name).run(counting(SEMAPHORE_MAX + 1))
    assert message in str(error.value)
