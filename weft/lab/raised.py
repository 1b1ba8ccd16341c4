"""An exception that a check ended with, as plain data: what it is, and the line of the student's that it belongs to."""

from __future__ import annotations

import linecache
import re
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from weft.lab.api import Difference, Unwritten
from weft.lab.limits import met

_NO_NAME = re.compile(r"cannot import name '(\w+)' from '(\w+)'")


@dataclass(frozen=True)
class _Frame:
    """A call that an exception went through; ``function`` is its qualified name as the file's text has it."""

    path: Path
    line: int
    function: str

    @property
    def place(self) -> dict[str, Any]:
        code = linecache.getline(str(self.path), self.line).strip()
        return {"file": self.path.name, "line": self.line, "code": code}


def failure(problem: BaseException, job: dict[str, Any], hole: str | None = None) -> dict[str, Any]:
    """An exception of a check of ``hole`` (None: while loading). ``student`` says whether its place is the student's.

    The place is the innermost line in the student's files; where the exception came up past these, the innermost in
    what the student wrote for this hole.
    """
    folder, files = Path(job["folder"]), job["files"]
    linecache.checkcache()
    if (missing := _missing(problem, folder, files)) is not None:
        return missing
    frames = _frames(problem)
    if isinstance(problem, Difference) and problem.__cause__ is not None and not _inside(frames, folder, files):
        frames = _frames(problem.__cause__)
    student = _inside(frames, folder, files)
    place: dict[str, Any] = {"file": None, "line": None, "code": None, "student": bool(student)}
    if student:
        written = [frame for frame in student if frames[-1] == student[-1] or _is_for(frame, job, hole)]
        place |= (written or student)[-1].place
    elif inside := [frame for frame in frames if frame.path.parent == folder]:
        place |= inside[-1].place
    if isinstance(problem, Unwritten):
        return {"kind": "unwritten", "hole": problem.hole} | place
    if isinstance(problem, Difference):
        told = {"what": problem.what, "expected": problem.expected, "actual": problem.actual}
        return {"kind": "difference"} | told | place
    if isinstance(problem, SyntaxError) and problem.filename:
        place |= {"file": Path(problem.filename).name, "line": problem.lineno, "code": (problem.text or "").strip()}
    text = _message(problem).replace(f"{folder}/", "")
    if (limit := met(problem)) is not None:
        text = f"{text}; {limit}" if text else limit
    return {"kind": "error", "type": type(problem).__name__, "text": text} | place


def _frames(problem: BaseException) -> list[_Frame]:
    return [
        _Frame(Path(frame.f_code.co_filename), line, frame.f_code.co_qualname.replace(".<locals>", ""))
        for frame, line in traceback.walk_tb(problem.__traceback__)
    ]


def _inside(frames: list[_Frame], folder: Path, files: list[str]) -> list[_Frame]:
    return [frame for frame in frames if frame.path.parent == folder and frame.path.name in files]


def _is_for(frame: _Frame, job: dict[str, Any], hole: str | None) -> bool:
    """Is it in the hole's function, or in a function that the lab's own file has not?"""
    owner = job["owners"].get(hole)
    if owner is not None and _belongs(frame.function, owner):
        return True
    return not any(_belongs(frame.function, name) for name in job["functions"].get(frame.path.name, ()))


def _belongs(function: str, outer: str) -> bool:
    return function == outer or function.startswith(f"{outer}.")


def _missing(problem: BaseException, folder: Path, files: list[str]) -> dict[str, Any] | None:
    """The failure where the checks, or another file, look for a name that a student's file has no longer."""
    asked = _frames(problem)[-1] if problem.__traceback__ is not None else None
    at_student = asked is not None and asked.path.parent == folder and asked.path.name in files
    name = module = None
    if isinstance(problem, ImportError) and (found := _NO_NAME.match(_message(problem))):
        name, module = found.groups()
    elif isinstance(problem, AttributeError) and isinstance(problem.obj, ModuleType) and not at_student:
        name, module = problem.name, problem.obj.__name__
    if name is None or f"{module}.py" not in files:
        return None
    by = f" (asked for in {asked.path.name}:{asked.line})" if asked is not None and at_student else ""
    text = f"{module}.py has no '{name}': it is gone or has another name there{by}"
    place = {"file": f"{module}.py", "line": None, "code": None, "student": True}
    return {"kind": "error", "type": type(problem).__name__, "text": text} | place


def _message(problem: BaseException) -> str:
    try:
        return str(problem)
    except Exception:
        return ""
