"""The folder table: who may import whom, checked on the source of every module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RTL_ENGINES = ("sim/rtl/", "sim/pysim")
"""The only files of ``sim`` that may import the hardware design."""

ALLOWED = {
    "isa": set(),
    "framework": set(),
    "rtl": {"isa"},
    "sim": {"isa"},
    "compiler": {"isa", "framework", "sim"},
    "reports": {"isa", "framework", "rtl", "sim", "compiler"},
    "weft": {"isa", "framework", "rtl", "sim", "compiler", "reports"},
}
MODULES = sorted(path for folder in ALLOWED for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level packages of ours that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found & set(ALLOWED)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_imports_only_what_the_table_allows(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    folder = relative.split("/")[0]
    allowed = ALLOWED[folder] | {folder}
    if relative.startswith(RTL_ENGINES):
        allowed |= {"rtl"}
    forbidden = imported(path) - allowed
    assert not forbidden, f"{relative} imports {', '.join(sorted(forbidden))}; {folder} may import {sorted(allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_says_its_idea_and_fits_in_a_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no docstring naming its idea"
    assert len(text.splitlines()) <= 400, f"{path.relative_to(ROOT)} is over 400 lines: what is its second idea?"


@pytest.mark.parametrize("folder", ["labs", "examples"])
def test_users_code_imports_only_the_front_door(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert imported(path) <= {"weft"}, f"{path.relative_to(ROOT)} imports past the front door"


def test_every_folder_of_the_table_is_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(ALLOWED)
