"""The processing element does what the test table says, the one that the element lab hands out too."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.machine import Machine, Pipeline, load
from weft.rtl.element import ProcessingElement

TABLE = Path(__file__).parents[2] / "labs" / "5-element" / "table.csv"
NANO = load("nano")
MACHINES = {
    "int8 only": dataclasses.replace(NANO, types=("int8",)),
    "both types": NANO,
    "three cycles": dataclasses.replace(NANO, types=("int8",), pipeline=Pipeline(mac=3, accumulate=7)),
}


def cases() -> dict[str, list[dict[str, int]]]:
    """The table: case → its cycles; a cell that is empty is not checked."""
    found: dict[str, list[dict[str, int]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cells = {name: int(cell) for name, cell in row.items() if name != "case" and cell}
            found.setdefault(row["case"], []).append(cells)
    return found


CASES = cases()


def field(element: Any, name: str) -> Any:
    """A port or a field of one, such as ``weight_in.hops``."""
    port, _, inner = name.partition(".")
    return getattr(getattr(element, port), inner) if inner else getattr(element, port)


def differences(machine: Machine, cycles: list[dict[str, int]]) -> list[str]:
    """Run one case; every checked output that is not as the table says."""
    element, found, late = ProcessingElement(machine), [], machine.pipeline.mac - 1

    async def bench(context: Any) -> None:
        context.set(element.activation_in.int8, 1)
        sums = [cells["sum_out"] for cells in cycles]
        for cycle, cells in enumerate(cycles):
            for name, value in cells.items():
                signal = field(element, name)
                bits = value & ((1 << len(signal)) - 1)
                if name.partition(".")[0].endswith("_in"):
                    context.set(signal, bits)
            for name, value in cells.items():
                if not name.partition(".")[0].endswith("_out"):
                    continue
                signal = field(element, name)
                wanted = value
                if name == "sum_out":  # the only output that the depth of the pipeline delays
                    wanted = sums[cycle - late] if cycle >= late else 0
                got = context.get(signal)
                low = 8 if name.endswith(".value") else len(signal)
                if (got ^ wanted) & ((1 << low) - 1):
                    found.append(f"cycle {cycle}: {name} is {got:#x}, the table says {wanted}")
            await context.tick()

    simulate(element, bench)
    return found


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", CASES)
def test_the_element_does_what_the_table_says(case: str, machine: str) -> None:
    assert differences(MACHINES[machine], CASES[case]) == []


def test_the_table_would_show_a_wrong_element() -> None:
    wrong = [dict(cells) for cells in CASES["signs"]]
    wrong[2]["sum_out"] += 1
    assert differences(MACHINES["int8 only"], wrong) == ["cycle 2: sum_out is 0x4000, the table says 16385"]
