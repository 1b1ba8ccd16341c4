"""The exported Verilog: plain names, every memory where the map says, and no complaint of Verilator's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog

from weft.base.errors import MissingToolError
from weft.isa.machine import load, presets
from weft.rtl.bus import axi_lite_members, axi_members
from weft.rtl.core import trace_members
from weft.rtl.fetch import Fetch
from weft.rtl.verilog import CELLS, TOP, export, memory_map
from weft.sim.rtl.sharing import share
from weft.sim.rtl.toolchain import lint

NANO = load("nano")


@pytest.fixture(scope="module")
def text() -> str:
    return export(NANO)


def test_the_top_has_exactly_the_documented_ports(text: str) -> None:
    head = re.search(rf"^module {TOP}\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    assert head is not None
    documented = {"clk", "rst", *axi_members(NANO), *axi_lite_members(), *trace_members()}
    assert set(re.findall(r"\w+", head[1])) == documented


def test_modules_have_plain_names_and_are_all_there(text: str) -> None:
    modules = re.findall(r"^module ([^\s(]+)", text, re.MULTILINE)
    assert len(set(modules)) == len(modules)
    assert all(re.fullmatch(r"weft_\w+", name) for name in modules), modules
    placed = set(re.findall(r"^  (\S+)\s+\S+ \(\n    \.", text, re.MULTILINE))
    assert placed <= set(modules)
    assert {cell.MODULE for cell in CELLS} <= placed


@pytest.mark.parametrize("preset", presets())
def test_the_memory_map_covers_every_byte_once(preset: str) -> None:
    machine = load(preset)
    covered = {
        "scratchpad": np.zeros(machine.scratchpad.bytes, np.uint8),
        "accumulator": np.zeros(machine.accumulator.bytes, np.uint8),
    }
    for place in memory_map(machine):
        for entry in range(place.entries):
            at = place.base + entry * place.step
            covered[place.memory][at : at + place.entry_bytes] += 1
    assert all((count == 1).all() for count in covered.values())


def test_mapped_memories_are_in_the_text_and_begin_as_zeros(text: str) -> None:
    for place in memory_map(NANO):
        module = re.search(rf"^module weft_{place.path} .*?^endmodule", text, re.MULTILINE | re.DOTALL)
        assert module is not None
        declared = f"reg [{8 * place.entry_bytes - 1}:0] {place.variable} [{place.entries - 1}:0];"
        assert declared in module[0]
        assert f"{place.variable}[{place.variable}_entry] = 0;" in module[0]


def test_simulators_with_events_evaluate_every_process_at_time_0(text: str) -> None:
    """Else a process whose inputs never change leaves X behind (``rtl.verilog.WAKE``)."""
    processes = re.findall(r"^  always @\*(.*\n.*\n)", text, re.MULTILINE)
    assert len(processes) > 100
    assert set(processes) == {" begin\n    if (\\$wake ) begin end\n"}
    for module in re.findall(r"^module .*?^endmodule", text, re.MULTILINE | re.DOTALL):
        wakes = "  reg \\$wake ;\n  initial \\$wake  <= 0;\n"
        assert module.count(wakes) == ("always @*" in module)
    assert "$auto$verilog_backend" not in text, "no signal of Yosys's is left for the same purpose"
    assert "$wake" not in share(text), "Verilator needs none of it, and would compile it"


def test_without_yosys_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> str:
        raise verilog.YosysError("Could not find an acceptable Yosys binary.")

    monkeypatch.setattr(verilog, "find_yosys", absent)
    small = "weft.rtl.verilog.Core"  # any small component will do
    monkeypatch.setattr(small, lambda machine, instances: Fetch(machine))
    with pytest.raises(
        MissingToolError, match=r"^Verilog export needs Yosys: pip install 'weftml\[rtl\]' \(Could not find"
    ):
        export(NANO)


@pytest.mark.rtl
def test_verilator_has_nothing_to_say(text: str, tmp_path: Path) -> None:
    path = tmp_path / "weft.v"
    path.write_text(text, encoding="utf-8")
    lint(path)
