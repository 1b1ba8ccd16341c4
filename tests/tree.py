"""The tree that the tests stand in: a checkout, or an unpacked source distribution, which has no links at its top."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "weft"
LINKED = ("compiler", "framework", "isa", "reports", "rtl", "sim")
"""Parts of the package that have a link at the top of a checkout."""
of_a_checkout = pytest.mark.skipif((ROOT / "PKG-INFO").is_file(), reason="a source distribution, which has no links")


def place(path: str) -> Path:
    """Where a path is that a page gives: ``sim/run.py`` lies in the package, whether or not a link leads there."""
    return (PACKAGE if path.partition("/")[0] in LINKED else ROOT) / path
