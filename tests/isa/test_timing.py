"""The timing contract's formulas by numbers worked out by hand: a machine of DIM 4, MAC depth 3, adder depth 2."""

from __future__ import annotations

import pytest

from weft.isa import timing


@pytest.mark.parametrize(
    ("rows", "transposed", "slots", "occupied"), [(1, 0, 1, 4), (6, 0, 6, 6), (6, 1, 8, 8), (4, 1, 4, 4), (1, 1, 4, 4)]
)
def test_a_tile_occupies_its_rows_at_least_the_array(rows: int, transposed: int, slots: int, occupied: int) -> None:
    assert timing.streamed_rows(rows, 4, transposed) == slots
    assert timing.matmul_occupancy(rows, 4, transposed) == occupied


@pytest.mark.parametrize(
    ("rows", "accumulates", "same", "interval"),
    [
        (6, 0, 0, 6),  # the occupancy alone
        (6, 1, 1, 6),  # rows follow each other: the adder's 2 + 2 are hidden
        (1, 1, 1, 4),
        (6, 1, 0, 9),  # 6 + 2 + 1: the last row of the one may be the first of the other
    ],
)
def test_an_accumulating_tile_waits_for_the_one_before(rows: int, accumulates: int, same: int, interval: int) -> None:
    assert timing.matmul_interval(rows, 4, 0, 2, accumulates, same) == interval


def test_a_deep_adder_is_waited_for_even_in_one_place() -> None:
    assert timing.matmul_interval(4, 4, 0, 5, 1, 1) == 7


def test_a_tile_reads_adds_and_retires_in_this_order() -> None:
    assert timing.matmul_weights_last_read(100, 4) == 104
    assert timing.matmul_stream_last_read(100, 6, 4, 0) == 110
    assert timing.matmul_stream_last_read(100, 6, 4, 1) == 112
    assert timing.matmul_last_accumulator_read(100, 6, 4, 3) == 130  # 100 + 3·4 + 4·3 + 6
    assert timing.matmul_retire(100, 6, 4, 3, 2) == 133


def test_a_pass_reads_a_row_at_a_time_and_retires_behind_its_pipeline() -> None:
    assert timing.vector_last_read(100, 5, 2) == 110
    assert timing.vector_retire(100, 5, 2, 7, 0) == 118
    assert timing.vector_retire(100, 5, 2, 7, 3) == 121
