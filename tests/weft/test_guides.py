"""Tutorials and how-tos do what they say: their files are written, their code and commands run, page by page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted([*(DOCS / "tutorials").glob("*.md"), *(DOCS / "how-to").glob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
SAVED = re.compile(r"Save (?:it|this) as `([\w.]+)`")


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of a page's fenced blocks."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.stem))
def test_a_guide_does_what_it_says(page: Path, weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = iter(SAVED.findall(page.read_text(encoding="utf-8")))
    variables: dict[str, Any] = {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), variables)
        elif language in ("text", "toml"):
            Path(next(names)).write_text(text, encoding="utf-8")
        else:
            assert language == "console", f"{page.name}: a block of {language}"
            for line in text.splitlines():
                prompt, name, *words = line.split()
                assert (prompt, name) == ("$", "weft"), line
                outcome = weft(*words)
                assert outcome.code == 0, (line, outcome)


def test_a_program_without_the_wait_is_refused_as_the_tutorial_says(weft: Any, tmp_path: Path) -> None:
    source = next(text for language, text in blocks(DOCS / "tutorials/first-program.md") if language == "text")
    (tmp_path / "half.s").write_text(source.replace(" wait=s0", ""), encoding="utf-8")
    outcome = weft("asm", tmp_path / "half.s", "-o", tmp_path / "half.weft")
    assert outcome.code == 2
    assert re.search(r"data race at byte .* \(load.* \(vector", outcome.err), outcome.err
