"""``weft sim --trace`` and ``--wave``: whole files or none, refused before any work where they cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.weft.conftest import Weft


def test_a_trace_is_written_and_named(weft: Weft, program: Path, tmp_path: Path) -> None:
    pytest.importorskip("perfetto")
    outcome = weft("sim", program, "--trace", tmp_path / "t.pftrace")
    assert outcome.code == 0
    assert outcome.out.endswith(f"trace         {tmp_path / 't.pftrace'}\n")
    again = weft("sim", program, "--trace", tmp_path / "u.pftrace", "--json")
    assert json.loads(again.out)["trace"] == str(tmp_path / "u.pftrace")
    assert (tmp_path / "t.pftrace").read_bytes() == (tmp_path / "u.pftrace").read_bytes()


def test_a_waveform_is_written_even_where_the_run_fails(weft: Weft, program: Path, tmp_path: Path) -> None:
    pytest.importorskip("amaranth")
    wave = tmp_path / "w.vcd"
    wave.write_text("old")
    words = ("sim", program, "--engine", "pysim", "--wave", wave)
    weft(*words, "--max-cycles", 30).refused(4, "did not halt within 30 cycles", f"end of the run is in {wave}")
    assert wave.read_text().startswith("$comment")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.weft", "w.vcd"]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["--wave", "w.vcd"], ["--wave: engine 'fast' has no signals; use --engine rtl or --engine pysim"]),
        (["--wave", "w.vcd", "--engine", "interp"], ["--wave: engine 'interp' has no signals; use --engine rtl or"]),
        (["--trace", "t.pftrace", "--engine", "interp"], ["--trace: engine 'interp' has no cycles; use --engine fast"]),
        (["--trace", "no/t.pftrace"], ["'--trace': the directory", "no does not exist; make it first"]),
        (["--wave", "."], ["'--wave': . is a directory; give the name of a file"]),
        (["--wave", "x", "--trace", "x", "--engine", "pysim"], ["--trace and --wave both name x; give two files"]),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    words: list[str], texts: list[str], weft: Weft, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> None:
        raise AssertionError("nothing may run")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weft.sim.engines.get_engine", run)
    weft("sim", program, *words).refused(2, *texts)
    assert list(tmp_path.iterdir()) == [program]


def test_a_full_disk_names_the_file(weft: Weft, program: Path) -> None:
    pytest.importorskip("perfetto")
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    weft("sim", program, "--trace", "/dev/full").refused(2, "/dev/full: No space left on device")
