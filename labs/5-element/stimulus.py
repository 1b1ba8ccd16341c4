"""What to drive into a column: one product to look at, and products at random, as tight as a column takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Values = dict[str, int]


def product_stimulus(matrix: Sequence[Sequence[int]], weights: Sequence[int]) -> list[Values]:
    """A tile for a skewed column: weights in cycle 0, a row of the matrix a cycle from 1 on, then the drain."""
    load = {f"weights[{k}].{field}": v for k, w in enumerate(weights) for field, v in (("value", w), ("valid", 1))}
    cycles = [load]
    for m, row in enumerate(matrix):
        each = [(("value", a), ("active", 1), ("first", int(m == 0))) for a in row]
        cycles.append({f"activations[{k}].{f}": value for k, fields in enumerate(each) for f, value in fields})
    return cycles + [{} for _ in range(len(weights) + 1)]


def tiles(
    rows: int, count: int, seed: int, bits: int = 8, columns: int = 4
) -> tuple[list[Values], dict[int, int]]:
    """Matrices at random for a column, back to back or with gaps: what to drive, and in which cycle which sum enters.

    A tile's weights arrive somewhere between the first row of the tile before and the cycle before its own; weights
    with hops to go are among them. Some tiles leave the lowest rows of the column inactive.
    """
    rng, end = np.random.default_rng(seed), 1 << (bits - 1)
    stimulus: list[Values] = [{} for _ in range(2)]
    sums: dict[int, int] = {}
    earliest = 0
    for _ in range(count):
        matrix = rng.integers(-end, end, (int(rng.integers(1, 6)), rows))
        vector = rng.integers(-end, end, rows)
        used = int(rng.integers(1, rows + 1))
        matrix[:, used:] = vector[used:] = 0
        stimulus += [{} for _ in range(int(rng.integers(2)))]
        start = len(stimulus)
        _arrive(stimulus[int(rng.integers(earliest, start))], vector)
        for m, row in enumerate(matrix):
            drive: Values = {}
            for k in range(rows):
                drive |= {f"activations[{k}].first": int(m == 0), f"activations[{k}].active": int(k < used)}
                drive[f"activations[{k}].value"] = int(row[k])
            stimulus.append(drive)
            sums[start + m] = int((matrix @ vector)[m])
        earliest = start
    for cycle in stimulus:
        if "weights[0].valid" not in cycle and rng.integers(3) == 0:
            _arrive(cycle, rng.integers(-end, end, rows), int(rng.integers(1, columns)))
    return stimulus, sums


def _arrive(cycle: Values, vector: Any, hops: int = 0) -> None:
    for k, value in enumerate(vector):
        cycle |= {f"weights[{k}].value": int(value), f"weights[{k}].valid": 1, f"weights[{k}].hops": hops}


def delayed(stimulus: Sequence[Values]) -> list[Values]:
    """The same, with everything of row k in cycle t moved to cycle t + k."""
    late: list[Values] = [{} for _ in range(len(stimulus) + 8)]
    for t, cycle in enumerate(stimulus):
        for name, value in cycle.items():
            late[t + int(name[name.index("[") + 1 : name.index("]")])][name] = value
    return late
