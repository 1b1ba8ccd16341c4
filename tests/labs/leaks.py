"""Solution text that must not reach students: the telling lines of every hole, looked for in what they get."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from weft.lab.markers import spans
from weft.lab.tree import Lab

TELLING, HEADING = 25, 45
"""Characters from which on a line of code is no common phrase, and the same for the head of a loop or a condition."""


def solution_lines(lab: Lab) -> dict[str, str]:
    """Telling line of a solution → its hole. A line that also stands outside the holes of its file is no secret."""
    found: dict[str, str] = {}
    for file in lab.files:
        text = lab.text(file)
        lines = text.splitlines()
        inside = {number: span.name for span in spans(text, file) for number in range(span.begin + 1, span.end - 1)}
        open_ = {_code(line) for number, line in enumerate(lines) if number not in inside}
        for number, hole in inside.items():
            code = _code(lines[number])
            if len(code) >= (HEADING if _is_head(code) else TELLING) and code not in open_:
                found[code] = f"{lab.name}, {hole}"
    return found


def _is_head(code: str) -> bool:
    return code.endswith(":") or code.startswith(("for ", "if "))


def _code(line: str) -> str:
    """A line without indentation; nothing if it is a comment."""
    code = line.strip()
    return "" if code.startswith("#") else code


def texts(handout: Path) -> dict[str, str]:
    """Every text in a hand-out, wheels unpacked: name → contents."""
    found: dict[str, str] = {}
    for path in sorted(path for path in handout.rglob("*") if path.is_file()):
        name = str(path.relative_to(handout))
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                found |= {f"{name}/{inner}": wheel.read(inner).decode("utf-8", "replace") for inner in wheel.namelist()}
        else:
            found[name] = path.read_bytes().decode("utf-8", "replace")
    return found


def leaks(labs: Iterable[Lab], handout: Path) -> list[str]:
    """Where solution text stands in a hand-out; empty if nowhere."""
    secrets = {code: hole for lab in labs for code, hole in solution_lines(lab).items()}
    return [
        f"{name}: {code!r} (solution of {hole})"
        for name, text in texts(handout).items()
        for code, hole in secrets.items()
        if code in text
    ]
