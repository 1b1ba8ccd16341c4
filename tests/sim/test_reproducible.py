"""The hardware that is simulated has the same bytes in every process, whatever the hash seed, folder or history."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.rtl_tools import need_rtl

need_rtl()

pytestmark = [pytest.mark.rtl, pytest.mark.thorough]
ROOT = Path(__file__).parents[2]
ODD = str(ROOT / "tests" / "machines" / "odd.toml")
SCRIPT = """
import hashlib, pathlib, sys
from weft.isa.machine import load
from weft.rtl.verilog import export
from weft.sim.rtl.sharing import share
for name in sys.argv[1:]:
    plain = export(load(name))
    for kind, text in (("plain", plain), ("shared", share(plain))):
        pathlib.Path(f"{pathlib.Path(name).stem}.{kind}.v").write_bytes(text.encode())
"""


def started(folder: Path, seed: int, *machines: str) -> subprocess.Popen[bytes]:
    """A process that writes the Verilog of ``machines``, in this order, into ``folder``."""
    folder.mkdir()
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *machines], cwd=folder, env=environment)


def test_equal_machines_have_equal_bytes_in_every_process(tmp_path: Path) -> None:
    orders = [("nano", ODD), (ODD, "nano")]
    folders = [tmp_path / str(seed) for seed in range(len(orders))]
    processes = [started(folders[seed], seed, *order) for seed, order in enumerate(orders)]
    assert [process.wait() for process in processes] == [0] * len(orders)
    names = {path.name for folder in folders for path in folder.iterdir()}
    assert len(names) == 4
    for name in sorted(names):
        contents = {(folder / name).read_bytes() for folder in folders}
        assert len(contents) == 1, f"{name} is not the same in every process"
        text = contents.pop().decode()
        assert str(ROOT) not in text
        assert str(tmp_path) not in text
        assert not re.search(r"\b20\d\d-\d\d|\d\d:\d\d:\d\d", text), f"{name} names a time"
