"""The bursts of a transfer, one after the other, and the DRAM channel that serves them."""

from __future__ import annotations

from weft.isa.encoding import columns
from weft.sim.fast.jit import inline
from weft.sim.fast.records import ADDRESS, CHANNEL, LEFT, ROW, Ints
from weft.sim.fast.shape import MachineParameters

PAGE = 4096
"""AXI bursts do not cross a multiple of this many bytes."""

_T = columns("load")
_BYTES, _COUNT0, _COUNT1, _COUNT2 = (_T[name] for name in ("bytes", "count0", "count1", "count2"))
_STRIDE0, _STRIDE1, _STRIDE2 = (_T[f"dram_stride{level}"] for level in range(3))


@inline
def transfer_rows(fields: Ints) -> int:
    """Rows of a transfer."""
    rows: int = fields[_COUNT0] * fields[_COUNT1] * fields[_COUNT2]
    return rows


def most_bursts(shape: MachineParameters, fields: Ints) -> int:
    """No transfer of ``fields`` [transfers, fields] has more bursts than this."""
    beats = -(-fields[:, _BYTES] // shape.bus)
    rows = fields[:, _COUNT0] * fields[:, _COUNT1] * fields[:, _COUNT2]
    return int((rows * (beats // shape.burst + beats * shape.bus // PAGE + 3)).max(initial=1))


@inline
def begin_row(shape: MachineParameters, fields: Ints, base: int, walk: Ints) -> None:
    """Put ``walk`` (a ``core`` array) before the first burst of its row of a transfer from DRAM byte ``base``."""
    row = walk[ROW]
    outer = row // fields[_COUNT0]
    walk[ADDRESS] = (
        base
        + row % fields[_COUNT0] * fields[_STRIDE0]
        + outer % fields[_COUNT1] * fields[_STRIDE1]
        + outer // fields[_COUNT1] * fields[_STRIDE2]
    )
    walk[LEFT] = -(-fields[_BYTES] // shape.bus)


@inline
def next_burst(shape: MachineParameters, fields: Ints, base: int, walk: Ints) -> int:
    """Beats of the next burst; ``walk`` moves past it, to row ``transfer_rows`` after the last."""
    beats: int = min(walk[LEFT], shape.burst, -(-(PAGE - walk[ADDRESS] % PAGE) // shape.bus))
    walk[ADDRESS] += beats * shape.bus
    walk[LEFT] -= beats
    if walk[LEFT] == 0:
        walk[ROW] += 1
        begin_row(shape, fields, base, walk)
    return beats


@inline
def plan_store(
    shape: MachineParameters, fields: Ints, base: int, start: int, walk: Ints, sends: Ints
) -> tuple[int, int]:
    """When a store sends its bursts, with two buffers: fills ``sends`` [burst, (cycle from which sent, beats)].

    Returns the number of bursts and the last cycle that reads on-chip memory.
    """
    rows = transfer_rows(fields)
    walk[ROW] = 0
    begin_row(shape, fields, base, walk)
    count, read_end, sent_end, sent_end_before = 0, start + 1, 0, 0
    while walk[ROW] < rows:
        beats = next_burst(shape, fields, base, walk)
        read_end = max(read_end, sent_end_before) + beats
        sends[count, 0], sends[count, 1] = max(read_end + 1, sent_end), beats
        sent_end_before, sent_end = sent_end, sends[count, 0] + beats
        count += 1
    return count, read_end - 1


@inline
def serve(shape: MachineParameters, accepted: int, beats: int, core: Ints) -> int:
    """Put a burst accepted in cycle ``accepted`` on DRAM's data channel; returns the cycle of its first beat."""
    begin: int = max(accepted + shape.latency, core[CHANNEL])
    core[CHANNEL] = begin + beats * shape.beat_cycles
    return begin
