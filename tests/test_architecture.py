"""The folder table: who may import whom, checked on the source of every module; and that all of it is one package."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tree import LINKED, PACKAGE, ROOT, of_a_checkout

RTL_ENGINES = ("sim/rtl/", "sim/pysim")
"""The only files of ``sim`` that may import the hardware design."""
FRONT = "front"
"""What lies in ``weft`` itself, its command line and its labs."""

ALLOWED = {
    "base": set(),
    "isa": {"base"},
    "framework": {"base"},
    "rtl": {"base", "isa"},
    "sim": {"base", "isa"},
    "compiler": {"base", "isa", "framework", "sim"},
    "reports": {"base", "isa", "framework", "rtl", "sim", "compiler"},
    FRONT: {"base", "isa", "framework", "rtl", "sim", "compiler", "reports"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def folder_of(module: str) -> str:
    """The row of the table that ``weft.<module>`` belongs to."""
    first = module.partition(".")[0]
    return first if first in ALLOWED else FRONT


def imported(path: Path) -> set[str]:
    """Rows of the table that a module imports from, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {folder_of(name.partition(".")[2]) for name in names if name.partition(".")[0] == "weft"}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_what_the_table_allows(path: Path) -> None:
    relative = str(path.relative_to(PACKAGE))
    folder = folder_of(relative.removesuffix(".py").replace("/", "."))
    allowed = ALLOWED[folder] | {folder}
    if relative.startswith(RTL_ENGINES):
        allowed |= {"rtl"}
    forbidden = imported(path) - allowed
    assert not forbidden, f"{relative} imports {', '.join(sorted(forbidden))}; {folder} may import {sorted(allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_says_its_idea_and_fits_in_a_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no docstring naming its idea"
    assert len(text.splitlines()) <= 400, f"{path.relative_to(ROOT)} is over 400 lines: what is its second idea?"


@pytest.mark.parametrize("folder", ["labs", "examples"])
def test_users_code_imports_only_the_front_door(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert imported(path) <= {FRONT}, f"{path.relative_to(ROOT)} imports past the front door"


@pytest.mark.smoke
def test_every_folder_of_the_table_is_there() -> None:
    assert {folder_of(".".join(path.relative_to(PACKAGE).parts)) for path in MODULES} == set(ALLOWED)
    assert set(LINKED) == set(ALLOWED) - {"base", FRONT}


@of_a_checkout
@pytest.mark.parametrize("name", LINKED)
def test_the_tree_reads_by_its_parts(name: str) -> None:
    link = ROOT / name
    assert link.is_symlink()
    assert link.readlink() == Path("weft") / name


@of_a_checkout
@pytest.mark.parametrize("name", LINKED)
def test_a_link_imports_nothing_twice(name: str) -> None:
    """In the checkout's root, where the link looks like a package of its own, importing it says what it is."""
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    told = f"ImportError: this package is weft.{name}; it cannot be imported as '{name}'"
    assert done.stderr.splitlines()[-1] == told


@pytest.mark.parametrize("name", LINKED)
def test_a_copy_of_a_part_imports_nothing_twice(name: str) -> None:
    """The package itself on the path, as an editor that was opened in ``weft/`` may put it there."""
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=PACKAGE, capture_output=True, text=True)
    assert done.returncode == 1
    told = f"ImportError: this package is weft.{name}; it cannot be imported as '{name}'"
    assert done.stderr.splitlines()[-1] == told


def test_tests_and_archives_find_weft_as_users_do() -> None:
    """By the installation: nothing adds a folder to the path of the tests, and only ``weft`` is packed."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert "pythonpath" not in tools["pytest"]["ini_options"]
    assert tools["setuptools"]["packages"] == {"find": {"include": ["weft*"]}}
