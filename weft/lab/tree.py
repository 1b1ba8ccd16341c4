"""The tree of labs: found, read and validated. An error says which file and which key."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.base.distribution import SOURCE
from weft.base.reading import read_text, reading
from weft.edition import is_course
from weft.isa.text import unknown
from weft.lab.markers import NAME, LabError, spans, unwritten

GRADER = "grade.py"
"""The file of a lab's folder that holds its checks."""
VARIABLE = "WEFT_LABS"
"""The environment variable that names a tree."""
SECONDS = 10
"""Time limit of one check, unless the lab's ``seconds`` says otherwise."""
FOLDER = re.compile(r"(\d+)-([a-z0-9-]+)")


@dataclass(frozen=True)
class Hole:
    """One thing to write: its file, what to do, hints from gentle to nearly there, the holes that it builds on."""

    name: str
    file: str
    task: str
    hints: tuple[str, ...]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lab:
    """A lab of the tree; ``files`` hold the holes, ``given`` are pristine files that are copied beside them."""

    folder: Path
    number: int
    title: str
    summary: str
    hours: str
    files: tuple[str, ...]
    given: tuple[Path, ...]
    needs: tuple[str, ...]
    imports: tuple[str, ...]
    seconds: int
    holes: tuple[Hole, ...]

    @property
    def name(self) -> str:
        """The folder's name, such as ``1-autodiff``."""
        return self.folder.name

    @property
    def tasks(self) -> dict[str, str]:
        """Hole → task."""
        return {hole.name: hole.task for hole in self.holes}

    def foundations(self, name: str) -> frozenset[str]:
        """The holes that a hole builds on, those that these build on, and so on."""
        direct = self.hole(name).after
        return frozenset(direct).union(*(self.foundations(other) for other in direct))

    def text(self, file: str) -> str:
        """A file of the lab as it stands in the tree."""
        return read_text(self.folder / file, LabError)

    def hole(self, name: str) -> Hole:
        """The hole called ``name``. Raises LabError."""
        for hole in self.holes:
            if hole.name == name:
                return hole
        raise LabError(f"lab {self.name}: {unknown('hole', name, self.tasks)}")


def find_tree(given: Path | None = None, near: Path | None = None) -> Path:
    """The folder that holds the labs: ``given``, else $WEFT_LABS, else ``near`` (where a workspace came from), else
    ``labs`` here or in a parent, else that of the checkout weft runs from. Raises LabError."""
    asked = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if asked is not None:
        for folder in (asked, asked / "labs"):
            if _holds_labs(folder):
                return folder.resolve()
        source = "--tree" if given else VARIABLE
        raise LabError(f"{source} {asked}: no labs there; expected folders such as 1-name, each with a lab.toml")
    here = Path.cwd()
    places = [near] if near is not None else []
    places += [place for parent in (here, *here.parents) for place in (parent, parent / "labs")]
    places.append(Path(__file__).parents[2] / "labs")
    for place in places:
        if _holds_labs(place):
            return place.resolve()
    advice = f"go to the folder of the hand-out, or name it with --tree DIR or {VARIABLE}"
    if not is_course():
        advice += f"; weft's own labs are in its source distribution: {SOURCE}"
    raise LabError(f"no labs found in {here} or above it; {advice}")


def _holds_labs(folder: Path) -> bool:
    return folder.is_dir() and any(_folders(folder))


def _folders(tree: Path) -> list[Path]:
    found = [path.parent for path in tree.glob("*/lab.toml") if FOLDER.fullmatch(path.parent.name)]
    return sorted(found, key=lambda path: (int(path.name.partition("-")[0]), path.name))


def load_labs(tree: Path) -> tuple[Lab, ...]:
    """Every lab of a tree by number. Raises LabError."""
    labs = tuple(load_lab(folder) for folder in _folders(tree))
    for number, count in Counter(lab.number for lab in labs).items():
        if count > 1:
            same = ", ".join(lab.name for lab in labs if lab.number == number)
            raise LabError(f"{tree}: two labs have the number {number}: {same}")
    return labs


def find_lab(tree: Path, wanted: str) -> Lab:
    """The lab with this number or name (``1``, ``autodiff`` or ``1-autodiff``). Raises LabError."""
    folders = _folders(tree)
    for folder in folders:
        if wanted in (folder.name, *folder.name.split("-", 1)):
            return load_lab(folder)
    raise LabError(unknown("lab", wanted, [folder.name for folder in folders]))


def load_lab(folder: Path) -> Lab:
    """Read and validate one lab. Raises LabError that names file and key."""
    reader = _Reader(folder / "lab.toml")
    files, given = reader.texts("files"), reader.texts("given", ())
    if not files:
        reader.fail("files", "must name at least one file")
    for key, names in (("files", files), ("given", given)):
        for name in names:
            if not (folder / name).is_file():
                reader.fail(key, f"there is no file {name}")
            if (stem := Path(name).stem) in sys.stdlib_module_names or stem == "grade":
                reader.fail(key, f"{name} would hide the module '{stem}'; give it another name")
    if twice := [n for n, c in Counter(Path(n).name for n in (*files, *given)).items() if c > 1]:
        reader.fail("given", f"{twice[0]} is named twice; files are copied side by side")
    if not (folder / GRADER).is_file():
        raise LabError(f"{folder / GRADER}: missing; it holds the lab's checks")
    lab = Lab(
        folder,
        int(folder.name.partition("-")[0]),
        reader.text("title"),
        reader.text("summary"),
        reader.text("hours"),
        files,
        tuple(folder / name for name in given),
        reader.texts("needs", ()),
        reader.texts("imports", ()),
        reader.integer("seconds", SECONDS),
        reader.holes(_places(folder, files)),
    )
    reader.finish()
    return lab


def _places(folder: Path, files: tuple[str, ...]) -> dict[str, str]:
    """Hole → the file it is in, marked or stripped, in working order."""
    places: dict[str, str] = {}
    for file in files:
        text = read_text(folder / file, LabError)
        for name in (*(span.name for span in spans(text, str(folder / file))), *unwritten(text)):
            if name in places:
                raise LabError(f"{folder / file}: the hole '{name}' is there twice (also in {places[name]})")
            places[name] = file
    return places


class _Reader:
    """Typed access to a lab.toml; every failure names file and key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_text(path, LabError)
        with reading(f"{path}: not valid TOML", LabError):
            self.data: Mapping[str, Any] = tomllib.loads(text)
        self.known = {"hole"}

    def fail(self, key: str, reason: str) -> None:
        raise LabError(f"{self.path}: {key}: {reason}")

    def get(self, key: str, default: object = None) -> Any:
        self.known.add(key)
        if key not in self.data and default is None:
            self.fail(key, "missing")
        return self.data.get(key, default)

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"{value!r} is not a text")
        return str(value)

    def integer(self, key: str, default: int) -> int:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fail(key, f"{value!r} is not a positive whole number")
        return int(value)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            self.fail(key, f'{value!r} is not a list of texts such as ["a", "b"]')
        return tuple(value)

    def holes(self, places: Mapping[str, str]) -> tuple[Hole, ...]:
        rows = self.data.get("hole")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self.fail("hole", "there must be at least one [[hole]]")
        found: dict[str, Hole] = {}
        for number, row in enumerate(rows or (), start=1):
            where = f"hole {number}"
            for key in ("name", "task"):
                if not isinstance(row.get(key), str) or not row[key].strip() or "\n" in row[key]:
                    self.fail(f"{where}: {key}", f"{row.get(key)!r} is not one line of text")
            name, hints = row["name"], row.get("hints")
            if not re.fullmatch(NAME, name):
                self.fail(f"{where}: name", f"'{name}' must be written like topological-order")
            if not isinstance(hints, list) or not hints or not all(isinstance(hint, str) for hint in hints):
                self.fail(f"{where} ({name}): hints", "must be a list of at least one text")
            if unknown := sorted(set(row) - {"name", "task", "hints", "after"}):
                self.fail(f"{where} ({name}): {unknown[0]}", "unknown key; known are name, task, hints, after")
            after = row.get("after", [])
            if not isinstance(after, list) or not all(isinstance(other, str) for other in after):
                self.fail(f"{where} ({name}): after", "must be a list of names of holes")
            if later := [other for other in after if other not in found]:
                self.fail(f"{where} ({name}): after", f"'{later[0]}' is no earlier hole of this lab")
            if name in found:
                self.fail(f"{where}: name", f"'{name}' is there twice")
            if name not in places:
                self.fail(f"{where}: name", f"'{name}' is in none of the files; it is marked '# hole: {name}'")
            found[name] = Hole(name, places[name], row["task"], tuple(hints), tuple(after))
        for name in places:
            if name not in found:
                self.fail("hole", f"'{name}' is marked in {places[name]} and has no [[hole]] here")
        return tuple(found.values())

    def finish(self) -> None:
        for key in self.data:
            if key not in self.known:
                self.fail(key, f"unknown key; known are {', '.join(sorted(self.known))}")
