"""RTL = fast engine in every cycle, event, beat and byte; both = interpreter in every byte: on random programs.

The machines: nano, one that is unusual in every number, one without bf16, and these at other bandwidths. A failure
names the seed and the first differences; ``random_program(machine, seed)`` makes the program again.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tests.bandwidths import at_bandwidth
from tests.sim.rtl_tools import need_rtl
from weft.isa.machine import Bus, Machine, load
from weft.sim.engines import get_engine
from weft.sim.fuzz import random_program
from weft.sim.run import Engine
from weft.sim.verify import verify

need_rtl()
pytestmark = pytest.mark.rtl

MACHINES = {
    "nano": load("nano"),
    **{name: load(Path(__file__).parents[1] / "machines" / f"{name}.toml") for name in ("odd", "bytes")},
    **{f"nano × {factor}": at_bandwidth("nano", factor) for factor in (0.25, 0.5, 2)},
    "nano × 4": load("nano", {"bus.bytes": 16}),
}
MACHINES["bytes × 2"] = dataclasses.replace(MACHINES["bytes"], bus=Bus(8, 16))  # a beat is a pair of words
CHUNK, SOAK_CHUNK = 20, 250
OTHERS = ("nano × 0.25", "nano × 0.5", "nano × 2", "nano × 4", "bytes × 2")
COUNTS = {"nano": 200, "odd": 40, "bytes": 20, **dict.fromkeys(OTHERS, 20)}
SOAK_COUNTS = {"nano": 5000, "odd": 1000, "bytes": 1000, **dict.fromkeys(OTHERS, 1000)}
MAX_CYCLES = 200_000


def chunks(counts: dict[str, int], size: int, first: int = 0) -> list[tuple[str, range]]:
    """(machine, seeds) of ``size`` programs each."""
    return [
        (name, range(seed, seed + size)) for name, count in counts.items() for seed in range(first, first + count, size)
    ]


def str_of(value: str | range) -> str:
    return value if isinstance(value, str) else f"{value.start}"


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [get_engine(name) for name in ("fast", "rtl", "interp")]


def assert_equal(machine: Machine, seeds: range, engines: list[Engine]) -> None:
    for seed in seeds:
        result = verify(random_program(machine, seed), engines, name=f"{machine.name} {seed}", max_cycles=MAX_CYCLES)
        assert result.differences == (), result.name
        assert set(result.cycles) == {"fast", "rtl"}


@pytest.mark.smoke
def test_a_few_random_programs(engines: list[Engine]) -> None:
    assert_equal(MACHINES["nano"], range(5), engines)


@pytest.mark.parametrize(("name", "seeds"), chunks(COUNTS, CHUNK), ids=str_of)
def test_random_programs(name: str, seeds: range, engines: list[Engine]) -> None:
    assert_equal(MACHINES[name], seeds, engines)


@pytest.mark.soak
@pytest.mark.skipif(os.environ.get("WEFT_SOAK") != "1", reason="a long run: set WEFT_SOAK=1")
@pytest.mark.parametrize(("name", "seeds"), chunks(SOAK_COUNTS, SOAK_CHUNK, first=10_000), ids=str_of)
def test_many_random_programs(name: str, seeds: range, engines: list[Engine]) -> None:
    assert_equal(MACHINES[name], seeds, engines)


@pytest.mark.parametrize("seed", [300, 301])
def test_amaranths_simulator_agrees_too(seed: int, engines: list[Engine]) -> None:
    program = random_program(MACHINES["nano"], seed, length=5)
    assert verify(program, [engines[1], get_engine("pysim")], max_cycles=MAX_CYCLES).differences == ()
