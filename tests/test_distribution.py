"""The distribution's name and version are said once, and every hint is made of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import weft
from tests.tree import ROOT
from weft import edition
from weft.base.distribution import NAME, VERSION, install
from weft.cli import OPTIONAL

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUFFIXES = (".py", ".md", ".toml", ".in", ".lock", "")
FOLDERS = (".ci", "docs", "examples", "labs", "requirements", "tests", "weft")
TEXTS = {
    path: path.read_text(encoding="utf-8", errors="replace")  # what a coverage run leaves is no text
    for place in (ROOT, *(ROOT / folder for folder in FOLDERS))
    for path in (place.glob("*") if place == ROOT else place.rglob("*"))
    if path.is_file() and path.suffix in SUFFIXES and "venv" not in path.parts
}
"""Every text of the project that may name the distribution."""
HINT = re.compile(r"\bweft\\?\[(?:rtl|trace|labs|dev)|pip3? install '?weft\b(?![-/])|--no-emit-package weft\b")
"""A hint that names another project's distribution."""


def test_every_hint_names_the_distribution() -> None:
    assert HINT.search("pip install 'weft[rtl]'")
    assert HINT.search("pip install weft && weft demo")
    assert not HINT.search("pip install weftml && weft demo")
    found = [path for path, text in TEXTS.items() if path != Path(__file__) and HINT.search(text)]
    assert found == []


def test_a_hint_is_written_by_one_function() -> None:
    hints = [path for path, text in TEXTS.items() if path.is_relative_to(ROOT / "weft") and NAME in text]
    assert hints == [ROOT / "weft/base/distribution.py"]


def test_hints() -> None:
    assert install() == f"pip install {NAME}"
    assert install("rtl") == f"pip install '{NAME}[rtl]'"
    assert set(OPTIONAL.values()) <= PROJECT["optional-dependencies"].keys()


def test_the_project_is_the_distribution() -> None:
    assert PROJECT["name"] == NAME
    assert PROJECT["scripts"] == {"weft": "weft.cli:main"}
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT


def test_the_version_stands_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert weft.__version__ == VERSION
    monkeypatch.setattr(edition, "LEFT_OUT", ("nn",))
    assert edition.version() == f"{VERSION}+course"
    quoted = re.compile(rf"""["']{re.escape(VERSION)}["']""")
    code = [path for path, text in TEXTS.items() if path.suffix in (".py", ".toml") and quoted.search(text)]
    assert code == [ROOT / "weft/base/distribution.py"]


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\S+?),", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings[0] == VERSION


def test_pages_name_the_wheel_of_the_course_edition() -> None:
    from weft.lab.wheel import filename

    pages = [text for path, text in TEXTS.items() if path.suffix == ".md"]
    named = {name for text in pages for name in re.findall(r"[\w.+-]+\.whl", text)}
    assert named == {filename()}
