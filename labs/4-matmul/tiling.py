"""The sizes of the pieces: of those that fit the on-chip memories, the ones that take the fewest cycles."""

from __future__ import annotations

from layout import Machine, Tiling, misfit


def choose(machine: Machine, m: int, n: int, k: int) -> Tiling:
    """A tiling for [m, k] · [k, n] that fits ``machine`` (`misfit` is empty) and is fast with `overlapped`."""
    # hole: tiling
    dim, bus = machine.dim, machine.bus.bytes

    def cost(tiling: Tiling) -> int:
        """An estimate of the cycles: the busier of matrix unit and bus, what comes before the first product can
        begin, and the store of the last block."""
        row_blocks, column_blocks, panels = -(-m // tiling.rows), -(-n // tiling.columns), -(-k // tiling.depth)
        tiles, slices = -(-n // dim), panels * -(-tiling.depth // dim)
        matmuls = row_blocks * tiles * slices
        matrix = tiles * slices * m
        instructions = matmuls + row_blocks * tiles + 2 * row_blocks * column_blocks * panels
        beats = (64 * instructions + m * k * column_blocks + k * n * row_blocks + 4 * m * n) // bus
        begin = (tiling.rows * tiling.depth + tiling.depth * tiling.columns) // bus
        end = 4 * tiling.rows * tiling.columns // bus
        return max(matrix, beats) + begin + end

    rows = {-(-m // pieces) for pieces in range(1, m + 1)}
    columns = range(dim, min(n, 16 * dim) + dim, dim)
    depths = range(dim, min(k, 16 * dim) + dim, dim)
    candidates = [Tiling(r, c, d) for r in rows for c in columns for d in depths]
    return min((t for t in candidates if not misfit(machine, t)), key=cost)
    # end hole
