"""Planted wrong solutions: what a student may well write in a hole, kept as edits of the solution.

``wrong/<hole>.toml`` has a table for each, ``[name-of-the-mistake]``, with ``why`` it is wrong, in one line, and either
``edit``, changes of the solution as in a unified diff, or the whole ``body`` that stands in the hole instead::

    [off-by-one]
    why = "leaves out the last"
    edit = '''
    -for value in values:
    +for value in values[:-1]:
         total += value
    '''

Lines begin with ``-`` where the solution has them, ``+`` where they come instead, a space where both have them; ``@@``
stands between two places. What each place takes away or keeps must be in the solution exactly once.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.base.reading import read_text, reading
from weft.lab.markers import LabError, body
from weft.lab.tree import Lab

FOLDER = "wrong"
KEYS = ("why", "edit", "body")
_BETWEEN = "@@"


@dataclass(frozen=True)
class Mistake:
    """A wrong solution: ``text``, in lines without indentation, stands in the hole; ``why`` is one line."""

    hole: str
    name: str
    why: str
    text: str

    def __str__(self) -> str:
        return f"{FOLDER}/{self.hole}.toml: {self.name}"


def path_of(lab: Lab, hole: str) -> Path:
    """The file that holds the mistakes of a hole."""
    return lab.folder / FOLDER / f"{hole}.toml"


def mistakes(lab: Lab, hole: str) -> tuple[Mistake, ...]:
    """The planted wrong solutions of a hole, in the order of the file; none if there is no file. Raises LabError."""
    path = path_of(lab, hole)
    if not path.is_file():
        return ()
    text = read_text(path, LabError)
    with reading(f"{path}: not valid TOML", LabError):
        tables = tomllib.loads(text)
    file = lab.hole(hole).file
    solution = body(lab.text(file), hole, file)
    return tuple(_mistake(f"{path}: {name}", hole, name, table, solution) for name, table in tables.items())


def strays(lab: Lab) -> list[str]:
    """What lies in ``wrong`` and belongs to no hole."""
    known = {path_of(lab, hole).name for hole in lab.tasks}
    there = sorted(path.name for path in (lab.folder / FOLDER).glob("*"))
    return [f"{FOLDER}/{name} belongs to no hole" for name in there if name not in known]


def edited(solution: str, edit: str, where: str) -> str:
    """``solution`` with the changes of ``edit``. Raises LabError that begins with ``where`` unless each fits once."""
    lines = solution.splitlines()
    changes = sorted((_change(lines, hunk, where) for hunk in _hunks(edit, where)), reverse=True)
    for (begin, _, _), (_, end, _) in itertools.pairwise(changes):
        if begin < end:
            raise LabError(f"{where}: edit: two places overlap at {lines[begin]!r}")
    for begin, end, new in changes:
        lines[begin:end] = new
    return "\n".join(lines) + "\n"


def _mistake(where: str, hole: str, name: str, table: object, solution: str) -> Mistake:
    if not isinstance(table, dict):
        raise LabError(f"{where}: must be a table, [{name}]")
    if unknown := sorted(set(table) - set(KEYS)):
        raise LabError(f"{where}: {unknown[0]}: unknown key; known are {', '.join(KEYS)}")
    why = _text(where, table, "why").strip()
    if "\n" in why or not why:
        raise LabError(f"{where}: why: must say in one line what is wrong")
    if ("edit" in table) == ("body" in table):
        raise LabError(f"{where}: must have either an edit or a body")
    if "body" in table:
        text = _text(where, table, "body").rstrip("\n") + "\n"
    else:
        text = edited(solution, _text(where, table, "edit"), where)
    if text == solution:
        raise LabError(f"{where}: is the solution itself")
    return Mistake(hole, name, why, f"# {why}\n{text}")


def _text(where: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise LabError(f"{where}: {key}: {'missing' if value is None else 'must be a text'}")
    return value


def _hunks(edit: str, where: str) -> list[list[str]]:
    """The places of an edit, each as its marked lines. An empty line is one that both have."""
    hunks: list[list[str]] = [[]]
    for line in edit.splitlines():
        if line == _BETWEEN:
            hunks.append([])
        elif line[:1] in ("-", "+", " ", ""):
            hunks[-1].append(line or " ")
        else:
            raise LabError(f"{where}: edit: a line must begin with '-', '+' or a space, unlike {line!r}")
    return hunks


def _change(lines: list[str], hunk: list[str], where: str) -> tuple[int, int, list[str]]:
    """Where in ``lines`` a hunk fits, and what stands there then."""
    old = [line[1:] for line in hunk if line[0] != "+"]
    new = [line[1:] for line in hunk if line[0] != "-"]
    if not old or old == new:
        raise LabError(f"{where}: edit: a place must name lines of the solution, and change something")
    found = [at for at in range(len(lines) - len(old) + 1) if lines[at : at + len(old)] == old]
    if len(found) != 1:
        raise LabError(f"{where}: edit: in the solution {len(found)} times instead of once: {old[0]!r}")
    return found[0], found[0] + len(old), new
