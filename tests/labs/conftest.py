"""The tiny lab tree on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labs.tiny import FILES, write
from weft.lab.tree import Lab, load_lab


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
