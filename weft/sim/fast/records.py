"""The arrays the compiled kernels share, and the names of their columns: numba passes few arrays fastest.

All are int64. ``run`` [executed instruction, RUN_COLUMNS] says what an instruction asks of the machine and when it was
dispatched, started and retired. ``units`` [unit or dispatch, UNIT_COLUMNS] and ``core`` [CORE_SIZE] are the machine's
state between cycles, ``hold`` [port, stream] the last cycle of each claim on a port.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.isa.fields import SEMAPHORES
from weft.isa.instructions import UNITS

Ints = npt.NDArray[np.int64]

FOREVER = 1 << 62
"""A cycle that only something else can bring about."""

CLAIMS = 4
"""Ports an instruction can need."""

(
    PC,  # index into the program as written
    UNIT,  # index into UNITS, -1 for control
    LINE,  # the fetch line it is taken from, -1 when it comes from the loop buffer
    WAIT, POST,  # semaphore masks
    LIFE, OCCUPANCY,  # cycles from the start to retirement; for which its unit is busy; UNKNOWN: DRAM decides
    GAP,  # least cycles from the start of the tile before it
    DRAM,  # first DRAM byte of a transfer
    DISPATCHED, STARTED, RETIRED,  # cycles; -1, -1 and FOREVER until known
    CLAIM,  # CLAIMS columns: port · 8 + stream, or -1
) = range(13)  # fmt: skip
SPAN = CLAIM + CLAIMS
"""First of CLAIMS columns: last cycle of the claim, from the start."""
RUN_COLUMNS = SPAN + CLAIMS
UNKNOWN = -1

(
    FIRST,  # where its instructions begin in ``queue``, which lists each unit's, in order
    DEPTH,  # of its instruction queue
    PUSHED, STARTS, RETIRES,  # instructions pushed, started, retired so far
    SEEN,  # instructions pushed before this cycle
    READY,  # first cycle in which it is not busy
    WHY,  # the event this cycle counts as
) = range(8)  # fmt: skip
UNIT_COLUMNS = 8
DISPATCH = len(UNITS)
"""Row of ``units`` for dispatch, after those of UNITS; it has only a WHY."""

(
    CHANNEL,  # first cycle in which DRAM's data channel is free
    ASKED, TAKEN,  # fetch lines asked for; instructions taken from the fetch queue
    READ_BEATS, WRITE_BEATS,
    NEXT,  # next instruction to dispatch
    ORDER,  # instructions started, of all units
    MOVED,  # something changed in this cycle
    ROW, ADDRESS, LEFT,  # the load that picks bursts: its row, next DRAM address, beats left in the row
    COUNTS,  # SEMAPHORES columns: their values
) = range(12)  # fmt: skip
CORE_SIZE = COUNTS + SEMAPHORES

BANKS = 16
PORTS = 2 * BANKS * 2
"""Port ``(memory · BANKS + bank) · 2 + write``, the scratchpad first."""
WEIGHTS, ROWS, DESTINATION, PASS, STORING, LOADING = range(6)
STREAMS = 6
"""Who can hold a port."""
