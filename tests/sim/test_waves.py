"""Waveforms read back tell the same cycles as the run; hierarchy and names are those of the design."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from weft.base.errors import MissingToolError
from weft.isa.assembler import assemble
from weft.isa.errors import DeadlockError
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.sim.engines import WAVES, get_engine
from weft.sim.fast.engine import FastEngine
from weft.sim.run import Run

pytest.importorskip("amaranth", reason="Amaranth is absent: pip install 'weftml[rtl]'")
vcdvcd = pytest.importorskip("vcdvcd", reason="vcdvcd is absent: pip install 'weftml[dev]'")

PROGRAM = """
.machine nano
.data 0x2000 hex 0102030405060708
load dram=0x2000 local=sp[0] bytes=8 post=s0
store dram=0x2040 local=sp[0] bytes=8 wait=s0
halt
"""

TOPS = {"rtl": "TOP.weft_core", "pysim": "bench.top"}
"""Where each engine's file holds the core."""


class Wave:
    """A waveform file: values by name below the core."""

    def __init__(self, path: Path, top: str) -> None:
        self.vcd = vcdvcd.VCDVCD(str(path))
        self.top = top

    def names(self) -> list[str]:
        """Signal names below the core, without their widths."""
        prefix = self.top + "."
        return [name[len(prefix) :].split("[")[0] for name in self.vcd.references_to_ids if name.startswith(prefix)]

    def changes(self, name: str) -> list[tuple[int, int]]:
        """(time, value) at every change."""
        full = next(n for n in self.vcd.references_to_ids if n.split("[")[0] == f"{self.top}.{name}")
        return [(time, int(value, 2) if "x" not in value else 0) for time, value in self.vcd[full].tv]

    def value(self, name: str, time: int) -> int:
        """The value at ``time``."""
        return [value for at, value in self.changes(name) if at <= time][-1]

    def cycles_of(self, strobe: str) -> list[int]:
        """The cycles of the run in which ``strobe`` is 1, sampled at the end of each cycle, as a flip-flop does."""
        starts = [(time, value) for time, value in self.changes("trace_cycle")]
        length = starts[-1][0] - starts[-2][0]
        running = next(time for time, value in self.changes("trace_running") if value)
        numbered = [(max(time, running), value) for time, value in starts if time + length > running]
        return [cycle for begin, cycle in numbered if self.value(strobe, begin + length - 1)]


@pytest.fixture(scope="module", params=WAVES)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Wave, Run]:
    path = tmp_path_factory.mktemp("waves") / "out.vcd"
    try:
        run = get_engine(request.param, wave=path).run(assemble(PROGRAM))
    except MissingToolError as missing:
        pytest.skip(str(missing))
    return Wave(path, TOPS[request.param]), run


def test_strobes_are_in_the_cycles_of_the_trace(recorded: tuple[Wave, Run]) -> None:
    wave, run = recorded
    program, trace = assemble(PROGRAM), FastEngine().run(assemble(PROGRAM)).trace
    assert trace is not None
    assert run.trace is not None
    assert run.trace.retire.tolist() == trace.retire.tolist()
    assert wave.cycles_of("trace_dispatch_valid") == trace.dispatch.tolist()
    for unit in UNITS:
        mine = [i for i, pc in enumerate(trace.pc.tolist()) if program.instructions[pc].spec.unit == unit]
        assert wave.cycles_of(f"trace_{unit}_start") == trace.start[mine].tolist()
        assert wave.cycles_of(f"trace_{unit}_retire") == trace.retire[mine].tolist()


def test_names_are_those_of_the_design(recorded: tuple[Wave, Run]) -> None:
    wave, _ = recorded
    names = wave.names()
    for expected in (
        "m_axi_araddr", "dispatch.valid", "fetch.want", "issue.load_queue.", "matrix.array.element_3_3.",
        "vector.lane0.", "load.walker.", "store.", "scratchpad.", "accumulator.", "control.running",
    ):  # fmt: skip
        assert any(name.startswith(expected) for name in names), f"{expected} is not among {names[:40]}"
    assert not [name for name in names if re.search(r"\.\$(\d|auto)", name)]


def test_a_run_that_ends_early_leaves_its_waveform(recorded: tuple[Wave, Run], tmp_path: Path) -> None:
    _, run = recorded
    path = tmp_path / "short.vcd"
    with pytest.raises(DeadlockError):
        get_engine(run.engine, wave=path).run(assemble(PROGRAM), max_cycles=40)
    wave = Wave(path, TOPS[run.engine])
    assert wave.changes("trace_cycle")[-1][1] in (39, 40)


def test_a_full_disk_is_an_error_and_no_crash(recorded: tuple[Wave, Run]) -> None:
    _, run = recorded
    with pytest.raises(OSError, match="No space left on device") as caught:
        get_engine(run.engine, wave="/dev/full").run(long_program())
    assert caught.value.errno == errno.ENOSPC


def long_program() -> Program:
    """Enough cycles that the file is written to while the run goes on."""
    return assemble(PROGRAM.replace("halt", "loop count=20\nload dram=0x2000 local=sp[0] bytes=8\nend\nhalt"))
