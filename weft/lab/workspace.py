"""A student's folder: made once from a lab's starters, recognised again, reset with a dated copy kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from weft.base.reading import parse_json, read_text, reading
from weft.files import filling
from weft.lab.links import moved
from weft.lab.markers import LabError, strip
from weft.lab.tree import Lab

MARKER = ".weft-lab"
"""The file that says which lab a folder is for."""
SCHEMA = 1


@dataclass(frozen=True)
class Workspace:
    """A student's folder, the name of its lab, and the tree it came from (None if that is no longer there)."""

    folder: Path
    lab: str
    tree: Path | None


def starters(lab: Lab) -> dict[str, str]:
    """The files with holes as a student gets them."""
    return {file: strip(lab.text(file), lab.tasks, str(lab.folder / file)) for file in lab.files}


def handed_out(lab: Lab, folder: Path) -> dict[str, str]:
    """Everything a new workspace in ``folder`` holds: starters, given files, the lab's text with links from there."""
    files = starters(lab) | {path.name: read_text(path, LabError) for path in lab.given}
    readme = lab.folder / "README.md"
    if readme.is_file():
        files["README.md"] = moved(read_text(readme, LabError), lab.folder, folder, files)
    return files


def init(lab: Lab, folder: Path) -> list[str]:
    """Make ``folder`` a workspace; the names of the files written. Raises LabError if any of them stands there."""
    files = handed_out(lab, folder)
    if folder.exists() and not folder.is_dir():
        raise LabError(f"{folder} is a file; give the name of a folder")
    if there := [name for name in (*files, MARKER) if (folder / name).exists()]:
        raise LabError(
            f"nothing written: {folder} already holds {', '.join(there)}; give another folder, or "
            f"`weft lab reset` there to begin again with a copy kept"
        )
    marker = {"schema": SCHEMA, "lab": lab.name, "tree": str(lab.folder.parent.resolve())}
    new_folder = not folder.exists()
    at = folder.parent
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        at = folder
        with filling(folder) as new:
            _write(new, files | {MARKER: json.dumps(marker, indent=2, allow_nan=False) + "\n"})
    except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as problem:
        if not new_folder:
            raise
        blocked = isinstance(problem, FileExistsError | NotADirectoryError)
        reason = "a file is in the way" if blocked else problem.strerror
        raise LabError(f"nothing written: the folder {at} cannot be made ({reason}); give another") from problem
    return list(files)


def reset(lab: Lab, workspace: Workspace, now: datetime) -> Path:
    """Put the starters back; the student's files are kept in the folder that is returned."""
    kept = workspace.folder / f"before-reset-{now:%Y-%m-%d-%H%M%S}"
    if kept.exists():
        raise LabError(f"{kept} is already there; wait a second and try again")
    files = handed_out(lab, workspace.folder)
    with filling(kept) as new:
        for file in files:
            if (workspace.folder / file).exists():
                shutil.copy2(workspace.folder / file, new / file)
    with filling(workspace.folder) as new:
        _write(new, files)
    return kept


def find_workspace(start: Path, lab: str | None = None) -> Workspace | None:
    """The workspace that ``start`` is in; else, if ``lab`` is named, the folder in ``start`` that is one for it."""
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            found = read_marker(folder)
            if lab is None or found.lab == lab:
                return found
            break
    if lab is not None:
        inside = (read_marker(path.parent) for path in sorted(start.glob(f"*/{MARKER}")))
        return next((found for found in inside if found.lab == lab), None)
    return None


def read_marker(folder: Path) -> Workspace:
    """The workspace in ``folder``. Raises LabError if its marker cannot be read."""
    path = folder / MARKER
    text = read_text(path, LabError)
    with reading(f"{path}: not readable", LabError, "`weft lab init` in a new folder makes another"):
        data = parse_json(text)
        tree = Path(data["tree"])
        return Workspace(folder, str(data["lab"]), tree if tree.is_dir() else None)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
