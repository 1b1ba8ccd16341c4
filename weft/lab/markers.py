"""Holes in a file: found by their markers, stripped for a starter, or filled with something else.

A hole is whole lines between ``# hole: name`` and ``# end hole``, at any indentation.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weft.base.errors import WeftError

WIDTH = 120
IMPORT = "from weft.lab import Unwritten"
NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_BEGIN = re.compile(r"^(\s*)# hole:\s*(.*?)\s*$")
_END = re.compile(r"^\s*# end hole\s*$")
_STRIPPED = re.compile(rf"^\s*raise Unwritten\(\"({NAME})\"\)")


class LabError(WeftError):
    """A lab tree, a workspace or a request that is not as it must be; the message says what and where."""


@dataclass(frozen=True)
class Span:
    """A hole's lines, markers included: ``lines[begin:end]`` counted from 0; ``indent`` is white space."""

    name: str
    begin: int
    end: int
    indent: str


def spans(text: str, where: str) -> tuple[Span, ...]:
    """The holes of a file in order. Raises LabError (``where``: the file's name) for markers that do not pair up."""
    found: list[Span] = []
    opened: tuple[str, int, str] | None = None
    for number, line in enumerate(text.splitlines()):
        if match := _BEGIN.match(line):
            if opened is not None:
                raise LabError(f"{where}:{number + 1}: a hole begins inside the hole '{opened[0]}'")
            name = match[2]
            if not re.fullmatch(NAME, name):
                raise LabError(f"{where}:{number + 1}: '{name}' is no hole's name; write it like topological-order")
            opened = (name, number, match[1])
        elif _END.match(line):
            if opened is None:
                raise LabError(f"{where}:{number + 1}: '# end hole' without a '# hole: name' before it")
            if number == opened[1] + 1:
                raise LabError(f"{where}:{number + 1}: the hole '{opened[0]}' is empty; it must hold the solution")
            found.append(Span(opened[0], opened[1], number + 1, opened[2]))
            opened = None
    if opened is not None:
        raise LabError(f"{where}:{opened[1] + 1}: the hole '{opened[0]}' has no '# end hole'")
    return tuple(found)


def unwritten(text: str) -> tuple[str, ...]:
    """Names of the holes that stand stripped in a file, in order."""
    return tuple(match[1] for line in text.splitlines() if (match := _STRIPPED.match(line)))


def strip(text: str, tasks: Mapping[str, str], where: str, only: Collection[str] | None = None) -> str:
    """The file with its holes (or ``only`` these) replaced by ``raise Unwritten``, the task in a comment beside it."""
    chosen = [span for span in spans(text, where) if only is None or span.name in only]
    if not chosen:
        return text
    lines = text.splitlines()
    for span in reversed(chosen):
        lines[span.begin : span.end] = _placeholder(span, tasks[span.name])
    return _with_import("\n".join(lines) + "\n", where)


def replace(text: str, hole: str, body: str, where: str) -> str:
    """The file with ``body`` (dedented lines) standing in ``hole``."""
    span = _span(text, hole, where)
    lines = text.splitlines()
    lines[span.begin : span.end] = textwrap.indent(body.rstrip("\n"), span.indent).splitlines()
    return "\n".join(lines) + "\n"


def body(text: str, hole: str, where: str) -> str:
    """What stands in ``hole``, without its indentation. Raises LabError if there is no such hole."""
    span = _span(text, hole, where)
    return textwrap.dedent("\n".join(text.splitlines()[span.begin + 1 : span.end - 1])) + "\n"


def _span(text: str, hole: str, where: str) -> Span:
    span = next((span for span in spans(text, where) if span.name == hole), None)
    if span is None:
        raise LabError(f"{where}: there is no hole '{hole}'")
    return span


def owner(text: str, hole: str, where: str) -> str | None:
    """The qualified name of the innermost function or class around a hole, marked or stripped; None at module level."""
    marked = {span.name: span.begin + 1 for span in spans(text, where)}
    stripped = {m[1]: n for n, line in enumerate(text.splitlines(), start=1) if (m := _STRIPPED.match(line))}
    line = marked.get(hole, stripped.get(hole))
    inside = [name for name, node in definitions(text) if line and node.lineno <= line <= (node.end_lineno or 0)]
    return max(inside, key=lambda name: name.count("."), default=None)


def definitions(text: str) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """(qualified name, node) of every function and class of a module, outermost first."""
    found = []
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(text))]
    while waiting:
        prefix, parent = waiting.pop(0)
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.append((prefix + node.name, node))
                waiting.append((f"{prefix}{node.name}.", node))
            else:
                waiting.append((prefix, node))
    return found


def _placeholder(span: Span, task: str) -> list[str]:
    line = f'{span.indent}raise Unwritten("{span.name}")'
    if len(line) + 4 + len(task) <= WIDTH:
        return [f"{line}  # {task}"]
    return [f"{span.indent}# {part}" for part in textwrap.wrap(task, WIDTH - 2 - len(span.indent))] + [line]


def _with_import(text: str, where: str) -> str:
    """Import Unwritten behind the leading imports, unless the file does so."""
    if IMPORT in text.splitlines():
        return text
    try:
        body = ast.parse(text).body
    except SyntaxError as problem:
        raise LabError(f"{where}: stripped, it is not Python ({problem.msg}); a hole is whole statements") from problem
    after = 0
    for position, node in enumerate(body):
        docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            break
        after = node.end_lineno or 0
    lines = text.splitlines()
    lines[after:after] = ["", IMPORT] if after else [IMPORT, ""]
    return "\n".join(lines) + "\n"
