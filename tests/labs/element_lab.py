"""The element lab's own tools, for tests of them: imported from its folder and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

LAB = Path(__file__).parents[2] / "labs" / "5-element"
NAMES = ("ports", "bench", "netlist", "formal", "element")


@contextmanager
def tools() -> Iterator[SimpleNamespace]:
    """The given modules as attributes of one object."""
    sys.path.insert(0, str(LAB))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(LAB))
        for name in NAMES:
            sys.modules.pop(name, None)
