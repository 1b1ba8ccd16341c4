"""A program small enough to time by hand (docs/timing.md), and when it does what on nano.

nano: 4 bytes a beat, 20 cycles of DRAM latency, lines of one instruction, which are bursts of 16 beats; a vector
pipeline of 4 cycles.
- Lines are asked for in cycles 0, 1, 2, 3 and begin on the data channel in 21, 37, 53, 69: the first burst 20 cycles
  after it is accepted, the others when the channel is free. The load's line ends in 36 and is seen by dispatch in 38.
- The load starts in 39 and picks its burst of 16 beats in 40. The channel is free in 85; the last beat lands in 101.
- The pass waits for that and starts in 102. It reads 4 rows, one a cycle, and retires in 102 + 1 + 4 + 4 = 111.
- The store starts in 112, reads 16 beats from 113 to 128 and sends its burst from 130: accepted in 131, on the channel
  from 151 up to and with 166, answered in 167, retired in 168. The halt is taken in 169.
"""

from __future__ import annotations

from weft.isa.assembler import assemble
from weft.isa.program import Program
from weft.sim.engines import get_engine
from weft.sim.run import Run

TEXT = """
.machine nano
.entry 0x1000
.data 0x0 float32 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
load dram=0x0 local=acc[0x0] bytes=64 post=s0
vector x=acc[0x0] x_source=row pre=fadd imm=0.5 d=acc[0x100] lanes=4 count0=4 x_stride0=16 d_stride0=16 wait=s0 post=s1
store dram=0x100 local=acc[0x100] bytes=64 wait=s1
halt
"""
CYCLES = 170
LOAD, PASS, STORE = (39, 101), (102, 111), (112, 168)
"""Start and retirement."""
BEGINS = [21, 37, 53, 69, 85, 151]
"""When each burst begins on the data channel: four lines, the load, the store."""


def run_by_hand() -> tuple[Program, Run]:
    """The program and what the fast engine makes of it."""
    program = assemble(TEXT, "by_hand.s")
    return program, get_engine("fast").run(program)
