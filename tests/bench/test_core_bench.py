"""Runs the cocotb bench: builds the core once with Verilator, then one compiled program under three back-pressures."""

from __future__ import annotations

import os
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")
pytest.importorskip("cocotb_tools", reason="needs cocotb: pip install 'weftml[dev]'")

from weft.isa.container import save
from weft.isa.machine import load as load_machine
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.rtl.toolchain import find_toolchain

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(shutil.which("make") is None, reason="cocotb's runner needs make"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nano core as an executable that cocotb drives."""
    from cocotb_tools.runner import get_runner

    from weft.rtl.verilog import export

    tools = find_toolchain()
    folder = tmp_path_factory.mktemp("bench")
    shim = folder / "bin" / "verilator"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nVERILATOR_ROOT="{tools.root}" exec "{tools.verilator}" "$@"\n')
    shim.chmod(0o755)
    source = folder / "weft.v"
    source.write_text(export(load_machine("nano")))
    os.environ["PATH"] = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["VERILATOR_ROOT"] = str(tools.root)
    os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    runner = get_runner("verilator")
    runner.build(
        sources=[source],
        hdl_toplevel="weft_core",
        build_dir=folder / "build",
        build_args=["-Wno-fatal", "--x-assign", "0"],
        always=True,
    )
    return folder


@pytest.mark.parametrize("case", ["never_stalls", "stalls_sometimes", "stalls_mostly"])
def test_program_survives_random_back_pressure(built: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from cocotb_tools.runner import get_runner

    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])  # cocotb's Python imports from here
    program = random_program(load_machine("nano"), 3)
    before = program.image()
    run = FastEngine().run(program, before)
    save(program, built / "program.weft")
    np.savez(built / "expected.npz", before=before, after=run.dram, cycles=run.cycles)
    results = get_runner("verilator").test(
        hdl_toplevel="weft_core",
        hdl_toplevel_lang="verilog",
        test_module="core_bench",
        test_filter=case,  # one simulation each: on-chip memories are zero only at its start
        build_dir=built / "build",
        test_dir=built,
        results_xml=str(built / "results.xml"),
        extra_env={
            "WEFT_BENCH_PROGRAM": str(built / "program.weft"),
            "WEFT_BENCH_EXPECTED": str(built / "expected.npz"),
        },
    )
    cases = ET.parse(results).getroot().iter("testcase")
    outcome = {case.get("name"): case.find("failure") is None and case.find("error") is None for case in cases}
    assert outcome == {case: True}
