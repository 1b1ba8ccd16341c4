"""The student's files: read, and judged before anything runs: are they Python, do they import only what is allowed?"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from weft.base.reading import read_text
from weft.lab.markers import IMPORT, LabError, definitions, owner
from weft.lab.tree import Lab

ALWAYS = ("__future__", "typing")
"""Modules that every lab allows; besides them the starter's one line, ``markers.IMPORT``."""
RUNNER = "weft.lab"
MOST_BYTES = 1 << 20
"""The size of a file beyond which it is no student's work."""


@dataclass(frozen=True)
class SourceProblem:
    """What keeps a file from being run: ``line`` and ``code`` are None where there is no line to show."""

    file: str
    line: int | None
    text: str
    code: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.text}"


def read_sources(lab: Lab, folder: Path) -> tuple[dict[str, str], tuple[SourceProblem, ...]]:
    """The files with holes as they stand in ``folder``, and what speaks against running them."""
    sources: dict[str, str] = {}
    problems: list[SourceProblem] = []
    for file in lab.files:
        if (reason := _unfit(folder, file)) is not None:
            problems.append(SourceProblem(file, None, reason))
            continue
        try:
            sources[file] = read_text(folder / file, LabError)
        except LabError:
            problems.append(SourceProblem(file, None, "not UTF-8 text"))
    return sources, (*problems, *judge(lab, sources))


def _unfit(folder: Path, file: str) -> str | None:
    """Why a file is not read at all: a hand-in may hold anything, such as a pipe, or a link to the grader's own files.

    Raises OSError for one that may not be read.
    """
    path = folder / file
    if not os.path.lexists(path):
        return f"missing in {folder}; `weft lab reset` puts the starter there"
    if not path.is_file():
        return "not a regular file"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "a link to a file outside of its folder; a hand-in holds its own files"
    with path.open("rb"):
        size = path.stat().st_size
    return None if size <= MOST_BYTES else f"of {size:,} bytes; {MOST_BYTES:,} are the most that is checked"


def judge(lab: Lab, sources: Mapping[str, str]) -> tuple[SourceProblem, ...]:
    """Syntax errors and forbidden imports, by name and line."""
    return tuple(problem for file, text in sources.items() for problem in _judge_file(lab, file, text))


def _judge_file(lab: Lab, file: str, text: str) -> Iterator[SourceProblem]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as problem:
        yield SourceProblem(file, problem.lineno, f"not Python: {problem.msg}", (problem.text or "").strip() or None)
        return
    except (ValueError, RecursionError, MemoryError) as problem:
        deep = isinstance(problem, RecursionError | MemoryError)
        yield SourceProblem(file, None, f"not Python: {'nested too deeply' if deep else problem}")
        return
    own = {Path(name).stem for name in lab.files} | {path.stem for path in lab.given}
    allowed = own.union(lab.imports, ALWAYS)
    for line, module, name in _imports(tree):
        code = text.splitlines()[line - 1].strip()
        if module == RUNNER and name != "Unwritten":
            what = f"imports {name} from {RUNNER}" if name else f"imports {RUNNER}"
            yield SourceProblem(file, line, f"{what}; of it a lab's files may import one name: `{IMPORT}`", code)
        elif module != RUNNER and module.partition(".")[0] not in allowed:
            told = ", ".join(sorted(allowed))
            yield SourceProblem(file, line, f"imports {module}, which this lab does not allow; it allows {told}", code)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str | None]]:
    """Line, module, and the name that is taken from it (None: the module itself), of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names: list[str | None] = [alias.name for alias in node.names] if module == RUNNER else [None]
            yield from ((node.lineno, module, name) for name in names)


def line_of(lab: Lab, sources: Mapping[str, str], hole: str) -> tuple[str, int | None]:
    """Where a hole is in the student's files: the file, and the line of the function around it if it is still there."""
    file = lab.hole(hole).file
    around = owner(lab.text(file), hole, file)
    lines = (node.lineno for name, node in definitions(sources[file]) if name == around)
    return file, next(lines, None)
