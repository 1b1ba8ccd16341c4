"""The tiny lab tree on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labs.tiny import FILES, Outcome, Weft, write
from weft.cli import main
from weft.lab.tree import VARIABLE, Lab, load_lab


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tiny tree, with a page of documentation beside it."""
    write(tmp_path / "labs", FILES)
    write(tmp_path / "docs", {"page.md": "# Page\n"})
    return tmp_path / "labs"


@pytest.fixture
def lab(tree: Path) -> Lab:
    """Its lab."""
    return load_lab(tree / "1-sums")


@pytest.fixture
def weft(capsys: pytest.CaptureFixture[str], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weft:
    """Run ``weft lab`` in an empty folder beside the tree."""
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(["lab", *words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return run
