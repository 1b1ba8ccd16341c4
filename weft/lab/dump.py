"""Where a process that hangs or dies stands in the student's files: read from what ``faulthandler`` writes."""

from __future__ import annotations

import linecache
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FRAME = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)
_NOISE = re.compile(r'  File "|  \.\.\.|Current thread |Thread 0x|Extension modules:|\s*$')


def place(text: str, folder: Path, files: Sequence[str]) -> dict[str, Any]:
    """The innermost line of the student's files in a dump, as the runner reports places; ``student`` says if any."""
    for name, line in _FRAME.findall(text):
        path = Path(name)
        if path.parent == folder and path.name in files:
            code = linecache.getline(name, int(line)).strip()
            linecache.clearcache()
            return {"file": path.name, "line": int(line), "code": code or None, "student": True}
    return {"file": None, "line": None, "code": None, "student": False}


def cause(text: str) -> str:
    """A dump without its frames: such as ``Fatal Python error: Segmentation fault``."""
    return "\n".join(line for line in text.splitlines() if not _NOISE.match(line))
