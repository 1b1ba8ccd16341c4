"""The pages say what is there: links, paths, verbs and tables of every Markdown file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tree import ROOT, place
from weft.cli import VERBS

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "labs").rglob("*.md"),
        ROOT / "weft/samples/README.md",
    ]
)
ABSENT = {"compiler/importers/", "compiler/targets/gpu/", "labs/manifest.json", "labs/N-name"}
"""What pages name without its being in a checkout: work not done yet, a hand-out, a pattern."""
PLACE = re.compile(r"`((?:isa|framework|rtl|sim|compiler|reports|weft|labs|examples|tests|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its fenced and indented code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def tables(page: Path) -> Iterator[list[str]]:
    """The tables of a page, as lines."""
    for block in re.findall(r"(?:^\|.*\n?)+", prose(page), flags=re.M):
        yield block.splitlines()


def cells(row: str) -> int:
    """Cells of a row; a bar that is escaped parts nothing."""
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere_and_not_through_a_link_of_the_file_system(page: Path) -> None:
    """A viewer of a repository shows ``weft/reports/x.py``, and nothing under the link ``reports``."""
    for target in LINK.findall(prose(page)):
        led = page.parent / target
        assert led.exists(), f"{named(page)} links to {target}"
        straight = Path(os.path.normpath(led))
        assert straight.resolve() == straight, f"{named(page)}: {target} goes through a link"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_are_there(page: Path) -> None:
    lost = [path for path in PLACE.findall(prose(page)) if path not in ABSENT and not place(path).exists()]
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_rows_have_the_cells_of_their_head(page: Path) -> None:
    for head, rule, *rows in tables(page):
        assert set(rule) <= set("|-: "), f"{named(page)}: {rule} under {head}"
        assert not [row for row in (rule, *rows) if cells(row) != cells(head)], f"{named(page)}: the table {head}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_are_verbs(page: Path) -> None:
    told = re.findall(r"`weft ([a-z]+)", page.read_text(encoding="utf-8"))
    assert set(told) <= set(VERBS)


def test_readme_tells_every_verb() -> None:
    told = re.findall(r"`weft ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(told) == set(VERBS)
