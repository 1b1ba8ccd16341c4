"""The bench in Verilator and Icarus: it passes under every back-pressure, equally, and fails for planted faults."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.bench.conftest import Run
from tests.sampling import sampled
from weft.isa.machine import load
from weft.sim.fuzz import random_program

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(shutil.which("make") is None, reason="cocotb's runner needs make for Verilator"),
]
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is absent: iverilog")
STALLS = ("0", "0.2", "0.7")

FAULTS = {
    "a bit of what is written": (
        r"assign m_axi_wdata = (.*);", r"assign m_axi_wdata = \1 ^ 1;",
        r"\d+ bytes of DRAM differ, the first at 0x\w+ \(buffer output, byte \d+\): 0x\w\w, expected 0x\w\w",
    ),
    "an X in what is written": (
        r"assign m_axi_wdata = .*;", "assign m_axi_wdata = 32'hx;",
        r"m_axi_wdata is X+ in bytes that are written \(strobe 0x\w+\)",
    ),
    "a size of beats that is not the bus's": (
        r"assign m_axi_awsize = .*;", "assign m_axi_awsize = 3'h3;", r"awsize is 3: not the 4 bytes of a beat",
    ),
    "a run that never ends": (
        r"halted <= .*;", "halted <= 1'h0;", r"no halt in \d+ cycles; the core is at instruction \d+",
    ),
    "a fault that is reported": (
        r"assign fault = \| .*;", "assign fault = 1'h1;",
        r"the core reports fault 0 \(none: no fault\) at instruction 0",
    ),
    "processes that nothing wakes at time 0": (r"initial \\\$wake  <= 0;", "", r"no halt in \d+ cycles"),
}  # fmt: skip
"""What is wrong → what it is in the Verilog, what stands there then, and what the test says."""


@pytest.fixture(scope="module")
def built(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench whose runs share one model of Verilator's."""
    return Path(shutil.copytree(written, tmp_path_factory.mktemp("built") / "kit"))


@pytest.mark.thorough
@pytest.mark.parametrize("stall", STALLS)
def test_verilator_runs_the_program_under_back_pressure(built: Path, run: Run, stall: str) -> None:
    run(built, "--stall", stall).passed()


@pytest.mark.thorough
@needs_icarus
@pytest.mark.parametrize("stall", STALLS)
def test_icarus_makes_the_cycles_that_verilator_makes(built: Path, run: Run, stall: str) -> None:
    """Stalls of one seed are the same while both cores do the same in every cycle."""
    icarus, verilator = (run(built, "--stall", stall, "--simulator", name).passed() for name in ("icarus", "verilator"))
    assert icarus.cycles == verilator.cycles


def plant(kit: Path, pattern: str, wrong: str) -> None:
    """Replace what ``pattern`` finds in the design."""
    path = kit / "weft_core.v"
    text, found = re.subn(pattern, wrong, path.read_text(encoding="utf-8"))
    assert found, f"nothing in {path.name} is {pattern}"
    path.write_text(text, encoding="utf-8")


@needs_icarus
@pytest.mark.parametrize("fault", sampled(FAULTS, 3))
def test_a_planted_fault_fails_the_test(kit: Path, run: Run, fault: str) -> None:
    pattern, wrong, says = FAULTS[fault]
    plant(kit, pattern, wrong)
    outcome = run(kit, "--simulator", "icarus", "--stall", "0")
    outcome.failed()
    assert re.search(f"AssertionError: {says}", outcome.printed), outcome.printed


@pytest.mark.thorough
def test_a_fault_that_is_planted_in_a_built_bench_is_seen(built: Path, run: Run) -> None:
    """Verilator's model is built anew for it, without being told."""
    good = (built / "weft_core.v").read_text(encoding="utf-8")
    plant(built, *FAULTS["a bit of what is written"][:2])
    try:
        run(built).failed("bytes of DRAM differ")
    finally:
        (built / "weft_core.v").write_text(good, encoding="utf-8")


@needs_icarus
def test_waves_are_written_and_a_test_is_run_alone(kit: Path, run: Run) -> None:
    run(kit, "--simulator", "icarus", "--waves", "--test", "program_runs").passed()
    assert (kit / "sim_build" / "icarus-waves" / "weft_core.fst").stat().st_size > 1000
    run(kit, "--simulator", "icarus", "--test", "nosuch").failed("no test was run: test_core.py has none called nosuch")


@needs_icarus
def test_verilog_that_does_not_compile_ends_in_a_sentence(kit: Path, run: Run) -> None:
    plant(kit, "endmodule", "endmodul")
    outcome = run(kit, "--simulator", "icarus")
    outcome.failed("icarus could not build or run the bench: Command failed with return code")
    assert "Traceback" not in outcome.printed


@needs_icarus
def test_the_memory_is_as_wide_as_the_bus_of_the_machine(written: Path, run: Run, tmp_path: Path) -> None:
    from weft.testbench import write

    machine = load("nano", {"bus.bytes": load("nano").widest_bus})
    assert machine.bus.bytes > load("nano").bus.bytes
    write(tmp_path / "kit", machine, random_program(machine, 3), "icarus")
    run(tmp_path / "kit").passed()
