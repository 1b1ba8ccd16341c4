"""The closed forms of the timing contract (docs/timing.md): plain integer functions, times in cycles.

``start`` is the cycle in which an instruction leaves its queue. The fast engine compiles these; the RTL is
built to obey them.
"""

from __future__ import annotations


def fetch_latency() -> int:
    """From a beat on the read channel to an instruction that dispatch can see."""
    return 2


def landing_latency() -> int:
    """From a beat on the read channel to its write into on-chip memory."""
    return 1


def streamed_rows(rows: int, dim: int, transpose_a: int) -> int:
    """Row slots a tile occupies: a transposed operand comes in whole blocks of ``dim`` rows."""
    return -(-rows // dim) * dim if transpose_a else rows


def matmul_occupancy(rows: int, dim: int, transpose_a: int) -> int:
    """Cycles for which a tile occupies the matrix unit."""
    return max(streamed_rows(rows, dim, transpose_a), dim)


def matmul_interval(
    rows: int, dim: int, transpose_a: int, accumulate: int, next_accumulates: int, same_destination: int
) -> int:
    """Least cycles from a tile's start to the next one's.

    ``accumulate`` is the depth of the accumulator's adder. A tile that accumulates must not read rows the
    tile before it has yet to write: with the same destination rows follow each other at a distance of the
    occupancy, otherwise the last row of the one may be the first of the other.
    """
    occupancy = matmul_occupancy(rows, dim, transpose_a)
    if not next_accumulates:
        return occupancy
    return max(occupancy, accumulate + 2 if same_destination else rows + accumulate + 1)


def matmul_weights_last_read(start: int, dim: int) -> int:
    """Last cycle in which a tile reads its stationary operand."""
    return start + dim


def matmul_stream_last_read(start: int, rows: int, dim: int, transpose_a: int) -> int:
    """Last cycle in which a tile reads its streamed operand."""
    return start + dim + streamed_rows(rows, dim, transpose_a)


def matmul_retire(start: int, rows: int, dim: int, mac: int, accumulate: int) -> int:
    """Cycle of a tile's last write to the accumulator: its retirement."""
    return start + 3 * dim + dim * mac + rows + accumulate + 1


def matmul_last_accumulator_read(start: int, rows: int, dim: int, mac: int) -> int:
    """Last cycle in which an accumulating tile reads the accumulator."""
    return start + 3 * dim + dim * mac + rows


def vector_last_read(start: int, rows: int, reads: int) -> int:
    """Last cycle in which a pass reads memory; ``reads`` is the most operands that read one bank (at least 1)."""
    return start + rows * reads


def vector_retire(start: int, rows: int, reads: int, depth: int, reduce_depth: int) -> int:
    """Cycle of a pass's last write: its retirement. ``reduce_depth`` is 0 without a reduction."""
    return start + 1 + rows * reads + depth + reduce_depth
