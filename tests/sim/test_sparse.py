"""A DRAM of 4 GiB costs an engine, and a comparison, no more of the host's memory than what the program touches."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.sim.rtl_tools import need_rtl
from weft.isa.assembler import assemble
from weft.isa.errors import DeadlockError
from weft.sim.engines import get_engine
from weft.sim.interp import InterpEngine
from weft.sim.run import Run
from weft.sim.verify import verify

TEXT = """
.machine nano dram.bytes=4294967296
.entry 0x80000000
.buffer low input float32 4 @0x0
.buffer high output float32 4 @0xfffff000
.data 0x0 float32 1 2 3 4
load dram=0x0 local=sp[0x0] bytes=16 post=s0
store dram=0xfffff000 local=sp[0x0] bytes=16 count0=2 dram_stride0=-0x4000000 wait=s0
halt
"""
MIB = 1 << 20
MEASURE = """
import resource, sys
from weft.isa.assembler import assemble
from weft.sim.engines import get_engine
from weft.sim.verify import verify

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

TEXT = sys.stdin.read()
engines = [get_engine(name) for name in sys.argv[1].split(",")]
program = assemble(TEXT, "p.s")
small = assemble(TEXT.replace("4294967296", "65536").replace("0x80000000", "0x8000").replace("0xfffff000", "0x9000")
                 .replace("-0x4000000", "-0x100"), "p.s")
assert verify(small, engines).equal  # what is compiled and imported once
before = peak()
found = verify(program, engines, program.image())
assert found.equal, found
print(peak() - before)
"""


def growth(engines: str) -> int:
    """Bytes by which the memory of a process grows that verifies the program on engines."""
    command = [sys.executable, "-c", MEASURE, engines]
    done = subprocess.run(command, input=TEXT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is told in kilobytes on Linux")
@pytest.mark.parametrize("engines", ["fast,interp", "rtl,pysim"])
def test_four_gibibytes_of_dram_take_what_is_touched(engines: str) -> None:
    if "rtl" in engines:
        need_rtl()
    assert growth(engines) < 64 * MIB


def test_both_ends_are_reached() -> None:
    program = assemble(TEXT)
    run = InterpEngine().run(program)
    assert program.buffer("high").read(run.dram).tolist() == [1, 2, 3, 4]
    assert run.dram[0xFFFFF000 - 0x4000000 :][:16].view("<f4").tolist() == [1, 2, 3, 4]


def test_a_difference_anywhere_is_found() -> None:
    program = assemble(TEXT.replace("4294967296", "67108864").replace("0x80000000", "0x80000")
                       .replace("0xfffff000", "0x3fff000").replace("-0x4000000", "-0x400000"))  # fmt: skip

    class Careless(InterpEngine):
        """Writes one byte too many."""

        name = "careless"

        def run(self, *arguments: Any, **options: Any) -> Run:
            run = super().run(*arguments, **options)
            run.dram[0x3000001] = 9
            return run

    found = verify(program, [get_engine("fast"), Careless()])
    assert found.differences == (
        "dram byte 0x3000001: the word at 0x3000000 is 0x00000000 on fast, 0x00000900 on careless (1 bytes differ)",
    )


def test_an_operation_without_end_is_given_up_by_the_interpreter() -> None:
    reduce = "vector x=acc[0x0] x_source=row reduce=lane_fsum d=acc[0x400] lanes=1 count0=4096 count1=4096"
    program = assemble(f".machine nano\n{reduce}\nhalt")
    with pytest.raises(DeadlockError, match="vector not finished after 1000 rows; give a higher limit"):
        InterpEngine().run(program, max_cycles=1000)
