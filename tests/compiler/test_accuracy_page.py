"""The page of arithmetic states the accuracies that the judge and the sweeps hold."""

from __future__ import annotations

from pathlib import Path

from weft.compiler.accuracy import ACCEL_UNITS, GRADIENT_ULP, rows

PAGE = (Path(__file__).parents[2] / "docs" / "arithmetic.md").read_text()


def test_the_table_is_the_data() -> None:
    start = PAGE.index(rows()[0])
    table = PAGE[start : PAGE.index("\n\n", start)].splitlines()
    assert table == rows()
    assert len(table) == len(ACCEL_UNITS) > 10


def test_the_bound_of_gradients_is_the_data() -> None:
    assert f"**Gradients** are within {GRADIENT_ULP:g} ulp on NumPy and the CPU" in PAGE
